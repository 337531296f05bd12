"""Data that the lab poisoned, a finding about them, and repairs, for the tests of pages and API."""

from datasets.atomic import write_json
from datasets.store import open_dataset
from pipeline.poisoning.poison import poison_record
from tests.webapp.views.site import Site, row_of
from webapp.jobs.service import Jobs
from webapp.records.artefacts import Artefact, ArtefactKind

FLIP = {"kind": "one_way", "source": 0, "target": 1, "ratio": 0.5, "seed": 7}


def job_done(site: Site, job_id: int) -> str:
    """The id of what a job makes."""
    jobs = Jobs(site.database, site.settings)
    jobs.run_until_ended(job_id)
    told = jobs.progress(job_id)
    assert told.state == "done", told.error
    return str(told.artefact_id)


def poisoned(site: Site) -> tuple[str, str]:
    """The ids of a data set with flipped labels and of the classifier that learned from it."""
    params = {"lab": "flips", "dataset_id": site.chain.dataset.id, "name": "For repair", "recipe": FLIP}
    settings = {"epochs": 1, "batch_size": 30}
    run = row_of(
        site,
        job_done(site, Jobs(site.database, site.settings).enqueue("flip_labels", {**params, "settings": settings}).id),
    )
    made = [row_of(site, one) for one in run.parents]
    dataset = next(row for row in made if row.facts.get("lab", {}).get("poisoned"))
    return dataset.id, next(row.id for row in made if row.parents == [dataset.id])


def truth(site: Site, dataset_id: str) -> list[int]:
    """The images that the lab poisoned."""
    record = poison_record(open_dataset(site.settings.data_root / "datasets" / dataset_id))
    assert record is not None
    return [int(item) for item in record.items]


def finding(site: Site, dataset_id: str, classifier_id: str, finding_id: str) -> Artefact:
    """A search for poison of which nothing is confirmed yet."""
    folder = site.settings.data_root / "reports" / finding_id
    told = {"dataset_id": dataset_id, "classifier_id": classifier_id, "trusted_id": None, "suspects": []}
    write_json(folder / "finding.json", told)
    row = Artefact(
        id=finding_id,
        kind=ArtefactKind.FINDING,
        name="Search of Tuesday",
        folder=f"reports/{finding_id}",
        parents=[dataset_id, classifier_id],
        facts={},
    )
    with site.database.transaction() as session:
        session.add(row)
    return row
