"""Which confusions of two classes are too frequent to be natural: poison repeats itself, mistakes scatter."""

import numpy as np
from scipy.stats import betabinom, poisson

_SCATTERED = 0.9  # Share of the cells that natural mistakes are told by: the fullest tenth may be the poison.
_PRIOR = 0.25  # So light that look-alikes go by what is seen of them, and a pair of which nothing is seen by all.


def confusions(given: np.ndarray, believed: np.ndarray, n_classes: int) -> np.ndarray:
    """How many labels (m,) are believed (m,) to be another class: (K, K), a row for each given class."""
    counts = np.zeros((n_classes, n_classes), np.int64)
    np.add.at(counts, (given, believed), 1)
    np.fill_diagonal(counts, 0)
    return counts


def unnatural(counts: np.ndarray, *, alpha: float = 1e-4) -> np.ndarray:
    """The pairs of classes (K, K) that doubted labels fall into far too often to be natural.

    Doubted labels of honest data scatter over the pairs, some more than others because two classes look alike. A pair
    is unnatural where its count would be chance in less than `alpha` over all pairs, were the mean of a pair that of
    the fullest among the natural ones. Flips of everything into everything scatter as mistakes do, and are told by
    their number alone.

    Args:
        counts: of `confusions`, of the labels that are doubted.
        alpha: chance of one false pair in all.
    """
    pairs = np.sort(counts[~np.eye(len(counts), dtype=bool)])
    usual = float(pairs[: max(1, int(_SCATTERED * len(pairs)))].max())
    chance = poisson.sf(counts - 1, max(usual, 1.0))
    odd: np.ndarray = chance < alpha / len(pairs)
    return odd


def chance_by_trusted(counts: np.ndarray, n: np.ndarray, trusted: np.ndarray, n_trusted: np.ndarray) -> np.ndarray:
    """How likely each pair (K, K) is to be as frequent as it is, going by the trusted samples: two classes look alike.

    Nobody mislabelled the trusted samples, so what models doubt of them is natural. The share of a pair gets a Beta
    prior of the weight of a quarter of such a doubt, whose mean is that of all pairs; what it predicts of the others
    after the trusted were seen is beta-binomial. With few classes a single pair of look-alikes holds most of the
    mistakes, and scatter alone cannot tell it from poison.

    Args:
        counts: (K, K), as `confusions` has them, of all samples that are not trusted.
        n: (K,) how many of these there are of each given class.
        trusted: (K, K), of the trusted samples.
        n_trusted: (K,) how many of these.
    """
    mean = max(trusted.sum(), 1) / max(n_trusted.sum(), 2) / (len(counts) - 1)
    others = _PRIOR * (1 / mean - 1) + n_trusted[:, None] - trusted
    chance: np.ndarray = betabinom.sf(counts - 1, np.maximum(n, 1)[:, None], _PRIOR + trusted, others)
    return chance
