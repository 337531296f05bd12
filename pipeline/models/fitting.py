"""Putting weights into a network, and saying precisely why they do not fit."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pipeline.errors import BadClassifier
from pipeline.models.adapter import PixelModel
from pipeline.models.registry import architecture, architectures, build, build_model
from pipeline.models.spec import ClassifierSpec

_SHOWN = 5


def model_with(spec: ClassifierSpec, state: Mapping[str, Tensor]) -> PixelModel:
    """The specified classifier with these weights, in evaluation mode and proven to give numbers.

    Raises:
        BadClassifier: the weights are of another architecture or class count, hold NaN or an infinity, or the
            classifier gives no finite logits.
    """
    model = build_model(spec)
    _check_shapes(model.network, state, spec)
    _check_finite(state)
    model.network.load_state_dict(dict(state))
    model.eval()
    _check_output(model)
    return model


def _check_shapes(network: nn.Module, state: Mapping[str, Tensor], spec: ClassifierSpec) -> None:
    own = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    given = {key: tuple(value.shape) for key, value in state.items()}
    if own == given:
        return
    _check_class_count(own, given, spec)
    _check_channels(own, given, spec)
    missing = [key for key in own if key not in given]
    unexpected = [key for key in given if key not in own]
    reshaped = [f"{key} {given[key]} for {own[key]}" for key in own if key in given and given[key] != own[key]]
    reasons = [
        f"{len(keys)} {what} ({', '.join(keys[:_SHOWN])}{', …' if len(keys) > _SHOWN else ''})"
        for what, keys in (("missing", missing), ("unexpected", unexpected), ("of another shape", reshaped))
        if keys
    ]
    fits = _architectures_that_fit(given, spec)
    advice = f"they fit {', '.join(fits)}: give that name" if fits else f"registered are {', '.join(architectures())}"
    raise BadClassifier(f"weights do not fit {spec.architecture}: {'; '.join(reasons)}; {advice}")


def _check_class_count(
    own: Mapping[str, tuple[int, ...]], given: Mapping[str, tuple[int, ...]], spec: ClassifierSpec
) -> None:
    """The commonest mistake gets its own sentence: everything fits but the number of outputs."""
    if own.keys() != given.keys():
        return
    head = architecture(spec.architecture).head_name
    other = [key for key in own if own[key] != given[key]]
    if all(key.startswith(f"{head}.") and own[key][1:] == given[key][1:] for key in other):
        raise BadClassifier(
            f"weights give {given[other[0]][0]} outputs, {len(spec.classes)} classes with a {spec.head} head need"
            f" {spec.n_outputs}; name as many classes as the weights have"
        )


def _check_channels(
    own: Mapping[str, tuple[int, ...]], given: Mapping[str, tuple[int, ...]], spec: ClassifierSpec
) -> None:
    """The next commonest: grey weights for an RGB classifier, or the other way round."""
    first = next(iter(own))
    if own.keys() != given.keys() or [key for key in own if own[key] != given[key]] != [first]:
        return
    (n_out, wanted, *side), (other_out, found, *other_side) = own[first], given[first]
    if (n_out, side) == (other_out, other_side):
        raise BadClassifier(f"weights take {found} channels, asked for {wanted}; choose channels={found}")


def _architectures_that_fit(given: Mapping[str, tuple[int, ...]], spec: ClassifierSpec) -> list[str]:
    """By names alone: channels and classes may differ as well."""
    fits = []
    for name in architectures():
        side = architecture(name).min_side
        like = {
            **spec.to_json(),
            "architecture": name,
            "height": max(side, spec.height),
            "width": max(side, spec.width),
        }
        with torch.device("meta"):
            network = build(ClassifierSpec.from_json(like))
        if network.state_dict().keys() == given.keys() and name != spec.architecture:
            fits.append(name)
    return fits


def _check_finite(state: Mapping[str, Tensor]) -> None:
    broken = [key for key, value in state.items() if value.is_floating_point() and not bool(value.isfinite().all())]
    if broken:
        shown = ", ".join(broken[:_SHOWN])
        raise BadClassifier(
            f"{len(broken)} of {len(state)} tensors hold NaN or an infinity ({shown}); export the classifier again"
        )


def _check_output(model: PixelModel) -> None:
    spec = model.spec
    ramp = torch.linspace(0, 1, spec.channels * spec.height * spec.width)
    ramp = ramp.view(1, spec.channels, spec.height, spec.width)
    try:
        with torch.no_grad():
            logits = model(torch.cat([ramp, 1 - ramp]))
    except RuntimeError as e:
        raise BadClassifier(f"the classifier fails on a {spec.height}x{spec.width} test image: {e}") from e
    if tuple(logits.shape) != (2, len(spec.classes)):
        raise BadClassifier(
            f"the classifier gives {tuple(logits.shape)} for two images, expected (2, {len(spec.classes)})"
        )
    if not bool(logits.isfinite().all()):
        raise BadClassifier("the classifier gives NaN or an infinity for a test image; check its weights")
