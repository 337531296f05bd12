import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from detector.errors import EvidenceMissing
from detector.poisoned.registry import FINDERS
from tests.detector.poisoned.examples import clean_evidence, dirty_backdoor, flipped, permuted

POISONED = {"backdoor": dirty_backdoor()[0], "flips": flipped(n=360)[0], "clean": clean_evidence()}

every_finder = pytest.mark.parametrize("finder", FINDERS, ids=lambda finder: finder.NAME)
every_set = pytest.mark.parametrize("poison", POISONED)


@cache
def finding(finder, poison):
    return finder().find(POISONED[poison])


def test_names_are_told_apart_and_sources_given():
    assert len({finder.NAME for finder in FINDERS}) == len(FINDERS)
    assert all(finder.SOURCE for finder in FINDERS)


@every_finder
@every_set
def test_every_sample_gets_a_finite_score_and_a_flag(finder, poison):
    evidence, found = POISONED[poison], finding(finder, poison)
    assert found.finder == finder.NAME
    assert found.score.shape == found.flagged.shape == (evidence.n,)
    assert found.score.dtype == np.float64
    assert found.flagged.dtype == np.bool_
    assert np.isfinite(found.score).all()
    if found.suggested is not None:
        assert found.suggested.dtype == np.int64
        assert set(found.suggested) <= set(range(evidence.n_classes))


@every_finder
@every_set
def test_trusted_samples_are_never_flagged(finder, poison):
    assert not (finding(finder, poison).flagged & POISONED[poison].trusted).any()


@every_finder
@every_set
def test_facts_are_plain_json(finder, poison):
    facts = finding(finder, poison).facts
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts


@every_finder
@every_set
def test_the_same_evidence_gives_the_same_finding(finder, poison):
    first, second = finding(finder, poison), finder().find(POISONED[poison])
    np.testing.assert_array_equal(first.score, second.score)
    np.testing.assert_array_equal(first.flagged, second.flagged)
    assert first.facts == second.facts


@every_finder
@every_set
def test_the_order_of_the_samples_has_no_part_in_it(finder, poison):
    evidence, straight = POISONED[poison], finding(finder, poison)
    order = np.random.default_rng(3).permutation(evidence.n)
    shuffled = finder().find(permuted(evidence, order))
    np.testing.assert_allclose(shuffled.score, straight.score[order], rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(shuffled.flagged, straight.flagged[order])


@every_finder
def test_what_a_finder_is_shown_is_not_changed(finder):
    evidence = dirty_backdoor()[0]
    names = ("pixels", "labels", "trusted", "features", "probs", "reference_probs")
    before = {name: getattr(evidence, name).copy() for name in names}
    finder().find(evidence)
    for name, value in before.items():
        np.testing.assert_array_equal(getattr(evidence, name), value)


@every_finder
def test_evidence_that_it_needs_and_lacks_is_named(finder):
    for name in finder.NEEDS:
        with pytest.raises(EvidenceMissing, match=f"{finder.NAME}: {name} not given"):
            finder().find(replace(clean_evidence(), **{name: None}))


@every_finder
def test_a_class_without_samples_is_let_be(finder):
    evidence = clean_evidence()
    kept = np.flatnonzero((evidence.labels != 1) | evidence.trusted)
    found = finder().find(permuted(evidence, kept))
    assert found.flagged.mean() <= 0.02
