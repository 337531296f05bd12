"""The form of flipped labels in a real browser: the slider, the number and what is said beside them."""

import pytest

from datasets.store import Dataset
from pipeline.artefacts import DataRoot
from tests.browser.conftest import ADMIN, PASSWORD, Served
from tests.pipeline.poisoning.pictures import pictures
from webapp.records.artefacts import Artefact, ArtefactKind
from webapp.records.jobs import Job
from webapp.records.session import Database

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]

NUMBER, SLIDER, LABEL, WARNING = "#ratio_percent", "input[type=range]", "[data-ratio] output", "#ratio-warning"


@pytest.fixture(scope="module")
def bars(served: Served) -> Dataset:
    """A clean data set of three classes in the served application."""
    dataset = pictures(DataRoot(served.settings.data_root).datasets)
    database = Database(served.settings.database_url)
    with database.transaction() as session:
        session.merge(
            Artefact(
                id=dataset.id,
                kind=ArtefactKind.DATASET,
                name="bars",
                folder=f"datasets/{dataset.id}",
                parents=[],
                facts={"classes": list(dataset.classes), "n": len(dataset), "splits": {}},
            )
        )
    database.dispose()
    return dataset


@pytest.fixture
def opened(browser, served: Served, bars: Dataset):
    """The form, with or without JavaScript, and what went wrong in it."""
    contexts, wrong = [], []

    def open_form(*, scripts: bool = True):
        context = browser.new_context(base_url=served.url, java_script_enabled=scripts)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto("/login")
        page.fill("#email", ADMIN)
        page.fill("#password", PASSWORD)
        page.click("main button[type=submit]")
        page.goto(f"/lab/poisoning/flips/new?dataset={bars.id}")
        return page

    yield open_form
    for context in contexts:
        context.close()
    assert wrong == []


def value(page, where: str) -> float:
    return float(page.input_value(where))


def test_slider_number_and_words_agree_whichever_is_moved(opened) -> None:
    page = opened()
    assert (value(page, SLIDER), value(page, NUMBER)) == (20, 20)
    assert page.inner_text(LABEL) == "20 % of the labels of the source class are flipped"
    page.fill(SLIDER, "33")
    assert value(page, NUMBER) == 33
    assert page.inner_text(LABEL).startswith("33 % of the labels")
    page.fill(NUMBER, "12")
    assert value(page, SLIDER) == 12
    assert page.inner_text(LABEL).startswith("12 % of the labels")
    page.fill(NUMBER, "")
    assert page.inner_text(LABEL) == ""


def test_the_warning_comes_at_45_percent_and_goes_below(opened) -> None:
    page = opened()
    assert not page.is_visible(WARNING)
    for ratio, warns in (("44", False), ("45", True), ("50", True), ("44", False)):
        page.fill(SLIDER, ratio)
        assert page.is_visible(WARNING) is warns, ratio
    for ratio, warns in (("44.9", False), ("45", True), ("0", False)):
        page.fill(NUMBER, ratio)
        assert page.is_visible(WARNING) is warns, ratio
    page.fill(NUMBER, "50")
    page.check("input[name=kind][value=uniform]")
    assert not page.is_visible(WARNING)
    page.check("input[name=kind][value=cyclic]")
    assert page.is_visible(WARNING)


def test_the_slider_is_moved_by_keys(opened) -> None:
    page = opened()
    page.focus(SLIDER)
    page.keyboard.press("ArrowRight")
    assert (value(page, SLIDER), value(page, NUMBER)) == (21, 21)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert value(page, NUMBER) == 19
    page.keyboard.press("End")
    assert value(page, NUMBER) == 50
    assert page.is_visible(WARNING)
    page.keyboard.press("Home")
    assert (value(page, NUMBER), page.is_visible(WARNING)) == (1, False)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "ratio_percent"


def test_classes_are_asked_only_where_they_apply(opened) -> None:
    page = opened()
    for kind, asked, words in (
        ("one_way", True, "the source class"),
        ("cyclic", False, "every class"),
        ("pairwise", True, "both classes"),
        ("uniform", False, "every class"),
    ):
        page.check(f"input[name=kind][value={kind}]")
        assert page.is_visible("#source") is page.is_visible("#target") is asked, kind
        assert f"of the labels of {words} are flipped" in page.inner_text(LABEL)


@pytest.mark.parametrize("kind", ["one_way", "uniform"])
def test_without_javascript_the_form_still_sends(opened, served: Served, kind) -> None:
    page = opened(scripts=False)
    assert not page.is_visible(SLIDER)
    assert page.is_visible(WARNING), "Without a script nobody knows the number yet; it says from where on it holds."
    assert page.is_visible("#source")
    page.fill("#name", f"Without a script, {kind}")
    page.check(f"input[name=kind][value={kind}]")
    page.fill(NUMBER, "30")
    page.fill("#epochs", "1")
    page.click("button:has-text('Flip and compare')")
    assert "/jobs/" in page.url
    database = Database(served.settings.database_url)
    with database.reading() as session:
        params = session.get_one(Job, int(page.url.rpartition("/")[2])).params
    database.dispose()
    assert (params["recipe"]["kind"], params["recipe"]["ratio"]) == (kind, 0.3)
    assert params["recipe"]["source"] == (0 if kind == "one_way" else None)
    page.click("main button:has-text('Cancel')")
