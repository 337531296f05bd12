"""How numbers are said to people, on pages and in sentences."""


def counted(n: int, one: str, several: str | None = None) -> str:
    """A number with what it counts, such as "1 part" and "2 parts"."""
    return f"{n} {one if n == 1 else several or one + 's'}"
