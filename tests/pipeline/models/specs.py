"""Specifications of small classifiers for the tests."""

from pipeline.models.spec import ClassifierSpec


def small_spec(**changes: object) -> ClassifierSpec:
    values: dict[str, object] = {
        "architecture": "SequentialCNN",
        "channels": 1,
        "height": 16,
        "width": 16,
        "classes": ["glioma", "none", "pituitary"],
        "mean": [0.2],
        "std": [0.3],
    }
    return ClassifierSpec.from_json({**values, **changes})
