"""A gate with STRIP on pages and in the API, on a classifier with a backdoor."""

import io
import re

import pytest

from datasets.image import encode_png
from pipeline.gate.screening import open_gate
from tests.fixtures.backdoored import ALPHA, CLASSES, STRIP, stamped
from tests.webapp.views.site import build_site, n_jobs, row_of, token_of
from webapp.jobs.service import Jobs
from webapp.records.screenings import Screening


@pytest.fixture(scope="session")
def backdoored_site(backdoored_chain, tmp_path_factory):
    made = build_site(backdoored_chain, tmp_path_factory.mktemp("backdoored-site") / "root")
    yield made
    made.database.dispose()


@pytest.fixture
def site(backdoored_site):
    return backdoored_site


@pytest.fixture(scope="session")
def triggered(backdoored_chain):
    """A scan with the trigger that STRIP holds, as a file."""
    return encode_png(stamped(_levels(backdoored_chain, fired=True)), 8)


@pytest.fixture(scope="session")
def clean(backdoored_chain):
    """A scan on which nothing is found, as a file."""
    return encode_png(_levels(backdoored_chain, fired=False), 8)


def _levels(chain, *, fired):
    gate, dataset = open_gate(chain.gate.folder), chain.dataset
    for item in dataset.indices("test"):
        levels = dataset.levels(int(item))
        found = gate.screen(stamped(levels) if fired else levels, 8)
        if dataset.labels[item] != 0 and (found.strip.fired if fired else found.verdict == "clean"):
            return levels
    raise AssertionError("no such scan")


def screened(site, data):
    client = site.client("clinician")
    form = {"csrf_token": token_of(client, "/screen"), "image": (io.BytesIO(data), "scan.png")}
    return client.get(client.post("/screen", data=form).location).text


def run(site, where):
    return Jobs(site.database, site.settings).run_until_ended(int(where.rpartition("/")[2]))


def gate_form(site, admin, **changed):
    usual = {"name": "g", "detector_id": site.chain.detector.id, "alpha_percent": "5", "strip": "y"}
    return {
        "csrf_token": token_of(admin, "/gates/new"),
        **usual,
        "strip_by": "sums",
        "strip_overlays": "12",
        "strip_percent": "10",
        **changed,
    }


def test_a_triggered_scan_is_held_and_named_on_its_page(site, triggered):
    text = screened(site, triggered)
    assert "Suspected" in text
    assert "backdoor trigger" in text
    assert "answer survives 20 clean scans that are added to this one" in text
    assert "at most 10.0 % of clean scans are held by design" in text
    assert "the classifier may have a backdoor" in text
    assert "probability" not in text
    assert f">{CLASSES[0]}<" not in text


def test_a_clean_scan_is_shown_with_both_rates(site, clean):
    text = screened(site, clean)
    assert "No manipulation found" in text
    assert "STRIP no sign of a backdoor trigger" in text
    assert "p-value of STRIP" in text
    assert "at most 10.0 % of clean scans are held by design" in text


@pytest.mark.parametrize("fired", [True, False])
def test_the_api_tells_p_value_and_rates_and_not_how_much_it_wavers(site, api, key, triggered, clean, fired):
    headers = {**key, "Content-Type": "image/png"}
    told = api.post("/api/v1/screenings", headers=headers, data=triggered if fired else clean).get_json()
    strip = told["strip"]
    assert set(strip) == {"by", "rate", "band", "n_calibration", "n_overlays", "p_value", "fired", "guess"}
    assert (strip["fired"], strip["guess"]) == (fired, "backdoor trigger" if fired else None)
    assert (strip["p_value"] <= STRIP.rate) == fired
    assert (told["alpha"], told["held_at_most"]) == (ALPHA, ALPHA + STRIP.rate)
    assert told["verdict"] == ("adversarial" if fired else "clean")
    assert (told["prediction"] is None) == fired
    with site.database.reading() as session:
        assert session.get_one(Screening, told["id"]).decision["strip"]["wavering"] >= 0


