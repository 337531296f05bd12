"""How numbers are said to people, on pages and in sentences."""


def counted(n: int, one: str, several: str | None = None) -> str:
    """A number with what it counts, such as "1 part" and "2 parts"."""
    return f"{n} {one if n == 1 else several or one + 's'}"


def percent(share: float, *, stated: bool = False) -> str:
    """A share in percent, such as "5.0 %".

    Args:
        share: within [0, 1] where it is one.
        stated: somebody chose it, so that what it has beyond the first decimal is no accuracy that nobody measured, and
            stays: "0.25 %".
    """
    shown = f"{100 * share:.4f}".rstrip("0") if stated else f"{100 * share:.1f}"
    return f"{shown}0 %" if shown.endswith(".") else f"{shown} %"
