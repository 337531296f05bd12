"""Every page, as the person whom it serves meets it."""

import io
import re
from pathlib import Path

import pytest

from pipeline.detection.local_scans import offered_rates
from pipeline.gate.decision import Verdict
from pipeline.words import percent
from tests.webapp.views.site import token_of

LISTS = (
    "/",
    "/screen",
    "/screenings",
    "/datasets/",
    "/datasets/new",
    "/classifiers/",
    "/classifiers/train",
    "/classifiers/import",
    "/adversarial-sets/",
    "/adversarial-sets/new",
    "/detectors/",
    "/detectors/new",
    "/gates/",
    "/gates/new",
    "/jobs/",
    "/lab/poisoning/",
    "/lab/poisoning/flips/new",
    "/lab/poisoning/backdoors/new",
    "/api-keys/",
    "/api/v1/docs",
)


def screen(client, data, name="scan.png"):
    form = {"csrf_token": token_of(client, "/screen"), "image": (io.BytesIO(data), name)}
    answer = client.post("/screen", data=form)
    assert answer.status_code in (302, 422), answer.text
    return answer.location or answer.headers["Content-Location"]


@pytest.mark.parametrize("path", LISTS)
def test_a_page_has_one_heading_and_no_inline_code(admin, path):
    answer = admin.get(path)
    assert answer.status_code == 200
    assert answer.text.count("<h1") == 1
    assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son[a-z]+=|https?://(?!localhost)", answer.text)


def test_each_artefact_has_its_page(site, admin):
    chain = site.chain
    places = {
        f"/datasets/{chain.dataset.id}": "Images of each class and split",
        f"/classifiers/{chain.classifier.id}": "Confusion",
        f"/adversarial-sets/{chain.adversarial_set.id}": "What came of each attack",
        f"/detectors/{chain.detector.id}": "How it does on each attack",
        f"/gates/{chain.gate.id}": "Operating point",
    }
    for path, words in places.items():
        answer = admin.get(path)
        assert answer.status_code == 200, path
        assert words in answer.text


def test_before_a_release_the_form_shows_what_each_calibration_allows(site, admin):
    rates = offered_rates(len(site.chain.detector.calibration))
    text = admin.get("/gates/new").text
    (row,) = (line for line in text.splitlines() if f'">{site.chain.detector.id[:8]}</span></th>' in line)
    known = [f"{percent(rate.band[0])} to {percent(rate.band[1])}" for rate in rates if rate.supported]
    assert known
    assert re.findall(r">([^<>]+ to [^<>]+ %)<", row) == known
    assert [int(n) for n in re.findall(r"needs (\d+)", row)] == [rate.n_needed for rate in rates if not rate.supported]


@pytest.mark.parametrize("side", ["clean", "attacked", "difference"])
def test_an_attacked_image_is_shown_from_each_side(site, admin, side):
    answer = admin.get(f"/adversarial-sets/{site.chain.adversarial_set.id}/images/0/{side}")
    assert answer.mimetype == "image/png"
    assert answer.data.startswith(b"\x89PNG")


def test_a_clean_scan_shows_its_class_and_its_picture(site, clinician):
    where = screen(clinician, site.chain.scan(Verdict.CLEAN))
    page = clinician.get(where).text
    assert "No manipulation found" in page
    assert re.search(r'class="answer">(left|right), probability', page)
    assert clinician.get(f"{where}/image").mimetype == "image/png"


@pytest.mark.parametrize("verdict", [Verdict.ADVERSARIAL, Verdict.UNCERTAIN])
def test_a_held_scan_withholds_its_class_until_a_reason_is_written_down(site, clinician, verdict):
    where = screen(clinician, site.chain.scan(verdict))
    page = clinician.get(where).text
    assert 'class="answer"' not in page
    assert "class is withheld" in page
    # Whatever it is called, even unknown: the bars say of what they are shares.
    assert page.index("Shares if it was an attack of a known kind") < page.index('<dl class="bars">')
    token = token_of(clinician, where)
    refused = clinician.post(where, data={"csrf_token": token, "reason": "because"})
    assert refused.status_code == 422
    assert "10 to 1,000" in refused.text
    shown = clinician.post(where, data={"csrf_token": token, "reason": "Second reading by two of us."})
    page = clinician.get(shown.location).text
    assert re.search(r'class="answer">(left|right), probability', page)
    assert "Second reading by two of us." in page
    # The administrator sees the note, but has to give a reason too.
    assert 'class="answer"' not in site.client("admin").get(where).text


