"""The report on a detector, for people and programs: what was measured, put together, drawn and printed."""
