import dataclasses

import pytest

from webapp.errors import BadJob
from webapp.jobs.registry import KINDS, kind_named, load_kinds, register


def test_a_second_kind_of_one_name_is_refused(settings):
    load_kinds(settings)
    other = dataclasses.replace(KINDS["count"], title="Another")
    with pytest.raises(BadJob, match="'count' is registered already"):
        register(other)
    assert kind_named("count").title == "Test: count"


def test_loading_twice_changes_nothing(settings):
    load_kinds(settings)
    before = dict(KINDS)
    load_kinds(settings)
    assert before == KINDS
