"""Screening of single scans on a compiled gate, without torch."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from datasets.errors import BadImage
from datasets.jail import decode_jailed
from datasets.limits import Limits
from detector.conformal import alarms, p_values
from detector.named import name_attack
from detector.types import attack_probabilities, family_probabilities
from pipeline.gate.blending import OpenStrip, open_strip
from pipeline.gate.decision import (
    TRIGGER_SEEN,
    AttackGuess,
    Decision,
    Models,
    Prediction,
    StripFinding,
    StripRate,
    Verdict,
)
from pipeline.gate.files import GRAPH_FILE, PREPROCESSING, Gate, read_gate
from pipeline.gate.graph import INPUT, JUDGED, NAMED, GraphParts, open_graph
from pipeline.models.resize import fit_levels
from pipeline.provenance.record import checked

_REASONS = {
    Verdict.CLEAN: "No trace of an attack at this operating point.",
    Verdict.ADVERSARIAL: "The scan looks attacked; the class is withheld. Have a person review it.",
    Verdict.UNCERTAIN: "More suspicious than most clean scans; the class is withheld. Have a person review it.",
}
_AS_TRIGGER = "as a backdoor trigger does; the class is withheld. Have a person review it."
_NO_NUMBER = (
    "The models gave no number for this scan. Send the original file; if it happens again, "
    "have an administrator check the gate."
)


@dataclass(frozen=True)
class OpenGate:
    """A gate in memory, ready to screen; threads may share it."""

    gate: Gate
    graph: GraphParts
    strip: OpenStrip | None = None

    def screen(self, levels: np.ndarray, bits: int) -> Decision:
        """Decide on one decoded scan.

        Args:
            levels: (H, W, C), uint8 or uint16.
            bits: depth of the levels.
        """
        started = time.perf_counter()
        decision = self._screen(levels, bits)
        return replace(decision, latency_ms=round(1000 * (time.perf_counter() - started), 2))

    def not_screened(self, reason: str) -> Decision:
        """The decision on what cannot be judged."""
        return Decision(
            verdict=Verdict.NOT_SCREENED, reason=reason, operating_point=self.gate.point, models=self._models()
        )

    def decide(
        self,
        probs: np.ndarray,
        score: float,
        named: Callable[[], np.ndarray],
        *,
        strip: StripFinding | None = None,
    ) -> Decision:
        """The decision that the graph's outputs for one scan lead to.

        Anything that is not a number leads to no screening: it would slip past every comparison. What STRIP fires on
        is adversarial whatever the detector says: it has one rate, and no uncertain between two.

        Args:
            probs: (K,), of the classes.
            score: higher is more suspicious.
            named: gives the probabilities (len(TYPES),) of the types; asked only of a scan that the detector flags.
            strip: what STRIP says, where the gate has it.
        """
        numbers = [*probs, score, 0.0 if strip is None else strip.wavering]
        if not np.isfinite(numbers).all():
            return self.not_screened(_NO_NUMBER)
        p_value = float(p_values(self.gate.calibration, np.array([score]))[0])
        verdict = self._verdict(p_value)
        type_probs = None if verdict is Verdict.CLEAN else named()
        if type_probs is not None and not np.isfinite(type_probs).all():
            return self.not_screened(_NO_NUMBER)
        k = int(probs.argmax())
        return replace(
            self.not_screened(_reason(verdict, self.gate.point.strip if _fired(strip) else None)),
            verdict=Verdict.ADVERSARIAL if _fired(strip) else verdict,
            p_value=p_value,
            score=score,
            prediction=Prediction(class_name=self.gate.spec.classes[k], probability=float(probs[k])),
            attack=None if type_probs is None else _guess(type_probs),
            strip=strip,
        )

    def _screen(self, levels: np.ndarray, bits: int) -> Decision:
        spec = self.gate.spec
        height, width = levels.shape[:2]
        if not spec.judges(height, width):
            return self.not_screened(
                f"The image has {width} x {height} pixels; this gate's classifier sees {spec.width} x {spec.height} "
                f"and takes no less than half of that. Send the original scan."
            )
        seen = fit_levels(levels, bits, spec)
        pixels = {INPUT: seen[None]}
        probs, score = self.graph.judging.run(list(JUDGED), pixels)
        return self.decide(
            probs[0],
            float(score[0]),
            lambda: self.graph.naming.run(list(NAMED), pixels)[0][0],
            strip=None if self.strip is None else self.strip.look(seen, int(probs[0].argmax())),
        )

    def _verdict(self, p_value: float) -> Verdict:
        if alarms(p_value, self.gate.alpha):
            return Verdict.ADVERSARIAL
        if alarms(p_value, self.gate.alpha_uncertain):
            return Verdict.UNCERTAIN
        return Verdict.CLEAN

    def _models(self) -> Models:
        gate = self.gate
        return Models(
            gate_id=gate.id,
            classifier_id=gate.classifier_id,
            classifier_sha256=gate.classifier_sha256,
            detector_id=gate.detector_id,
            detector_sha256=gate.detector_sha256,
            graph_sha256=gate.graph_sha256,
            preprocessing=PREPROCESSING,
        )


def open_gate(folder: Path, *, n_threads: int = 1) -> OpenGate:
    """The gate of a folder, ready to screen, after its hashes were checked.

    Raises:
        BadGate: a file is missing or was changed, or ONNX Runtime cannot read the graph.
        BrokenHistory: its history is not whole, or it is not what its history says.
    """
    gate = read_gate(folder)
    checked(folder)
    path, point = folder / GRAPH_FILE, gate.strip
    strip = None if point is None else open_strip(path, point, gate.spec, n_threads=n_threads)
    return OpenGate(gate, open_graph(path, n_threads=n_threads), strip)


def screen_upload(gate: OpenGate, data: bytes, name: str = "", *, limits: Limits | None = None) -> Decision:
    """Decide on the bytes of a file, decoded in a child process; one that is no image is not screened."""
    started = time.perf_counter()
    try:
        image = decode_jailed(data, name=name, limits=limits)
    except BadImage as e:
        decision = gate.not_screened(str(e))
        file_type = None
    else:
        decision = gate.screen(image.levels, image.bits)
        file_type = image.file_type
    return replace(
        decision,
        input_sha256=hashlib.sha256(data).hexdigest(),
        file_type=file_type,
        latency_ms=round(1000 * (time.perf_counter() - started), 2),
    )


def _fired(strip: StripFinding | None) -> bool:
    return strip is not None and strip.fired


def _reason(by_detector: Verdict, strip: StripRate | None) -> str:
    """Why a scan is decided so; what both fired on gets both sentences.

    Args:
        by_detector: what the detector leads to.
        strip: how the gate's STRIP looks, where it fired.
    """
    if strip is None:
        return _REASONS[by_detector]
    seen = TRIGGER_SEEN[strip.by]
    reason = f"{seen[0].upper()}{seen[1:]}, {_AS_TRIGGER}"
    return reason if by_detector is Verdict.CLEAN else f"{_REASONS[by_detector]} And: {reason}"


def _guess(type_probs: np.ndarray) -> AttackGuess:
    probabilities = [float(p) for p in type_probs]
    types = attack_probabilities(probabilities)
    families, named = family_probabilities(types), name_attack(probabilities)
    return AttackGuess(
        family=named.family,
        family_probability=sum(families[family] for family in named.families),
        type=named.type,
        type_probability=named.probability,
        types=named.types,
        probabilities=types,
    )
