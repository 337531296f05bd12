"""Whether weights can be imported, found out by a child process: a web process needs no torch for the answer."""

from pathlib import Path

from datasets.errors import JailFailure
from datasets.jail import JailLimits, run_jailed
from pipeline.errors import BadClassifier
from pipeline.models.spec import ClassifierSpec

# As for reading a state dict, which is the heaviest part of it; a person waits, so there is less time.
_LIMITS = JailLimits(memory_bytes=10 << 30, cpu_s=90, wall_s=120.0, file_bytes=2 << 30)


def try_weights(file: Path, spec: ClassifierSpec) -> None:
    """Refuse what `import_classifier` would refuse; takes the seconds that torch needs to start.

    Args:
        file: its suffix says the format.
        spec: what the weights are said to be.

    Raises:
        RefusedFormat: a format that is not read, or a file that brings code.
        BadClassifier: a broken file, or weights that do not fit the specification.
    """
    args = {"source": str(file.resolve()), "name": file.name, "spec": spec.to_json()}
    try:
        run_jailed(f"{__name__}:prove", args, limits=_LIMITS)
    except JailFailure as e:
        raise BadClassifier(f"{file.name} could not be read: {e}; export the classifier again, or a smaller one") from e


def prove(source: str, name: str, spec: dict[str, object]) -> int:
    """Read the weights as the import does; runs in the jail.

    Raises:
        RefusedFormat: as `try_weights`.
        BadClassifier: as `try_weights`.
    """
    # Here and not above: whoever only asks needs none of it.
    from pipeline.models.importers.importing import read_classifier

    link = Path("upload") / name  # A folder of its own, since a file may be called anything.
    link.parent.mkdir()
    link.symlink_to(source)
    read_classifier(link, ClassifierSpec.from_json(spec))
    return 0
