"""Every finder of poisoned training data that there is."""

from detector.poisoned.activation_clustering import ActivationClustering
from detector.poisoned.confident_labels import ConfidentLabels
from detector.poisoned.fused import Fused
from detector.poisoned.interface import Finder
from detector.poisoned.patch_scan import PatchScan
from detector.poisoned.spectral_signatures import SpectralSignatures
from detector.poisoned.trusted_reference import TrustedReference

FINDERS: tuple[type[Finder], ...] = (
    Fused,
    TrustedReference,
    ActivationClustering,
    SpectralSignatures,
    ConfidentLabels,
    PatchScan,
)
"""The one to begin with first; each makes sense with its defaults."""
