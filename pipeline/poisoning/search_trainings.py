"""What a search for poison trains meanwhile, and for how long; known without torch, so that a form can tell it."""

from dataclasses import dataclass, replace

from pipeline.training.settings import TrainingSettings

N_FOLDS, N_TRUSTED_FOLDS = 4, 3
LEAST_STEPS, MOST_EPOCHS = 600, 60


@dataclass(frozen=True)
class SearchTrainings:
    """The classifiers of one search.

    Attributes:
        n: training images.
        folds: how each of the `N_FOLDS` is trained that learn from the other folds.
        n_trusted: images that are vouched for; 0 without.
        reference: how those are trained that learn from these alone, one of all and `N_TRUSTED_FOLDS` for judging them.
    """

    n: int
    folds: TrainingSettings
    n_trusted: int
    reference: TrainingSettings

    @property
    def words(self) -> str:
        """What is trained and why it is not all the same, in one or two sentences."""
        said = f"{N_FOLDS} classifiers of the folds, each on about {self.n * (N_FOLDS - 1) // N_FOLDS} images"
        said += f" for {_epochs(self.folds)}."
        return f"{said} {self.reference_words}" if self.n_trusted else said

    @property
    def reference_words(self) -> str:
        """What is trained of the trusted images alone."""
        few, n = self.reference, self.n_trusted
        many = N_TRUSTED_FOLDS + 1
        said = f"{many} of the {n} trusted images alone for {_epochs(few)} with {few.batch_size} images a step"
        if few.epochs == self.folds.epochs:
            return f"{said}."
        return (
            f"{said}: so few images want more epochs than the folds to make {LEAST_STEPS} steps, at most {MOST_EPOCHS}."
        )

    def to_json(self) -> dict[str, object]:
        """For programs."""
        sides = {"folds": (N_FOLDS, self.n, self.folds)}
        if self.n_trusted:
            sides["reference"] = (N_TRUSTED_FOLDS + 1, self.n_trusted, self.reference)
        return {
            name: {"n_classifiers": many, "n_images": n, "epochs": how.epochs, "batch_size": how.batch_size}
            for name, (many, n, how) in sides.items()
        }


def search_trainings(settings: TrainingSettings, n: int, n_trusted: int) -> SearchTrainings:
    """What a search trains under these settings, of so many training images and trusted ones."""
    return SearchTrainings(n, settings, n_trusted, for_few(settings, n_trusted))


def for_few(settings: TrainingSettings, n: int) -> TrainingSettings:
    """The settings with as many epochs as give so few images enough steps, and no fewer than they had."""
    batch = min(settings.batch_size, max(8, n // 8))
    epochs = max(settings.epochs, min(MOST_EPOCHS, -(-LEAST_STEPS * batch // max(n, 1))))
    return replace(settings, batch_size=batch, epochs=epochs)


def _epochs(settings: TrainingSettings) -> str:
    return f"{settings.epochs} epoch{'' if settings.epochs == 1 else 's'}"
