"""ART's detectors of poisoned training data, on the features that ours are shown."""

from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

AC, SS, SS_TOLD = (
    "ART ActivationDefence",
    "ART SpectralSignatureDefense",
    "ART SpectralSignatureDefense, told the share",
)


@dataclass(frozen=True)
class _Classifier:
    """What ART asks of a classifier here: the activations of its last hidden layer, already computed."""

    features: np.ndarray
    nb_classes: int
    layer_names: tuple[str, ...] = ("penultimate",)

    def get_activations(self, x: np.ndarray, layer: int, batch_size: int) -> np.ndarray:
        """The features, whatever is asked."""
        return self.features


def art_flags(features: np.ndarray, labels: np.ndarray, n_classes: int, share: float) -> dict[str, np.ndarray]:
    """Which samples (n,) bool ART calls poisoned, by detector; nothing where it is not installed.

    Args:
        features: (n, D), penultimate.
        labels: (n,) as given.
        n_classes: K.
        share: of the poison in the target class, which only one of them is told.
    """
    if find_spec("art") is None:
        return {}
    from art.defences.detector.poison import ActivationDefence, SpectralSignatureDefense

    given = (_Classifier(features, n_classes), features, np.eye(n_classes, dtype=np.float32)[labels])
    detectors = {
        AC: ActivationDefence(*given),
        SS: SpectralSignatureDefense(*given),
        SS_TOLD: SpectralSignatureDefense(*given, expected_pp_poison=share),
    }
    return {name: np.array(one.detect_poison()[1]) == 0 for name, one in detectors.items()}
