"""The gate that a request screens through."""

from pipeline.gate.decision import Verdict
from webapp.context import context
from webapp.gatehouse import screen_scan


class Forgetful(dict):
    """Gates of a process in which another thread clears them at the worst moment."""

    def __setitem__(self, key, value):
        pass


def test_a_gate_that_another_thread_drops_still_screens(site):
    with site.app.test_request_context():
        place = context()
        kept = dict(place.gates)
        object.__setattr__(place, "gates", Forgetful())
        try:
            row = screen_scan(site.chain.scan(Verdict.CLEAN), "scan.png", owner_id=None)
        finally:
            object.__setattr__(place, "gates", kept)
    assert row.verdict == "clean"
