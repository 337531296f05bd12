"""The main job as people do it: an administrator builds the gate, a clinician screens through it."""

from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from datasets.image import encode_png
from datasets.store import open_dataset
from pipeline.adversarial.files import open_adversarial
from pipeline.artefacts import DataRoot
from pipeline.gate.screening import open_gate
from tests.browser.conftest import ADMIN, CLINICIAN, PASSWORD, Served
from tests.fixtures.gate import CLASSES, SIDE, TinyChain, tiny_images

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]
# Two hundred scans more than the tiny chain's: the pages keep the usual shares, and the rate needs calibration scans.
N_PER_CLASS = 200
EPS_LEVELS = "16"
ALPHA_PERCENT = "10"
JOB_MS = 300_000


@pytest.fixture
def page(browser, served: Served):
    """A fresh browser profile at the application's door."""
    context = browser.new_context(base_url=served.url)
    page = context.new_page()
    page.set_default_timeout(20_000)
    yield page
    context.close()


def test_an_administrator_builds_a_gate_and_a_clinician_screens_through_it(
    page, served: Served, tiny_chain: TinyChain, tmp_path: Path
) -> None:
    log_in(page, ADMIN)

    page.goto("/datasets/new")
    page.set_input_files("#files", write_zip(tmp_path / "scans.zip"))
    send(page, name="tiny scans")
    await_made(page)

    page.goto("/classifiers/import")
    page.set_input_files("#file", tiny_chain.classifier.folder / "weights.safetensors")
    page.fill("#side", str(SIDE))
    send(page, name="tiny classifier")
    await_made(page)

    page.goto("/adversarial-sets/new")
    page.fill("#eps", EPS_LEVELS)
    send(page, name="tiny attacks")
    await_made(page)

    page.goto("/detectors/new")
    page.fill("#epochs", "1")
    page.fill("#draws", "400")
    send(page, name="tiny detector")
    await_made(page)

    page.goto("/gates/new")
    page.fill("#alpha_percent", ALPHA_PERCENT)
    send(page, name="tiny gate")
    await_made(page)
    page.click("a:has-text('tiny gate')")
    page.click("button:has-text('Make active')")
    page.click("button:has-text('Log out')")

    clean, attacked = examples(served, tmp_path)
    log_in(page, CLINICIAN)
    assert page.goto("/datasets/").status == 403

    screen(page, clean)
    said = page.inner_text("main")
    assert "No manipulation found" in said
    assert any(f"{name}, probability" in said for name in CLASSES)

    screen(page, attacked)
    said = page.inner_text("main")
    assert "Suspected manipulation" in said
    assert not any(f"{name}, probability" in said for name in CLASSES)
    page.click("summary:has-text('withheld')")
    page.fill("#reason", "Comparing with the archive's copy.")
    page.click("button:has-text('Show')")
    assert any(name in page.inner_text("main") for name in CLASSES)

    (tmp_path / "notes.png").write_bytes(b"not a picture")
    screen(page, tmp_path / "notes.png")
    assert "Not screened" in page.inner_text("main")


def log_in(page, email: str) -> None:
    page.goto("/login")
    page.fill("#email", email)
    page.fill("#password", PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_selector("button:has-text('Log out')")


def send(page, *, name: str) -> None:
    page.fill("#name", name)
    page.click("main form.panel button[type=submit]")


def await_made(page) -> None:
    """Wait, on the page of the job that the form led to, until the job has ended and made something."""
    page.wait_for_load_state()
    if page.locator("#live").count() == 0:
        pytest.fail(page.inner_text("main"))
    page.wait_for_selector("text=/^(Done|Failed|Cancelled)$/i", timeout=JOB_MS)
    if page.locator("#live >> text=Made:").count() != 1:
        pytest.fail(page.inner_text("#live"))


def screen(page, scan: Path) -> None:
    page.goto("/screen")
    page.set_input_files("#image", scan)
    page.click("main form button[type=submit]")


def write_zip(path: Path) -> Path:
    images, labels = tiny_images(N_PER_CLASS, seed=1)
    with ZipFile(path, "w") as archive:
        for k, (image, label) in enumerate(zip(images, labels, strict=True)):
            archive.writestr(f"{CLASSES[label]}/{k:03}.png", encode_png(image[..., None], 8))
    return path


def examples(served: Served, folder: Path) -> tuple[Path, Path]:
    """A clean and an attacked scan of the test split as files.

    The clean one is found by asking the gate: a tenth of all clean scans is flagged by design, and no test may hang
    on which. The attacked one is the first that fooled the classifier at 16 levels, whatever the gate says of it.
    """
    root = DataRoot(served.settings.data_root)
    adversarial = open_adversarial(root.newest("adversarial"))
    dataset = open_dataset(root.find("datasets", adversarial.dataset_id))
    gate = open_gate(root.newest("gates"))
    test = dataset.indices("test")
    clean = next(scan for scan in dataset.batch(test) if gate.screen(scan, 8).verdict == "clean")
    rows = adversarial.rows()
    fooled = np.flatnonzero((rows.status == "success") & (rows.attack == "pgd") & np.isin(rows.parent, test))
    attacked = rows.levels(int(fooled[0]))
    for name, levels in (("clean.png", clean), ("attacked.png", attacked)):
        (folder / name).write_bytes(encode_png(levels, 8))
    return folder / "clean.png", folder / "attacked.png"
