"""`report-detector`: what was measured of a detector, and of others beside it, as tables, JSON and PDF."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from datasets.atomic import replacing, write_json
from datasets.progress import Progress
from pipeline.artefacts import DataRoot
from pipeline.cli.command import Answer
from pipeline.detector_report.blocks import Block, Chart, Pairs, Pictures, Points, Table, Words

NAME = "report-detector"
HELP = "put together what evaluate-detector, attack-gate and compare-detectors kept, as a PDF and as JSON"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the detector and where its report goes."""
    parser.add_argument("detector", help="id of the detector")
    parser.add_argument("--pdf", type=Path, metavar="FILE", help="write the report as a PDF")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the report as JSON")


def run(args: Namespace, progress: Progress) -> Answer:
    """Read what was kept, and write it."""
    from pipeline.detection.files import open_detector
    from pipeline.detector_report.document import document, told
    from pipeline.detector_report.kept import kept_adaptive, kept_comparison, kept_others, static_or_refuse
    from pipeline.detector_report.not_shown import not_shown
    from pipeline.detector_report.pdf import pdf
    from pipeline.detector_report.scans import Scans

    root = DataRoot(args.root)
    detector = open_detector(root.find("detectors", args.detector))
    found = told(
        detector.name,
        static_or_refuse(root, detector.id),
        kept_adaptive(root, detector.id),
        kept_comparison(root, detector.id),
        others=kept_others(root, detector.id),
        kept_from=not_shown(detector.notes),
    )
    made = document(found)
    if args.report is not None:
        write_json(args.report, found.to_json())
    if args.pdf is not None:
        printed = pdf(made, Scans(root).shown)
        with replacing(args.pdf) as incoming:
            incoming.write_bytes(printed)
    lines = [made.title, made.statement]
    if made.missing:
        lines.append(f"Of an older form; it lacks {'; '.join(made.missing)}.")
    for section in made.sections:
        lines += ["", f"## {section.title}"]
        for block in section.blocks:
            lines += _lines(block)
    return Answer(found.to_json(), lines)


def _lines(block: Block) -> list[str]:
    match block:
        case Words():
            return ["", block.text]
        case Points():
            return ["", *(f"- {item}" for item in block.items)]
        case Pairs():
            return ["", *(f"{name}: {text}" for name, text in block.rows)]
        case Pictures():
            return ["", *(f"- {picture.title}: {picture.text}" for picture in block.rows)]
        case Chart():
            return ["", block.what, *_table(block.table)]
        case Table():
            return _table(block)


def _table(table: Table) -> list[str]:
    rows = [table.head, tuple("---" for _ in table.head), *table.rows]
    return ["", f"{table.title}:", "", *(f"| {' | '.join(row)} |" for row in rows)]