def test_the_gates_pages_claim_no_less_than_both_rates(site, admin):
    text = re.sub(r"\s+", " ", admin.get(f"/gates/{site.chain.gate.id}").text)
    assert "at most 10.0 % of clean images are held by design, held or uncertain at most 15.0 %" in text
    assert "20 clean calibration images are added to every scan" in text
    assert "times as long as without" in text
    assert "(n = 160, none of them an overlay)" in text
    assert "5.0 % + 5.0 % (STRIP), at most 10.0 %" in admin.get("/gates/").text


def test_a_gate_with_strip_is_released_from_the_page(site, admin):
    job = run(site, admin.post("/gates/new", data=gate_form(site, admin)).location)
    facts = row_of(site, job.artefact_id).facts
    assert (facts["strip"]["n_overlays"], facts["strip"]["rate"], facts["strip"]["n_calibration"]) == (12, 0.1, 168)
    assert facts["held_at_most"] == pytest.approx(0.15)


def test_without_the_box_there_is_no_strip(site, admin):
    form = gate_form(site, admin)
    del form["strip"]
    job = run(site, admin.post("/gates/new", data=form).location)
    assert "strip" not in row_of(site, job.artefact_id).facts
    assert "STRIP" not in admin.get(f"/gates/{job.artefact_id}").text


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"strip_overlays": "0"}, "Use 1 to 1000."),
        ({"strip_overlays": "many"}, "This is no whole number"),
        ({"strip_percent": "60"}, "Use 0.01 to 50."),
        ({"strip_overlays": "180"}, "180 of 180 clean calibration images for overlays; expected fewer"),
        ({"strip_percent": "1"}, "168 clean calibration images cannot support a false-alarm rate of 0.01"),
    ],
)
def test_the_page_refuses_what_the_scans_cannot_do(site, admin, changed, says):
    before = n_jobs(site)
    answer = admin.post("/gates/new", data=gate_form(site, admin, **changed))
    assert answer.status_code == 422
    assert says in answer.text
    assert n_jobs(site) == before


def value_of(page, name):
    return re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]*)"', page)[1]


def test_the_form_as_it_stands_is_accepted(site, admin):
    page = admin.get("/gates/new").text
    names = ("csrf_token", "alpha_percent", "alpha_uncertain_percent", "strip_overlays", "strip_percent")
    preset = {name: value_of(page, name) for name in names}
    assert (preset["alpha_percent"], preset["strip_overlays"], preset["strip_percent"]) == ("2.0", "", "5.0")
    assert "what the 180 clean calibration scans of Detector support" in page.replace(site_name(site), "Detector")
    sent = {**preset, "name": "as it stands", "detector_id": site.chain.detector.id, "strip": "y"}
    (checked,) = re.findall(r'<input checked[^>]*name="strip_by"[^>]*value="(\w+)"', page)
    sent["strip_by"] = checked
    assert checked == "parts"
    assert admin.post("/gates/new", data=sent).status_code == 302


def site_name(site):
    return row_of(site, site.chain.detector.id).name


def test_a_rate_that_is_asked_for_by_address_stays_where_it_is_supported(admin):
    assert value_of(admin.get("/gates/new?percent=5").text, "alpha_percent") == "5.0"
    assert value_of(admin.get("/gates/new?percent=1").text, "alpha_percent") == "2.0"


def test_everything_that_is_refused_is_said_at_once_on_the_form(site, admin):
    before = n_jobs(site)
    sent = gate_form(site, admin, name="", alpha_percent="1.25", strip_percent="0.75", strip_overlays="63")
    answer = admin.post("/gates/new", data=sent)
    assert answer.status_code == 422
    page = " ".join(answer.text.split())
    assert "Give it a name." in page
    assert "180 clean calibration images cannot support a false-alarm rate of 0.0125 (1.25 %)" in page
    assert "choose 0.02 (2 %) or more" in page
    assert "STRIP, with 63 of the calibration images for overlays: 117 clean calibration images cannot" in page
    assert "choose 0.05 (5 %) or more" in page
    names = ("alpha_percent", "strip_overlays", "strip_percent")
    assert [value_of(page, name) for name in names] == ["1.25", "63", "0.75"]
    assert 'id="alpha_percent-wrong"' in page
    assert 'id="strip_percent-wrong"' in page
    assert n_jobs(site) == before


