"""A gate's graph in memory, opened as two: one that judges every scan, and one that names what was flagged."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import onnx
import onnx.utils
import onnxruntime
from google.protobuf.message import DecodeError
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, InvalidProtobuf

from pipeline.errors import BadGate

INPUT = "pixels"
JUDGED = ("probs", "score")
NAMED = ("type_probs",)
ANSWERED = ("probs",)
OUTPUTS = (*JUDGED, *NAMED)


class GraphParts(NamedTuple):
    """Two sessions over one graph, each with what its outputs need and nothing else.

    A session computes all outputs of its graph, whichever are asked for, and naming costs a sixth of the whole.
    """

    judging: onnxruntime.InferenceSession  # gives JUDGED
    naming: onnxruntime.InferenceSession  # gives NAMED


def open_graph(path: Path, *, n_threads: int) -> GraphParts:
    """The graph of a file, ready to run; threads may share it.

    Raises:
        BadGate: it is no graph of a gate, or ONNX Runtime cannot run it.
    """
    judging, naming = _opened(path, (JUDGED, NAMED), n_threads)
    return GraphParts(judging, naming)


def open_answering(path: Path, *, n_threads: int) -> onnxruntime.InferenceSession:
    """The classifier alone from the graph of a file, giving ANSWERED for any number of images; raises the same."""
    (answering,) = _opened(path, (ANSWERED,), n_threads)
    return answering


def _opened(path: Path, parts: Iterable[tuple[str, ...]], n_threads: int) -> list[onnxruntime.InferenceSession]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.inter_op_num_threads = 1
    # Waiting threads would otherwise burn the cores that decoding and the web need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        extractor = onnx.utils.Extractor(onnx.load(path))
        return [
            onnxruntime.InferenceSession(
                extractor.extract_model([INPUT], list(outputs)).SerializeToString(),
                sess_options=options,
                providers=["CPUExecutionProvider"],
            )
            for outputs in parts
        ]
    except (DecodeError, KeyError, ValueError, Fail, InvalidGraph, InvalidProtobuf) as e:
        raise BadGate(
            f"{path.parent.name}: ONNX Runtime cannot read {path.name}: {e}; release the detector again"
        ) from e
