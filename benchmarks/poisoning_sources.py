"""Which code decides the figures on poisoning: what another state of it measured is measured anew.

Not among it is what all of the project stands on: how classifiers are trained and asked, the versions of the libraries.
After a change there the notes are removed by hand.
"""

import ast
from pathlib import Path

from datasets.atomic import content_id

_ROOT = Path(__file__).resolve().parent.parent
_FINDING = (
    *("activation_clustering", "concentration", "confident_labels", "doubted_labels", "fused", "interface"),
    *("patch_counts", "patch_scan", "registry", "spectral_signatures", "trusted_reference"),
)
_POISONING = (
    *("backdoor", "choice", "evidence", "flips", "out_of_fold", "perturbation", "perturbing", "poison", "quick"),
    *("repair", "search_trainings", "shown", "sides", "success", "triggers"),
)
FINDERS = (
    "benchmarks/poisoning_flags.py",
    "benchmarks/poisoning_peers.py",
    "detector/conformal.py",
    *(f"detector/poisoned/{name}.py" for name in _FINDING),
    *(f"pipeline/poisoning/{name}.py" for name in _POISONING),
)
STRIP = (
    "detector/conformal.py",
    *("detector/poisoned/parts.py", "detector/poisoned/strip.py", "detector/poisoned/strip_rule.py"),
    *("benchmarks/poisoning_strip.py", "pipeline/gate/strip_choice.py"),
    *("pipeline/poisoning/shown.py", "pipeline/poisoning/triggers.py"),
)
TIMED = (*FINDERS, "pipeline/poisoning/flip_lab.py", "benchmarks/poisoning_timed.py")
TAMPERED = (
    *(f"pipeline/provenance/{name}.py" for name in ("chain", "event", "manifest", "merkle", "record", "signing")),
    *(f"pipeline/provenance/{name}.py" for name in ("opening", "unrecorded", "verification")),
    "datasets/found.py",
    *(f"benchmarks/{name}.py" for name in ("tampering", "tampering_changes", "tampering_data", "tampering_events")),
)


def sources_id(files: tuple[str, ...]) -> str:
    """A hash of what these files do: comments and docstrings do not count."""
    return content_id([_bare((_ROOT / file).read_text()) for file in files])


def _bare(text: str) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)
