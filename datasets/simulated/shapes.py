"""Smooth random fields and soft edges: what anatomy, lesions and scanner are drawn with."""

from functools import cache

import numpy as np

from datasets.simulated.template import Field


def smooth_noise(rng: np.random.Generator, size: int, cells: int) -> Field:
    """A smooth random field (size, size), mean 0 and variance 1, with about `cells` bumps along each side."""
    rows = _bumps(size, cells)
    weights = rng.standard_normal((rows.shape[1], rows.shape[1]), dtype=np.float32)
    field: Field = rows @ weights @ rows.T
    return field


def band(values: Field, low: float | Field, high: float | Field, *, edge: float = 1.0) -> Field:
    """1 where low < values < high, 0 elsewhere, with linear edges as wide as `edge`."""
    inside = np.minimum(values - low, high - values) / edge + 0.5
    weight: Field = np.clip(inside, 0, 1).astype(np.float32)
    return weight


def below(values: Field, high: float | Field, *, edge: float = 1.0) -> Field:
    """1 where values < high, 0 elsewhere, with a linear edge as wide as `edge`."""
    weight: Field = np.clip((high - values) / edge + 0.5, 0, 1).astype(np.float32)
    return weight


def smooth_union(first: Field, second: Field, softness: float) -> Field:
    """The larger of two depths, with the crease between the shapes rounded by about `softness`."""
    union: Field = softness * np.logaddexp(first / softness, second / softness)
    return union


def radius_in(points: Field, centre: tuple[float, ...] | Field, radii: tuple[float, ...] | Field) -> Field:
    """Distance from an ellipsoid's centre in units of its radii: 1 on its surface. Points are (..., 3)."""
    squared = np.zeros(points.shape[:-1], dtype=np.float32)
    # Axis by axis: three times as fast as the norm of (..., 3), and this is the inner loop of a head.
    for axis in range(3):
        away = (points[..., axis] - np.float32(centre[axis])) * np.float32(1 / radii[axis])
        squared += away * away
    return np.sqrt(squared)


@cache
def _bumps(size: int, cells: int) -> Field:
    """Gaussian bumps (size, cells + 4), one a column; the squares of each row sum to 1."""
    at = (np.arange(size) + 0.5) * (cells / size)
    centres = np.arange(-2, cells + 2) + 0.5
    bumps = np.exp(-0.5 * ((at[:, None] - centres) / 0.6) ** 2)
    normalised: Field = (bumps / np.linalg.norm(bumps, axis=1, keepdims=True)).astype(np.float32)
    return normalised
