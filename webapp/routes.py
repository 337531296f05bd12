"""Parts of addresses that several blueprints share."""

MAX_ROW_ID = 2**63 - 1
"""The largest number of a row that a database takes; a larger one is simply not found."""

ROW_ID = f"int(max={MAX_ROW_ID})"
