"""From finished parts to one adversarial set; loads no torch."""

import platform
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from datasets.adversarial_store import HEAD, NO_HEAD, STATUSES, AdversarialRows, concatenate, read_rows
from datasets.atomic import replacing_folder, sha256_file, write_json
from datasets.errors import DamagedStore
from pipeline.adversarial.files import FORMAT, MANIFEST_FILE, ROWS_FILE, AdversarialSet, open_adversarial
from pipeline.adversarial.fits import kept_fit, to_fit
from pipeline.adversarial.plan import Plan, stored_eps
from pipeline.artefacts import DataRoot
from pipeline.errors import MissingShard
from pipeline.provenance.chain import HISTORY_FILES, read_history
from pipeline.provenance.event import UNNAMED, EventKind, Parent
from pipeline.provenance.record import has_history, recorded


def assemble(
    plan: Plan,
    parts: Sequence[Path],
    root: Path,
    *,
    classifier_id: str,
    name: str = "",
    work: Path | None = None,
    device: str = "cpu",
    by: str = UNNAMED,
    parents: Iterable[Parent] = (),
) -> AdversarialSet:
    """Join the parts of all shards to `root/<id>`, whole or not at all, and begin its history or go on with it.

    The bytes of the rows do not depend on where the shards were cut.

    Args:
        plan: what was built.
        parts: the file of each shard, in the order of the shards.
        root: the folder of all adversarial sets, `adversarial` of the data root.
        classifier_id: whom the attacks were made against.
        name: for people.
        work: the folder that the shards kept their fitted perturbations in.
        device: the kind of device that the parts were made on, for the record.
        by: who builds, for the history.
        parents: data set and classifier, as `checked` gave them.

    Raises:
        MissingShard: a part or a fitted perturbation is absent or broken, or the rows are not those of the plan.
        BrokenHistory: the set was built before, and its history is not whole.
    """
    _check_parts(plan, parts)
    fits = _fits(plan, classifier_id, work)
    set_id = plan.set_id(classifier_id)
    if has_history(root / set_id):
        read_history(root / set_id, DataRoot(root.parent))  # One that is broken is written on by nobody.
    with replacing_folder(root / set_id, keep=HISTORY_FILES) as folder:
        concatenate(parts, folder / ROWS_FILE)
        told = {"id": set_id, "name": name or set_id, "classifier_id": classifier_id, "fitted": fits, "device": device}
        write_json(folder / MANIFEST_FILE, {**told, **_described(plan, folder)})
    facts = {"recipe": plan.recipe.to_json(), "n": len(plan), "rows_sha256": sha256_file(root / set_id / ROWS_FILE)}
    recorded(root / set_id, DataRoot(root.parent), EventKind.ATTACK, by=by, facts=facts, parents=parents)
    return open_adversarial(root / set_id)


def is_whole(plan: Plan, k: int, path: Path) -> bool:
    """Whether a file holds the rows that shard k is to make."""
    if not path.exists():
        return False
    try:
        rows = read_rows(path)
    except DamagedStore:
        return False
    planned = Counter(
        (plan.cells[batch.cell].NAME, plan.regions[batch.cell], parent)
        for batch in plan.shard(k)
        for parent in batch.parents
    )
    return planned == Counter(zip(rows.attack.tolist(), _asked(rows), rows.parent.tolist(), strict=True))


def _described(plan: Plan, folder: Path) -> dict[str, object]:
    """What the manifest says of the plan and of the rows that came of it."""
    return {
        "format": FORMAT,
        "dataset_id": plan.dataset_id,
        "recipe": plan.recipe.to_json(),
        "attacks": _attacks(plan),
        "n": len(plan),
        "counts": _counts(plan, read_rows(folder / ROWS_FILE)),
        "rows_sha256": sha256_file(folder / ROWS_FILE),
        "versions": _versions(),
    }


def _check_parts(plan: Plan, parts: Sequence[Path]) -> None:
    if len(parts) != len(plan.shards):
        raise MissingShard(f"{len(parts)} parts for {len(plan.shards)} shards; build the missing ones first")
    for k, path in enumerate(parts):
        if not is_whole(plan, k, path):
            raise MissingShard(f"shard {k}: {path.name} is missing or not as planned; build this shard again")


def _attacks(plan: Plan) -> list[dict[str, object]]:
    """What each cell did, with the precision that its gradients really were of."""
    precision = plan.recipe.precision
    return [
        {
            "attack": attack.NAME,
            "params": attack.params(),
            "region": region,
            "precision": attack.gradients_in(precision),
        }
        for attack, region in zip(plan.cells, plan.regions, strict=True)
    ]


def _fits(plan: Plan, classifier_id: str, work: Path | None) -> list[dict[str, object]]:
    """What was fitted for which cell, with the perturbations themselves."""
    told = []
    for cell in to_fit(plan, range(len(plan.cells))):
        fit = None if work is None else kept_fit(plan, cell, classifier_id, work)
        if fit is None:
            raise MissingShard(f"the perturbation of cell {cell} is not in the work folder; build its shards again")
        told.append({"cell": cell, **fit.to_json()})
    return told


def _asked(rows: AdversarialRows) -> list[str]:
    """The region that was asked for, of each row."""
    return [HEAD if region == NO_HEAD else region for region in rows.region.tolist()]


def _counts(plan: Plan, rows: AdversarialRows) -> list[dict[str, object]]:
    """One entry a split and cell; attacked are the images that the classifier had right."""
    split_of = {parent: batch.split for batch in plan.batches for parent in batch.parents}
    columns = (rows.parent.tolist(), rows.attack.tolist(), rows.eps.tolist(), _asked(rows), rows.status.tolist())
    found = Counter((split_of[parent], *rest) for parent, *rest in zip(*columns, strict=True))
    entries: list[dict[str, object]] = []
    for split in plan.recipe.splits:
        for cell, region in zip(plan.cells, plan.regions, strict=True):
            # Rows hold float32.
            eps = rows.eps.dtype.type(stored_eps(cell)).item()
            count = {status: found[split, cell.NAME, eps, region, status] for status in STATUSES}
            n = sum(count.values())
            entry = {"split": split, "attack": cell.NAME, "eps": stored_eps(cell), "region": region, "n": n}
            entries.append({**entry, "attacked": n - count["clean_wrong"], **count})
    return entries


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in ("torch", "numpy", "h5py")}}