@pytest.mark.parametrize("data", [b"", b"plain text", b"\x89PNG\r\n\x1a\n broken"])
def test_what_is_no_image_is_refused_with_its_reason(clinician, data):
    form = {"csrf_token": token_of(clinician, "/screen"), "image": (io.BytesIO(data), "notes.txt")}
    answer = clinician.post("/screen", data=form)
    assert answer.status_code == 422
    assert "Not screened" in answer.text


@pytest.mark.parametrize("data", [b"", b"plain text", b"\x89PNG\r\n\x1a\n broken"])
def test_what_is_no_image_is_not_screened_and_kept_on_record(clinician, data):
    page = clinician.get(screen(clinician, data, "notes.txt")).text
    assert "Not screened" in page
    assert "notes.txt" in page
    assert 'class="answer"' not in page


def test_no_page_ever_calls_a_scan_safe(site, clinician):
    for verdict in (Verdict.CLEAN, Verdict.UNCERTAIN, Verdict.ADVERSARIAL):
        page = clinician.get(screen(clinician, site.chain.scan(verdict))).text
        assert not re.search(r"\bsafe\b|authentic\b|100 %", page, re.IGNORECASE)


def test_a_clinician_sees_only_the_own_screenings(site, clinician):
    where = screen(clinician, site.chain.scan(Verdict.CLEAN), "mine.png")
    other = site.client("other")
    assert other.get(where).status_code == 404
    assert other.get(f"{where}/image").status_code == 404
    assert "mine.png" not in other.get("/screenings").text
    assert "mine.png" in site.client("admin").get("/screenings").text


def test_screenings_are_filtered_by_verdict(site, clinician):
    screen(clinician, b"nothing", "filtered.txt")
    assert "filtered.txt" in clinician.get("/screenings?verdict=not_screened").text
    assert "filtered.txt" not in clinician.get("/screenings?verdict=clean").text


@pytest.mark.parametrize("name", ["<script>alert(1)</script>.png", "../../etc/passwd", "a\u202egnp.exe"])
def test_a_hostile_file_name_is_shown_harmlessly(clinician, name):
    page = clinician.get(screen(clinician, b"nothing", name)).text
    assert "<script>alert" not in page
    assert "../" not in page
    assert "\u202e" not in page


def test_an_empty_form_names_its_faults_and_links_to_them(admin):
    answer = admin.post("/datasets/new", data={"csrf_token": token_of(admin, "/datasets/new")})
    assert answer.status_code == 422
    assert '<a href="#name">' in answer.text
    assert "Choose a file." in answer.text


@pytest.mark.parametrize("eps", ["-1", "300", "x", "", "nan"])
def test_a_radius_that_is_none_is_refused(site, admin, eps):
    form = {
        "csrf_token": token_of(admin, "/adversarial-sets/new"),
        "name": "bad",
        "dataset_id": site.chain.dataset.id,
        "classifier_id": site.chain.classifier.id,
        "attacks": ["fgsm"],
        "eps": eps,
        "per_cell": "5",
        "seed": "0",
    }
    answer = admin.post("/adversarial-sets/new", data=form)
    assert answer.status_code == 422
    assert 'href="#eps"' in answer.text


