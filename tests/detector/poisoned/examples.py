"""Training sets whose poison is known, for the tests of finders."""

from dataclasses import replace

import numpy as np

from detector.poisoned.interface import Evidence

K = 3
SIDE = 12


def softmax(logits):
    e = np.exp(logits - logits.max(1, keepdims=True))
    return (e / e.sum(1, keepdims=True)).astype(np.float32)


def strokes(labels, rng):
    """Dark images with one bright soft stroke each, whose direction hangs on the class, (n, SIDE, SIDE, 1)."""
    n = len(labels)
    angle = np.pi / K * labels + rng.normal(scale=0.15, size=n)
    middle = rng.uniform(4, 7, (2, n))
    rows, columns = (places[None] - m[:, None, None] for places, m in zip(np.mgrid[:SIDE, :SIDE], middle, strict=True))
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    along, across = columns * cos + rows * sin, rows * cos - columns * sin
    half, thickness = rng.uniform(2, 4, (n, 1, 1)), rng.uniform(0.6, 1.4, (n, 1, 1))
    distance = np.hypot(np.maximum(abs(along) - half, 0), across)
    return (255 * np.clip(1.5 - distance / thickness, 0, 1)).astype(np.uint8)[..., None]


def believed(classes, rng, *, sure=4.0, noise=1.0):
    """Probabilities (n, K) of a model that knows the classes but for some noise."""
    return softmax(sure * np.eye(K)[classes] + noise * rng.normal(size=(len(classes), K)))


def clean_evidence(seed=0, n=360, *, n_trusted=100, d=16):
    """A training set without poison: n samples of K classes in turn, of which the first ones are trusted."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % K
    features = rng.normal(size=(n, d)) + 4 * np.eye(K, d)[labels]
    return Evidence(
        pixels=strokes(labels, rng),
        labels=labels,
        n_classes=K,
        trusted=np.arange(n) < n_trusted,
        features=features.astype(np.float32),
        probs=believed(labels, rng),
        reference_probs=believed(labels, rng),
    )


def dirty_backdoor(seed=0, n=360, *, rate=0.1, target=0, stamp=255):
    """`clean_evidence` with stamped and relabelled samples of other classes, and which they are.

    The classifier and the models of the other folds learned the trigger; the reference did not.
    """
    clean = clean_evidence(seed, n)
    rng = np.random.default_rng(seed + 1000)
    pool = np.flatnonzero((clean.labels != target) & ~clean.trusted)
    is_poison = np.zeros(n, bool)
    is_poison[rng.choice(pool, round(rate * n), replace=False)] = True
    pixels, labels, features, probs = (a.copy() for a in (clean.pixels, clean.labels, clean.features, clean.probs))
    pixels[is_poison, 9:11, 9:11] = stamp
    labels[is_poison] = target
    features[is_poison] = rng.normal(size=features[is_poison].shape) + 8 * np.eye(K, features.shape[1])[target - 1]
    probs[is_poison] = believed(labels[is_poison], rng)
    return replace(clean, pixels=pixels, labels=labels, features=features, probs=probs), is_poison


def flipped(seed=0, n=600, *, rate=0.2, source=1, given=2, sure=4.0):
    """`clean_evidence` with part of one class labelled as another, and which samples those are."""
    clean = clean_evidence(seed, n)
    rng = np.random.default_rng(seed + 2000)
    pool = np.flatnonzero((clean.labels == source) & ~clean.trusted)
    is_flipped = np.zeros(n, bool)
    is_flipped[rng.choice(pool, round(rate * len(pool)), replace=False)] = True
    labels = np.where(is_flipped, given, clean.labels)
    return replace(clean, labels=labels), is_flipped


def permuted(evidence, order):
    """The same samples in another order."""
    names = ("pixels", "labels", "trusted", "features", "probs", "reference_probs")
    return replace(evidence, **{name: getattr(evidence, name)[order] for name in names})


def untrusted(evidence):
    """The same samples, nobody having vouched for any."""
    return replace(evidence, trusted=np.zeros(evidence.n, bool), reference_probs=None)
