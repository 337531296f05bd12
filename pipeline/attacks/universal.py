"""One perturbation for all images: fitted once, then added to any scan of its shape."""

import base64
import binascii
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from pipeline.attacks.attack import MAX_STEPS, Attack, Tick
from pipeline.attacks.budget import Norm, check_count, check_eps
from pipeline.errors import BadAttack

if TYPE_CHECKING:
    from pipeline.attacks.problem import Problem
    from pipeline.attacks.result import AttackResult

UNFITTED = (
    "universal has no perturbation yet: fit one with fit_universal and give its delta, or name universal in a recipe "
    "of build-adversarial, which fits it on the training images"
)
MAX_FIT_IMAGES = 4096
# Sixteen times the pixels of the largest classifier's input: more is no perturbation but an attack on the reader.
_MAX_LEVELS = 1 << 26
_TEXT = re.compile(r"(\d{1,5})x(\d{1,5})x([13])@(\d{1,2}):([A-Za-z0-9+/=]*)")


@dataclass(frozen=True, kw_only=True)
class Universal(Attack):
    """clip(x + delta), with one delta for every image.

    Moosavi-Dezfooli et al. 2017, arXiv:1610.08401, under Linf; how delta is found is in `universal_fit.py`. What an
    image gets is delta cut to the image's eps, to the box and to the pixels that may change. No gradient of the image
    is needed; one is taken of those that are not fooled, to tell a failure from a masked gradient.

    Attributes:
        eps: the largest change of a pixel.
        delta: the perturbation in whole levels as text, see `as_text`; empty where it is yet to be fitted.
        steps: gradient steps of the fitting.
        fit_images: how many training images a recipe lets it see at most.
    """

    NAME: ClassVar[str] = "universal"
    TITLE: ClassVar[str] = "Universal, one perturbation for all images"
    TYPE: ClassVar[str] = "universal"
    NORM: ClassVar[Norm] = Norm.LINF

    eps: float = 8 / 255
    delta: str = ""
    steps: int = 200
    fit_images: int = 512

    def __post_init__(self) -> None:
        check_eps(self.eps, self.NORM)
        check_count("steps", self.steps, MAX_STEPS)
        check_count("fit_images", self.fit_images, MAX_FIT_IMAGES)
        if not isinstance(self.delta, str):
            raise BadAttack(f"delta of type {type(self.delta).__name__}; give the text that fit_universal makes")
        if self.delta:
            from_text(self.delta)

    @property
    def n_gradients(self) -> int:
        """One, and only where it did not fool."""
        return 1

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """Height, width and channels of the images that it fits; None before it is fitted."""
        if not self.delta:
            return None
        height, width, channels = from_text(self.delta)[0].shape
        return height, width, channels

    def solve(self, problem: "Problem", seeds: Sequence[int], tick: Tick) -> "AttackResult":
        """Add the perturbation; no random number is drawn."""
        from pipeline.attacks.universal_fit import added

        if not self.delta:
            raise BadAttack(UNFITTED)
        return added(problem, *from_text(self.delta), tick)


def as_text(delta: npt.NDArray[np.int16], bits: int) -> str:
    """A perturbation (H, W, C) in whole levels of `bits` as text that JSON and a command line can carry.

    The form is HxWxC@bits, a colon, and the base64 of the zlib of the levels as little-endian int16.
    """
    height, width, channels = delta.shape
    packed = base64.b64encode(zlib.compress(delta.astype("<i2").tobytes(), 9)).decode("ascii")
    return f"{height}x{width}x{channels}@{bits}:{packed}"


@lru_cache(maxsize=16)
def from_text(text: str) -> tuple[npt.NDArray[np.int16], int]:
    """The perturbation (H, W, C) of `as_text`, read-only, and the depth of its levels.

    Raises:
        BadAttack: the text is none that `as_text` gave.
    """
    found = _TEXT.fullmatch(text)
    if not found:
        raise BadAttack(f"delta {text[:40]!r} is no perturbation; give the text that fit_universal makes")
    height, width, channels, bits = (int(number) for number in found.groups()[:4])
    n_bytes = 2 * height * width * channels
    if not 0 < n_bytes <= 2 * _MAX_LEVELS or not 8 <= bits <= 16:
        raise BadAttack(f"delta of {height}x{width}x{channels} levels of {bits} bits; give 8 to 16 bits of an image")
    try:
        # One byte more than it may have, so that a longer one shows and an endless one ends.
        raw = zlib.decompressobj().decompress(base64.b64decode(found[5], validate=True), n_bytes + 1)
    except (binascii.Error, zlib.error) as e:
        raise BadAttack(f"delta cannot be unpacked ({e}); give the whole text that fit_universal makes") from e
    if len(raw) != n_bytes:
        raise BadAttack(
            f"delta is not {height}x{width}x{channels} levels; give the whole text that fit_universal makes"
        )
    levels = np.frombuffer(raw, dtype="<i2").reshape(height, width, channels)
    return levels, bits