def test_an_uploaded_zip_becomes_a_job_that_can_be_cancelled_and_resumed(site, admin):
    form = {
        "csrf_token": token_of(admin, "/datasets/new"),
        "name": "Again",
        "seed": "1",
        "files": (io.BytesIO(site.chain.source.read_bytes()), "tiny.zip"),
    }
    answer = admin.post("/datasets/new", data=form)
    assert answer.status_code == 302, answer.text
    where = answer.location
    live = admin.get(f"{where}/live")
    assert "hx-get" in live.text
    assert 'http-equiv="refresh"' in admin.get(where).text
    token = token_of(admin, where)
    assert admin.post(f"{where}/cancel", data={"csrf_token": token}).status_code == 302
    assert admin.post(f"{where}/resume", data={"csrf_token": token}).status_code == 409


def test_a_key_is_shown_once_and_can_be_revoked(admin):
    form = {"csrf_token": token_of(admin, "/api-keys/"), "name": "PACS", "scope": "screen", "days": "30"}
    secret = re.search(r"sg_[0-9a-f]{8}_[\w-]+", admin.post("/api-keys/", data=form).text)[0]
    page = admin.get("/api-keys/").text
    assert secret not in page
    key_id = re.search(r"/api-keys/(\d+)/revoke", page)[1]
    assert admin.post(f"/api-keys/{key_id}/revoke", data={"csrf_token": form["csrf_token"]}).status_code == 302
    assert "revoked" in admin.get("/api-keys/").text


def test_there_is_no_gate_to_roll_back_to(admin):
    answer = admin.post("/gates/roll-back", data={"csrf_token": token_of(admin, "/gates/")})
    assert answer.status_code == 409
    assert "No other gate stood before" in answer.text


@pytest.mark.parametrize("path", ["/datasets/none", "/classifiers/none", "/gates/none", "/jobs/99999", "/nowhere"])
def test_an_unknown_id_says_what_to_do(admin, path):
    answer = admin.get(path)
    assert answer.status_code == 404
    assert "What to do" in answer.text
    assert re.search(r'Reference</dt><dd class="mono">[0-9a-f]{10}<', answer.text)


@pytest.mark.parametrize(
    ("path", "way", "words"),
    [
        ("/datasets/none", "/datasets/", "data sets"),
        ("/datasets/none/no/such/thing", "/datasets/", "data sets"),
        ("/jobs/99999", "/jobs/", "jobs"),
        ("/lab/poisoning/finding/none", "/lab/poisoning/finding/", "searches for poison"),
        ("/lab/poisoning/none", "/lab/poisoning/", "runs of the poisoning lab"),
        ("/trusted-subsets/none", "/trusted-subsets/", "trusted subsets"),
        ("/screenings/none", "/screenings", "screenings"),
    ],
)
def test_an_unknown_id_leads_to_the_list(admin, path, way, words):
    answer = admin.get(path)
    assert answer.status_code == 404
    assert f'<a href="{way}">See the {words} that there are</a>' in answer.text
    assert admin.get(way).status_code == 200


def test_an_unknown_address_leads_home_and_nobody_to_what_is_not_theirs(admin, clinician):
    for page in (admin.get("/nowhere").text, clinician.get("/datasets/none/no/such/thing").text):
        assert '<p>Go to the <a href="/">first page</a></p>' in page
    assert ">See the screenings that there are</a>" in clinician.get("/screenings/none").text


def test_a_page_says_of_which_kind_each_thing_is_that_it_was_made_from(site, admin):
    page = admin.get(f"/adversarial-sets/{site.chain.adversarial_set.id}").text
    assert re.search(r"Made from (data set|classifier) <a href=[^>]+>[^<]+</a>, (data set|classifier) <a href", page)


def test_pages_of_the_lab_and_of_gates_write_shares_in_one_way():
    templates = Path(__file__).resolve().parents[3] / "templates"
    folders = [templates / name for name in ("poisoning", "poisoning_repair", "trusted", "gates")]
    pages = [templates / "parts" / "rates.html", *(page for folder in folders for page in folder.glob("*.html"))]
    assert len(pages) > 20
    assert [page.name for page in pages if re.search(r"100 \*", page.read_text())] == []
