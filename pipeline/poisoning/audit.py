"""An offline audit of a classifier, also of an imported one: is there a class that a small mark alone brings?"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.atomic import replacing_folder, write_json
from datasets.image import encode_png
from datasets.progress import Progress, ignore
from datasets.store import Dataset
from detector.poisoned.inversion import Inversion, InversionSettings, invert
from pipeline.errors import BadPoison
from pipeline.models.files import Classifier, load_model
from pipeline.poisoning.choice import drawn
from pipeline.poisoning.shown import shown

FILE = "audit.json"


@dataclass(frozen=True, eq=False)
class Audit:
    """The smallest mark of every class, and which of them are suspiciously small.

    Attributes:
        classifier: who was audited.
        dataset_id: whose images were used.
        n_images: so many of them.
        found: masks, patterns, norms.
    """

    classifier: Classifier
    dataset_id: str
    n_images: int
    found: Inversion

    @property
    def said(self) -> str:
        """What it comes to, in one sentence that claims no more."""
        names = [self.classifier.spec.classes[label] for label in self.found.suspected]
        if names:
            return (
                f"A mark much smaller than for other classes brings {', '.join(names)}: look at it, and at the images"
                " of that class that the classifier learned from."
            )
        return (
            "No class is brought by a much smaller mark than the others. This does not clear the classifier: marks"
            " over the whole image and backdoors of most classes are not found so."
        )

    def to_json(self) -> dict[str, object]:
        """A row a class, as JSON values."""
        found = self.found
        rows = [
            {
                "class": name,
                "norm": float(found.norms[label]),
                "success": float(found.success[label]),
                "anomaly_index": float(found.anomaly_index[label]),
                "suspected": label in found.suspected,
            }
            for label, name in enumerate(self.classifier.spec.classes)
        ]
        return {
            "classifier_id": self.classifier.id,
            "dataset_id": self.dataset_id,
            "n_images": self.n_images,
            "classes": rows,
            "said": self.said,
        }


def audit_classifier(
    classifier: Classifier,
    dataset: Dataset,
    *,
    split: str = "test",
    n_images: int = 200,
    seed: int = 0,
    settings: InversionSettings | None = None,
    progress: Progress = ignore,
) -> Audit:
    """Search the smallest mark of every class on clean images of a split.

    Raises:
        BadPoison: the classifier is of other classes, or the split has no image.
        NotEnoughSamples: there are fewer than three classes.
    """
    if classifier.spec.classes != dataset.classes:
        raise BadPoison(
            f"{classifier.name} tells apart {', '.join(classifier.spec.classes)}; {dataset.name} has"
            f" {', '.join(dataset.classes)}: choose a data set of the same classes"
        )
    rows = drawn(dataset, dataset.indices(split), n_images, seed=seed, purpose="audit")
    if len(rows) == 0:
        raise BadPoison(f"{dataset.name} has no image in the split {split!r}; name another split")
    model = load_model(classifier)
    with model.frozen(channels_last=True):
        found = invert(
            model,
            shown(model, dataset, rows.tolist()),
            len(dataset.classes),
            seed=seed,
            settings=settings,
            progress=progress,
        )
    return Audit(classifier, dataset.id, len(rows), found)


def keep_audit(audit: Audit, folder: Path) -> None:
    """Write the figures, and each class's mark as a picture: what it puts where, on black."""
    with replacing_folder(folder) as incoming:
        write_json(incoming / FILE, audit.to_json())
        for label in range(len(audit.found.masks)):
            mark = (audit.found.masks[label] * audit.found.patterns[label]).permute(1, 2, 0).numpy()
            (incoming / f"{label}.png").write_bytes(encode_png(np.rint(255 * mark).astype(np.uint8), 8))
