"""What clean scans of each class score by themselves, to be taken off before one threshold serves all classes.

A threshold set on a mixture of classes keeps its promise for that mixture alone: where one class scores higher
than the others, its scans take nearly all the alarms, and more of them are raised wherever that class is commoner.
"""

from torch import Tensor, nn

from detector.errors import NotEnoughSamples

_PRIOR_SCANS = 10


class ClassLevel(nn.Module):
    """The median score of clean scans by class."""

    levels: Tensor

    def __init__(self, levels: Tensor) -> None:
        """Take the levels (K,)."""
        super().__init__()
        self.register_buffer("levels", levels)

    def forward(self, logits: Tensor) -> Tensor:
        """The level (N,) that the classifier's logits (N, K) let expect, weighed by its probabilities."""
        return logits.softmax(1) @ self.levels


def fit_class_level(scores: Tensor, logits: Tensor) -> ClassLevel:
    """Medians by predicted class; a class with few scans is drawn towards the median of all.

    Args:
        scores: (N,), of clean scans that the detector has not learned from.
        logits: (N, K), the classifier's answers to them.

    Raises:
        NotEnoughSamples: there are no scans.
    """
    if len(scores) == 0:
        raise NotEnoughSamples("0 clean held-out images; hold out a larger share of the detector split")
    overall = scores.median()
    predicted = logits.argmax(1)
    levels = overall.repeat(logits.shape[1])
    for k in range(len(levels)):
        of_class = scores[predicted == k]
        if len(of_class) > 0:
            trust = len(of_class) / (len(of_class) + _PRIOR_SCANS)
            levels[k] += trust * (of_class.median() - overall)
    return ClassLevel(levels)
