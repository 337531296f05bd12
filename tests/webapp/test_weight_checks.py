"""What a file of weights shows without being read: nothing of it is run."""

import io
import json
import pickle
import zipfile

import pytest
import torch
from safetensors.torch import save_file

from pipeline.errors import BadClassifier, RefusedFormat
from pipeline.models.importers.importing import IMPORTERS
from pipeline.models.registry import architecture, architectures, build, default_spec
from webapp.upload_checks import CHECKS, check_weights
from webapp.weight_checks import SIGNATURES, signature_of

CLASSES = ("a", "b", "c")


def spec(name="SequentialCNN", classes=CLASSES, channels=1):
    return default_spec(name, classes=classes, channels=channels, height=64, width=64)


@pytest.fixture
def state():
    return build(spec()).state_dict()


class Runs:
    """What a pickle can do when it is read."""

    def __reduce__(self):
        return exec, ("raise SystemExit('a pickle was run')",)


def test_signatures_are_those_of_the_registry():
    assert tuple(SIGNATURES) == architectures()
    for name, signature in SIGNATURES.items():
        known = architecture(name)
        with torch.device("meta"):
            own = build(spec(name)).state_dict()
        assert signature.n_tensors == len(own)
        assert signature.min_side == known.min_side
        assert signature.first == next(iter(own))
        assert signature.head.startswith(f"{known.head_name}.")
        assert tuple(own[signature.head].shape) == (3, signature.width)


def test_the_formats_checked_are_those_that_are_imported():
    assert set(CHECKS) == set(IMPORTERS)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_weights_that_fit_pass(tmp_path, state, prefix):
    file = tmp_path / "net.safetensors"
    save_file({prefix + key: value for key, value in state.items()}, file)
    check_weights(file, spec())


@pytest.mark.parametrize("legacy", [False, True])
def test_a_state_dict_passes(tmp_path, state, legacy):
    file = tmp_path / "net.pt"
    torch.save(state, file, _use_new_zipfile_serialization=not legacy)
    check_weights(file, spec())


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (spec("resnet18"), "do not fit resnet18; they fit SequentialCNN"),
        (spec(classes=("a", "b")), "give 3 outputs, 2 classes"),
        (spec(channels=3), "channels, asked for 3"),
    ],
)
def test_weights_of_another_classifier_are_refused(tmp_path, state, asked, says):
    save_file(state, tmp_path / "net.safetensors")
    with pytest.raises(BadClassifier, match=says):
        check_weights(tmp_path / "net.safetensors", asked)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(tmp_path, state, wrong):
    state["head.1.bias"][1] = wrong
    save_file(state, tmp_path / "net.safetensors")
    with pytest.raises(BadClassifier, match=r"head\.1\.bias holds NaN"):
        check_weights(tmp_path / "net.safetensors", spec())


@pytest.mark.parametrize("n_bytes", [4, 100, -10])
def test_a_cut_file_is_refused(tmp_path, state, n_bytes):
    save_file(state, tmp_path / "net.safetensors")
    torch.save(state, tmp_path / "net.pt")
    for file in (tmp_path / "net.safetensors", tmp_path / "net.pt"):
        file.write_bytes(file.read_bytes()[:n_bytes])
        with pytest.raises(BadClassifier, match=file.name):
            check_weights(file, spec())


def test_tensors_that_share_bytes_are_refused(tmp_path):
    shared = {name: {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} for name in ("a", "b")}
    header = json.dumps(shared).encode()
    (tmp_path / "net.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(BadClassifier, match="do not fill"):
        check_weights(tmp_path / "net.safetensors", spec())


def test_a_pickle_is_refused_and_not_run(tmp_path):
    file = tmp_path / "net.pt"
    for data in (pickle.dumps(Runs()), pickle.dumps({"a": 1}), pickle.dumps(Runs(), protocol=2)):
        file.write_bytes(data)
        with pytest.raises(RefusedFormat, match="pickled object"):
            check_weights(file, spec())


def test_a_saved_module_is_refused(tmp_path):
    file = tmp_path / "net.pt"
    torch.save(build(spec()), file)
    with pytest.raises(RefusedFormat, match=r"pickled object \(pipeline\.models"):
        check_weights(file, spec())


@pytest.mark.parametrize(("member", "says"), [("net/code/a.py", "TorchScript"), ("net/archive_format", "exported")])
def test_an_archive_with_code_is_refused(tmp_path, member, says):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(member, "")
    (tmp_path / "net.pt").write_bytes(packed.getvalue())
    with pytest.raises(RefusedFormat, match=says):
        check_weights(tmp_path / "net.pt", spec())


@pytest.mark.parametrize("name", ["net.pkl", "net.pt2", "net.joblib", "net"])
def test_a_format_that_is_not_read_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(RefusedFormat, match=r"give a \.safetensors file"):
        check_weights(tmp_path / name, spec())


def test_an_input_too_small_and_an_unknown_architecture_are_refused():
    with pytest.raises(BadClassifier, match="from 32x32 pixels, found 16x16"):
        signature_of("resnet18", 16)
    with pytest.raises(BadClassifier, match="there are SequentialCNN"):
        signature_of("vgg", 224)
