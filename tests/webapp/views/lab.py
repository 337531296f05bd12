"""A small application of its own: a clean data set, a poisoned one, classifiers of both, and a search that is done."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from datasets.atomic import write_json
from datasets.store import Dataset
from pipeline.artefacts import DataRoot
from pipeline.models.files import Classifier, save_classifier
from pipeline.models.registry import build_model, default_spec
from pipeline.poisoning.backdoor import BackdoorRecipe
from pipeline.poisoning.poison import poison
from tests.pipeline.poisoning.pictures import CLASSES, pictures
from tests.webapp.views.site import EMAILS, PASSWORD, Site
from webapp.accounts import create_key, create_user
from webapp.app import create_app
from webapp.config import Settings
from webapp.records.artefacts import Artefact, ArtefactKind
from webapp.records.session import Database

N_SUSPECTS, N_FUSED = 40, 30
FINDING_ID = "f1nd1ng"


@dataclass
class Lab(Site):
    """The application, and what lies in it."""

    bars: Dataset
    stamped: Dataset
    of_bars: Classifier
    of_stamped: Classifier

    @property
    def root(self) -> DataRoot:
        """Where the artefacts lie."""
        return DataRoot(self.settings.data_root)


def build_lab(migrated: Path, folder: Path) -> Lab:
    """Make it without any training."""
    folder.mkdir()
    shutil.copy(migrated, folder / "scangate.db")
    settings = Settings(data_root=folder, secret_key="a key of the tests", jobs_engine="inline")
    app, database, root = create_app(settings), Database(settings.database_url), DataRoot(folder)
    app.extensions["limiter"].pop().enabled = False
    for who, email in EMAILS.items():
        create_user(database, email=email, password=PASSWORD, role="admin" if who == "admin" else "clinician")
    keys = {
        "admin": create_key(database, owner_email=EMAILS["admin"], name="all", scope="admin")[1],
        "screen": create_key(database, owner_email=EMAILS["clinician"], name="screening", scope="screen")[1],
    }
    bars = pictures(root.datasets)
    stamped = poison(bars, BackdoorRecipe(target=1, rate=0.2), root.datasets, name="stamped")
    of_bars = _untrained(root, "of bars", 0.1, parents=(bars.id,))
    of_stamped = _untrained(root, "of stamped", 0.2, parents=(stamped.id,))
    lab = {"lab": "backdoor", "run": "Run", "what": "dirty-label backdoor", "poisoned": True}
    rows = [
        _dataset(bars),
        _dataset(stamped, lab=lab),
        _classifier(of_bars, bars.id),
        _classifier(of_stamped, stamped.id),
        # An import is of the classes of a data set, and may have learned from any other.
        _classifier(_untrained(root, "imported", 0.3), stamped.id),
        _finding(root, stamped, of_stamped),
    ]
    with database.transaction() as session:
        session.add_all(rows)
    return Lab(app, settings, database, None, keys, "", bars, stamped, of_bars, of_stamped)  # type: ignore[arg-type]


def report_of(stamped: Dataset, classifier: Classifier) -> dict[str, object]:
    """The report of a search that flags the first training images: the last few by labels alone, without suggestion."""
    share = {"value": 0.3, "low": 0.2, "high": 0.4, "n_hit": N_FUSED, "n": 90}
    suspects = [
        {
            "index": index,
            "name": stamped.items[index].name,
            "label": stamped.items[index].label,
            "suggested": None if index >= N_FUSED else (stamped.items[index].label + 1) % 3,
            "score": 1.0 - index / 100,
            "scores": {"fused": 1.0 - index / 100, "patch scan": index / 10, "confident labels": (index * 7) % 10 / 10},
            "flagged_by": ["fused", "patch scan"] if index < N_FUSED else ["confident labels"],
        }
        for index in range(N_SUSPECTS)
    ]
    told = {"flagged": share, "flagged_unpoisoned": {**share, "n_hit": 7}, "facts": {}}
    known = {"true_positives": {**share, "n_hit": 17, "n": 18}, "false_positives": {**share, "n_hit": 13, "n": 72}}
    return {
        "dataset_id": stamped.id,
        "classifier_id": classifier.id,
        "trusted_id": None,
        "n": 90,
        "finders": {name: {**told, **known} for name in ("fused", "confident labels", "patch scan")},
        "suspects": suspects,
        "dataset": stamped.name,
        "classes": list(CLASSES),
        "n_poisoned": 18,
        "unpoisoned": {"dataset_id": "gone", "classifier_id": "gone", "n": 90},
    }


def _untrained(root: DataRoot, name: str, std: float, *, parents: tuple[str, ...] = ()) -> Classifier:
    """A classifier of an id of its own, by what it divides pixels by."""
    spec = default_spec("SmallCNN", classes=CLASSES, channels=1, height=16, width=16)
    return save_classifier(build_model(replace(spec, std=(std,))), root.models, name=name, parents=parents)


def _finding(root: DataRoot, stamped: Dataset, classifier: Classifier) -> Artefact:
    folder = root.reports / FINDING_ID
    folder.mkdir()
    write_json(folder / "finding.json", report_of(stamped, classifier))
    facts = {"dataset": stamped.name, "trusted": False, "n": 90, "n_suspects": N_SUSPECTS, "n_fused": N_FUSED}
    return Artefact(
        id=FINDING_ID,
        kind=ArtefactKind.FINDING,
        name="First look",
        folder=f"reports/{FINDING_ID}",
        parents=[stamped.id, classifier.id],
        facts=facts,
    )


def _dataset(dataset: Dataset, **facts: object) -> Artefact:
    known = {"n": len(dataset), "classes": list(dataset.classes), "splits": {"train": 90}, "n_findings": 0, **facts}
    folder = f"datasets/{dataset.id}"
    return Artefact(id=dataset.id, kind=ArtefactKind.DATASET, name=dataset.name, folder=folder, parents=[], facts=known)


def _classifier(classifier: Classifier, dataset_id: str) -> Artefact:
    return Artefact(
        id=classifier.id,
        kind=ArtefactKind.CLASSIFIER,
        name=classifier.name,
        folder=f"models/{classifier.id}",
        parents=[dataset_id],
        facts={"classes": list(CLASSES)},
    )
