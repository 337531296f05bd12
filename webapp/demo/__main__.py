"""`make demo`: everything from nothing on simulated brain MRI, six verdicts, then the served application.

The steps are the very jobs that an administrator starts in the browser, done here one after the other; a second run
takes up what is there.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from sqlalchemy import select
from sqlalchemy.orm import Session

from datasets.errors import DatasetError
from datasets.simulated.simulate import simulate
from detector.errors import DetectorError
from pipeline.cli.main import INTERRUPTED
from pipeline.cli.terminal import shown_progress
from pipeline.errors import PipelineError
from pipeline.threads import wait_politely
from webapp.accounts import create_user
from webapp.config import Settings, base_environment
from webapp.demo.accounts import DEMO_ACCOUNTS, demo_passwords
from webapp.demo.verdicts import Example, screen_examples, table
from webapp.demo.watch import watched
from webapp.errors import WebappError
from webapp.holding import held
from webapp.jobs.service import Jobs
from webapp.records.accounts import User
from webapp.records.artefacts import Release
from webapp.records.jobs import Job, JobState
from webapp.records.session import Database
from webapp.serve import check_address

DATA_ROOT = Path("var/demo")
SEED = 0
SIZE = 128
N_PER_CLASS = 300
SOURCE = f"uploads/simulated-{SIZE}-{N_PER_CLASS}-{SEED}"
# Up to twice this, 4 % of clean scans, would be held; the demo's few calibration scans support no lower rate.
ALPHA = 0.02

RECIPE: dict[str, Any] = {
    "attacks": [
        *({"name": name, "eps": [2 / 255, 4 / 255]} for name in ("fgsm", "bim", "pgd", "mim")),
        # Sure of itself: the smallest change that fools is missed more often than found after minutes of training.
        {"name": "cw", "params": {"kappa": 10.0}},
    ],
    "splits": ["detector", "test"],
    "per_cell": {"detector": 100, "test": 20},
    "seed": SEED,
}


@dataclass(frozen=True)
class Demo:
    """What the demo made; ids of artefacts."""

    adversarial_id: str
    gate_id: str


def main(arguments: Sequence[str]) -> int:
    """Run the demo; without serving, 1 when a verdict of the table is wrong; 1 when a step cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m webapp.demo", description=main.__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--no-serve", action="store_true", help="end after the table of verdicts")
    args = parser.parse_args(arguments)
    try:
        # Its own database too: what is simulated here does not belong beside what somebody uses.
        settings = Settings.from_environment(data_root=DATA_ROOT, database_url="", host=args.host, port=args.port)
        examples, accounts = _prepare(settings, serve=not args.no_serve)
    except (WebappError, PipelineError, DetectorError, DatasetError) as e:
        sys.stderr.write(f"{e}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. What is made is kept: run make demo again to go on.\n")
        return INTERRUPTED
    print(table(examples))
    if args.no_serve:
        return 0 if all(example.right for example in examples) else 1
    print(f"\nThe scans of the table lie in {DATA_ROOT / 'scans'}. Log in at http://{settings.host}:{settings.port} as")
    for email, password in accounts.items():
        print(f"  {DEMO_ACCOUNTS[email]:<10} {email:<28} {password}")
    sys.stdout.flush()
    return _serve(settings)


def make_everything(database: Database, settings: Settings) -> Demo:
    """Simulate, import, train, attack, train the detector, release; what was made before is taken up.

    Raises:
        WebappError: a job failed, with its reason.
    """
    _simulate(settings.data_root)
    jobs = Jobs(database, settings)

    def made(kind: str, params: dict[str, Any]) -> str:
        return _artefact_of(database, jobs, kind, {"name": "simulated brain MRI", **params})

    dataset_id = made("import_dataset", {"upload": SOURCE, "seed": SEED})
    training = {"epochs": 30, "patience": 30, "learning_rate": 2e-3, "averaging": 0.98, "seed": SEED}
    classifier_id = made("train_classifier", {"dataset_id": dataset_id, "side": SIZE, "settings": training})
    attacked = {"dataset_id": dataset_id, "classifier_id": classifier_id, "recipe": RECIPE}
    adversarial_id = made("build_adversarial", attacked)
    # Whole scans: a crop may miss the few pixels that Carlini-Wagner changes.
    learning = {"epochs": 5, "draws": 1200, "crop": SIZE, "seed": SEED}
    detector_id = made("train_detector", {"adversarial_id": adversarial_id, "settings": learning})
    gate_id = made("release_gate", {"detector_id": detector_id, "alpha": ALPHA})
    with database.transaction() as session:
        _stand(session, gate_id)
    return Demo(adversarial_id, gate_id)


def make_accounts(database: Database, data_root: Path) -> dict[str, str]:
    """The demo's accounts with their passwords, made where they are not there yet."""
    passwords = demo_passwords(data_root)
    with database.reading() as session:
        known = set(session.scalars(select(User.email)))
    for email, role in DEMO_ACCOUNTS.items():
        if email not in known:
            create_user(database, email=email, password=passwords[email], role=role)
    return passwords


def _prepare(settings: Settings, *, serve: bool) -> tuple[list[Example], dict[str, str]]:
    """The screened examples, and the accounts to log in with."""
    wait_politely()
    with held(settings) as database:
        if serve:
            # Told now, not after minutes of work.
            check_address(settings)
        accounts = make_accounts(database, settings.data_root)
        demo = make_everything(database, settings)
    return screen_examples(settings.data_root, demo.adversarial_id, demo.gate_id), accounts


def _serve(settings: Settings) -> NoReturn:
    """Become the server, so that signals reach it and nothing of the training stays in memory."""
    environment = {**base_environment(), **settings.as_environment()}
    os.execve(sys.executable, [sys.executable, "-m", "webapp.serve"], environment)  # noqa: S606 - our own module.


def _simulate(data_root: Path) -> None:
    folder, whole = data_root / SOURCE, data_root / f"{SOURCE}.whole"
    if not whole.exists():
        with shown_progress("simulate") as progress:
            simulate(folder, n_per_class=N_PER_CLASS, size=SIZE, seed=SEED, progress=progress)
        whole.touch()


def _artefact_of(database: Database, jobs: Jobs, kind: str, params: dict[str, Any]) -> str:
    """What a job of this kind with these parameters made: found, finished, or made now."""
    with database.reading() as session:
        same = [job for job in session.scalars(select(Job).where(Job.kind == kind)) if job.params == params]
    job = same[-1] if same else jobs.enqueue(kind, params)
    if job.state in (JobState.FAILED, JobState.CANCELLED):
        jobs.resume(job.id)
    if job.state is not JobState.DONE:
        with watched(jobs, job.id):
            job = jobs.run_until_ended(job.id)
    if job.state is not JobState.DONE or job.artefact_id is None:
        raise WebappError(f"Job {job.id} ({kind}) {job.state}: {job.error}. Run make demo again to go on.")
    return job.artefact_id


def _stand(session: Session, gate_id: str) -> None:
    """Activate the gate, unless an administrator has since activated any."""
    if session.scalar(select(Release.id).where(Release.active)) is None:
        session.add(Release(gate_id=gate_id, active=True))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
