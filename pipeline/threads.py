"""How threads of arithmetic wait for each other."""

import os


def wait_politely() -> None:
    """Let waiting threads sleep instead of spin; call it before torch is first imported.

    Measured on two cores of which another program used one: two spinning threads took over eighty times as long as
    two sleeping ones, since each spent its turn of the shared core waiting for the other. On idle cores the two
    ways differ by a few percent.
    """
    # libgomp reads this when it is loaded; nothing here reads it.
    os.putenv("OMP_WAIT_POLICY", "PASSIVE")
