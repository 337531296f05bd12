"""Which confusions of two classes are too frequent to be natural: poison repeats itself, mistakes scatter."""

import numpy as np
from scipy.stats import poisson

_SCATTERED = 0.9  # Share of the cells that natural mistakes are told by: the fullest tenth may be the poison.


def unnatural(given: np.ndarray, believed: np.ndarray, n_classes: int, *, alpha: float = 1e-4) -> np.ndarray:
    """The (given, believed) pairs of classes that doubted labels fall into far too often to be natural, (K, K) bool.

    Doubted labels of honest data scatter over the pairs, some more than others because two classes look alike. A pair
    is unnatural where its count would be chance in less than `alpha` over all pairs, were the mean of a pair that of
    the fullest among the natural ones. Flips of everything into everything scatter as mistakes do, and are told by
    their number alone.

    Args:
        given: (m,) labels that are doubted.
        believed: (m,) what they should be.
        n_classes: K.
        alpha: chance of one false pair in all.
    """
    counts = np.zeros((n_classes, n_classes), np.int64)
    np.add.at(counts, (given, believed), 1)
    np.fill_diagonal(counts, 0)
    pairs = np.sort(counts[~np.eye(n_classes, dtype=bool)])
    usual = float(pairs[: max(1, int(_SCATTERED * len(pairs)))].max())
    chance = poisson.sf(counts - 1, max(usual, 1.0))
    odd: np.ndarray = chance < alpha / len(pairs)
    return odd
