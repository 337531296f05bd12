"""From a search for poison to its repair, through the pages: what is confirmed is what is ordered."""

import re

import pytest
from sqlalchemy import delete

from tests.webapp.views.lab import FINDING_ID
from tests.webapp.views.site import row_of, token_of
from webapp.jobs.service import Jobs
from webapp.records.suspects import SuspectDecision

SHOWN = f"/lab/poisoning/finding/{FINDING_ID}"


@pytest.fixture
def client(lab):
    """An administrator, before a search of which nothing is decided."""
    with lab.database.transaction() as session:
        session.execute(delete(SuspectDecision))
    return lab.client("admin")


def test_what_is_confirmed_on_the_page_of_a_search_is_repaired(lab, client):
    page = client.get(SHOWN).text
    assert "/lab/poisoning/repairs/new" not in page, "Nothing is confirmed yet."
    items = re.findall(r'<li id="item-(\d+)"', page)
    token = token_of(client, SHOWN)
    for item, form in zip(items[:3], ({"do": "drop"}, {"do": "drop"}, {"do": "clear"}), strict=True):
        assert client.post(f"{SHOWN}/decisions", data={"items": item, **form, "csrf_token": token}).status_code == 302
    where = re.search(r'href="(/lab/poisoning/repairs/new[^"]*)"', client.get(SHOWN).text)[1].replace("&amp;", "&")
    page = client.get(where).text
    assert f'href="{SHOWN}"' in page
    shown = re.search(r'name="shown"[^>]*value="([^"]+)"', page)[1]
    form = {"name": "Confirmed", "epochs": "1", "shown": shown, "csrf_token": token_of(client, where)}
    answer = client.post(where, data=form)
    assert answer.status_code == 302, answer.text
    jobs = Jobs(lab.database, lab.settings)
    job = jobs.run_until_ended(int(answer.location.rpartition("/")[2]))
    assert job.state == "done", job.error
    told = client.get(f"/lab/poisoning/repairs/{job.artefact_id}/report.json").get_json()
    assert [row["item"] for row in told["dropped"]] == sorted(int(item) for item in items[:2])
    assert told["relabelled"] == []
    assert FINDING_ID in row_of(lab, job.artefact_id).parents
    assert f'href="{SHOWN}"' in client.get(f"/lab/poisoning/repairs/{job.artefact_id}").text
