import numpy as np
import pytest
import torch

from datasets.progress import ignore
from detector.types import TYPES
from pipeline.detection.division import divide
from pipeline.detection.naming import learn_names
from pipeline.detection.network import pixel_batches


@pytest.fixture(scope="module")
def rows(tiny_chain):
    return tiny_chain.adversarial_set.rows()


@pytest.fixture(scope="module")
def parts(tiny_chain, rows):
    return tuple(part.clean for part in divide(tiny_chain.dataset, rows, held_out=0.3, seed=0))


def learned(chain, rows, parts, *, shown=None, seed=0, progress=ignore):
    shown = np.ones(len(rows), dtype=bool) if shown is None else shown
    return learn_names(chain.dataset, rows, shown, parts, chain.classifier.spec, seed, progress)


def test_attacks_on_scans_that_nothing_was_learned_from_are_named(tiny_chain, rows, parts):
    naming = learned(tiny_chain, rows, parts)
    items = tiny_chain.dataset.indices("test")
    chosen = np.flatnonzero(np.isin(rows.parent, items) & np.isin(rows.status, ["success", "failed"]))
    scans = [(rows.levels(int(row)), int(rows.bits[row])) for row in chosen]
    said = torch.cat([naming(pixels) for pixels in pixel_batches(scans, tiny_chain.classifier.spec)]).argmax(1)
    right = np.array([TYPES[k] for k in said]) == rows.attack[chosen]
    assert right.mean() > 0.9


def test_it_depends_on_scans_and_seed_alone(tiny_chain, rows, parts):
    first, again = (learned(tiny_chain, rows, parts).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_what_is_not_shown_is_never_said(tiny_chain, rows, parts):
    naming = learned(tiny_chain, rows, parts, shown=rows.attack != "pgd")
    chosen = np.flatnonzero(np.isin(rows.parent, parts[0]) & (rows.attack == "pgd"))[:8]
    scans = [(rows.levels(int(row)), int(rows.bits[row])) for row in chosen]
    said = naming(next(pixel_batches(scans, tiny_chain.classifier.spec))).argmax(1)
    assert TYPES.index("pgd") not in said.tolist()


def test_progress_counts_every_scan_of_a_part_and_failed_attacks_are_learned_from(tiny_chain, rows, parts):
    seen = []
    learned(tiny_chain, rows, parts, progress=lambda done, total, what: seen.append((done, total, what)))
    for what, items in zip(("marks of attacks", "marks of attacks, held out"), parts, strict=True):
        status = rows.status[np.isin(rows.parent, items)]
        n_attacked = int((status == "success").sum()) + int((status == "failed").sum())
        told = [(done, total) for done, total, named in seen if named == what]
        assert told == sorted(told)
        assert told[-1] == (2 * len(items) + n_attacked,) * 2
