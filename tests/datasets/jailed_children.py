"""Who lives in the jail."""

from pathlib import Path

from datasets.jail_births import nursery


def children() -> list[int]:
    """Our jailed children, all forked by the nursery of this process."""
    pid = nursery().pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
