"""What every way of detecting attacks is shown, what it learns from, and what it can be asked."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from detector.errors import FeatureMismatch, NotEnoughSamples, NotFinite, NotFitted

Measured = tuple[Tensor, ...]
"""What a method takes of a batch: tensors (N, E), one or more, N the same in all."""

MIN_CLEAN = 8
"""Fewer clean scans say nothing of how clean scans vary; our choice."""


@dataclass(frozen=True)
class Seen:
    """A batch as a detector is shown it.

    Attributes:
        pixels: (N, C, H, W) in [0, 1], as the classifier was shown them.
        layers: the classifier's pooled features, (N, D) a stage, the penultimate last.
        logits: (N, K), its answers.
        ask: the classifier again, for changed pixels of the same shape: logits (N, K).
    """

    pixels: Tensor
    layers: tuple[Tensor, ...]
    logits: Tensor
    ask: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Examples:
    """What a method measured of the scans that it learns from.

    A scan that is neither attacked nor clean is a harmlessly changed one.

    Attributes:
        measured: by the method that will learn from it.
        labels: (N,) true classes.
        is_adv: (N,) bool, attacked.
        is_clean: (N,) bool, as it was imported.
        fold: (N,) int64: whatever was made of one scan, or of look-alikes, lies in one fold.
    """

    measured: Measured
    labels: Tensor
    is_adv: Tensor
    is_clean: Tensor
    fold: Tensor

    def chosen(self, which: Tensor) -> "Examples":
        """The examples that `which` (N,) bool names."""
        return Examples(
            tuple(part[which] for part in self.measured),
            self.labels[which],
            self.is_adv[which],
            self.is_clean[which],
            self.fold[which],
        )


class Judge(nn.Module, ABC):
    """What a method has learned: measurements in, suspicion out."""

    @property
    @abstractmethod
    def widths(self) -> tuple[int, ...]:
        """How many numbers of an image each tensor of the measurements holds."""

    @abstractmethod
    def forward(self, measured: Measured) -> Tensor:
        """The suspicion (N,)."""


class Method(nn.Module, ABC):
    """A way of detecting attacks: `fit`, then `score`, higher is more suspicious; `state` keeps what was learned.

    What is measured of a batch does not depend on what is learned, so that scans are looked at once, batch by batch,
    and learned from as a whole.

    Attributes:
        NAME: for people.
        SOURCE: the work that it follows; what differs stands with the class.
    """

    NAME: ClassVar[str]
    SOURCE: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.judge: Judge | None = None
        self.eval()

    @abstractmethod
    def _measure(self, seen: Seen) -> Measured:
        """What this method takes of a batch without NaN."""

    @abstractmethod
    def _learn(self, examples: Examples) -> Judge:
        """What examples teach; `fit` has checked them."""

    @classmethod
    @abstractmethod
    def _shaped_as(cls, state: dict[str, Tensor]) -> Self:
        """A method with tensors of the shapes in `state`; `from_state` fills and checks them."""

    @torch.no_grad()
    def measure(self, seen: Seen) -> Measured:
        """What this method takes of a batch.

        Raises:
            NotFinite: a pixel, feature or logit is NaN or infinite.
        """
        self._require_finite((seen.pixels, *seen.layers, seen.logits))
        return self._measure(seen)

    def fit(self, examples: Examples) -> None:
        """Learn, and forget what was learned before.

        Raises:
            NotEnoughSamples: fewer than `MIN_CLEAN` clean examples, or none attacked.
            NotFinite: a measurement holds NaN or infinity.
            FeatureMismatch: measurements and what is known of them differ in number.
        """
        n = len(examples.is_adv)
        if any(len(part) != n for part in (*examples.measured, examples.labels, examples.is_clean, examples.fold)):
            raise FeatureMismatch(f"{self.NAME}: {n} examples, but not so many measurements; give one row an example")
        n_clean, n_adv = int(examples.is_clean.sum()), int(examples.is_adv.sum())
        if n_clean < MIN_CLEAN or n_adv == 0:
            raise NotEnoughSamples(
                f"{self.NAME}: {n_clean} clean and {n_adv} attacked images; expected at least {MIN_CLEAN} clean ones "
                "and 1 attacked one: import more images, or build an adversarial set with more successful attacks"
            )
        self._require_finite(examples.measured)
        with torch.no_grad():
            self.judge = self._learn(examples).eval()

    @torch.no_grad()
    def suspicion(self, measured: Measured) -> Tensor:
        """The score (N,) of what `measure` gave.

        Raises:
            NotFitted: nothing has been learned.
            FeatureMismatch: the measurements are not of the shapes that were learned from.
            NotFinite: a measurement holds NaN or infinity.
        """
        judge = self._learned()
        widths = tuple(part.shape[1] for part in measured)
        if widths != judge.widths:
            raise FeatureMismatch(
                f"{self.NAME}: measurements of {widths} numbers, learned from {judge.widths}; "
                "it was fitted beside another classifier: fit it beside this one"
            )
        self._require_finite(measured)
        score: Tensor = judge(measured)
        return score

    def score(self, seen: Seen) -> Tensor:
        """The score (N,) of a batch; raises as `measure` and `suspicion` do."""
        return self.suspicion(self.measure(seen))

    def state(self) -> dict[str, Tensor]:
        """Plain tensors from which `from_state` makes the same method.

        Raises:
            NotFitted: nothing has been learned.
        """
        self._learned()
        return {name: value.detach().contiguous() for name, value in self.state_dict().items()}

    @classmethod
    def from_state(cls, state: dict[str, Tensor]) -> Self:
        """The method that `state` was taken of.

        Raises:
            FeatureMismatch: tensors are missing, too many, of another shape, or not finite.
        """
        try:
            method = cls._shaped_as(state)
            method.load_state_dict(state)
        except (KeyError, RuntimeError, IndexError) as e:
            raise FeatureMismatch(f"{cls.NAME}: these tensors are not its own ({e}); fit it again") from e
        if not all(bool(torch.isfinite(value).all()) for value in state.values()):
            raise FeatureMismatch(f"{cls.NAME}: its tensors hold NaN or infinity; fit it again")
        return method

    def _learned(self) -> Judge:
        if self.judge is None:
            raise NotFitted(f"{self.NAME} has not learned anything yet; fit it on clean and attacked scans first")
        return self.judge

    def _require_finite(self, measured: Measured) -> None:
        if not all(bool(torch.isfinite(part).all()) for part in measured):
            raise NotFinite(
                f"{self.NAME}: what was measured of these images holds NaN or infinity; "
                "check the images and the classifier's weights"
            )


def joined(batches: Sequence[Measured]) -> Measured:
    """The measurements of several batches as those of one, in order."""
    return tuple(torch.cat(parts) for parts in zip(*batches, strict=True))