def test_too_many_overlays_are_said_beside_their_field(site, admin):
    page = admin.post("/gates/new", data=gate_form(site, admin, alpha_percent="1", strip_overlays="180")).text
    assert 'id="strip_overlays-wrong"' in page
    assert 'id="alpha_percent-wrong"' in page


def test_a_gate_with_strip_is_released_by_the_api(site, api, admin_key):
    body = {"detector_id": site.chain.detector.id, "name": "n", "alpha": 0.05, "strip": {"rate": 0.05, "seed": 1}}
    job = run(site, api.post("/api/v1/gates", headers=admin_key, json=body).headers["Location"])
    told = api.get(f"/api/v1/gates/{job.artefact_id}", headers=admin_key).get_json()["facts"]
    assert (told["strip"]["n_overlays"], told["strip"]["rate"], told["held_at_most"]) == (4, 0.05, 0.1)
    assert told["strip"]["by"] == "parts"


@pytest.mark.parametrize(
    ("strip", "code", "says"),
    [
        ({"by": "sums", "n_overlays": 180, "rate": 0.05}, "bad_strip", "180 of 180 clean calibration images"),
        ({"n_overlays": 180, "rate": 0.05}, "bad_strip", "180 overlays, by parts; give 2 to 20"),
        ({"by": "halves"}, "unprocessable_entity", "strip.by"),
        ({"rate": 0.01}, "not_enough_clean", "148 clean calibration images cannot support"),
        ({"rate": 0.9}, "unprocessable_entity", "strip.rate"),
        ({"n_overlays": 0}, "unprocessable_entity", "strip.n_overlays"),
        ({"overlays": 3}, "unprocessable_entity", "strip.overlays"),
        (3, "unprocessable_entity", "strip"),
    ],
)
def test_the_api_refuses_and_orders_nothing(site, api, admin_key, strip, code, says):
    before = n_jobs(site)
    body = {"detector_id": site.chain.detector.id, "name": "n", "alpha": 0.05, "strip": strip}
    answer = api.post("/api/v1/gates", headers=admin_key, json=body)
    assert answer.status_code == 422
    assert answer.get_json()["error"]["code"] in (code, code.replace("entity", "content"))
    assert says in answer.get_json()["error"]["detail"]
    assert n_jobs(site) == before


def test_the_document_tells_option_and_answer(api):
    schemas = api.get("/api/v1/openapi.json").get_json()["components"]["schemas"]
    assert set(schemas["NewStrip"]["properties"]) == {"by", "n_overlays", "rate", "seed"}
    assert "strip" in schemas["NewGate"]["properties"]
    assert {"strip", "held_at_most"} <= set(schemas["Screened"]["properties"])
    assert {"p_value", "fired", "guess", "rate"} <= set(schemas["StripTold"]["properties"])
    assert "wavering" not in schemas["StripTold"]["properties"]


def test_a_gate_by_parts_is_released_from_the_page_and_says_so(site, admin):
    sent = gate_form(site, admin, strip_by="parts", strip_overlays="2")
    job = run(site, admin.post("/gates/new", data=sent).location)
    facts = row_of(site, job.artefact_id).facts["strip"]
    assert (facts["by"], facts["n_overlays"], facts["n_calibration"]) == ("parts", 2, 164)
    page = " ".join(admin.get(f"/gates/{job.artefact_id}").text.split())
    assert "every part of a scan is pasted onto 2 clean calibration images" in page
    assert "triggers that are spread over a scan" in page


def test_decisions_of_before_there_were_parts_are_told_as_by_sums(site, api, key, clean):
    headers = {**key, "Content-Type": "image/png"}
    told = api.post("/api/v1/screenings", headers=headers, data=clean).get_json()
    with site.database.transaction() as session:
        row = session.get_one(Screening, told["id"])
        strip = {name: value for name, value in row.decision["strip"].items() if name not in ("by", "wavering")}
        row.decision = {**row.decision, "strip": {**strip, "entropy": 0.1}}
    again = api.get(f"/api/v1/screenings/{told['id']}", headers=key).get_json()
    assert again["strip"] == told["strip"]
