import pytest
import torch
from safetensors.torch import save_file

from pipeline.errors import BadClassifier, RefusedFormat
from pipeline.models.files import load_model
from pipeline.models.importers.importing import import_classifier
from pipeline.models.registry import build
from tests.pipeline.models.specs import small_spec


def test_safetensors_become_a_classifier(tmp_path):
    state = build(small_spec()).state_dict()
    save_file(state, tmp_path / "mine.safetensors")
    classifier = import_classifier(tmp_path / "mine.safetensors", small_spec(), tmp_path / "models")
    assert classifier.name == "mine"
    assert classifier.notes == {"origin": "imported", "file": "mine.safetensors"}
    loaded = load_model(classifier).network.state_dict()
    assert all(torch.equal(value, loaded[key]) for key, value in state.items())


def test_half_precision_and_a_shared_prefix_are_understood(tmp_path):
    state = build(small_spec()).state_dict()
    short = {f"module.{key}": value.half() if value.is_floating_point() else value for key, value in state.items()}
    save_file(short, tmp_path / "half.safetensors")
    classifier = import_classifier(tmp_path / "half.safetensors", small_spec(), tmp_path / "models", name="half")
    weight = load_model(classifier).network.state_dict()["head.1.weight"]
    assert weight.dtype == torch.float32
    torch.testing.assert_close(weight, state["head.1.weight"], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("suffix", [".pkl", ".joblib", ".pt2", ".h5", ".keras", ".onnx", ""])
def test_other_formats_are_refused_with_what_is_accepted(tmp_path, suffix):
    file = tmp_path / f"model{suffix}"
    file.write_bytes(b"anything")
    with pytest.raises(RefusedFormat, match=r"give a \.safetensors file, or a state dict"):
        import_classifier(file, small_spec(), tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_a_wrong_class_count_leaves_nothing_behind(tmp_path):
    save_file(build(small_spec(classes=["a", "b"])).state_dict(), tmp_path / "two.safetensors")
    with pytest.raises(BadClassifier, match="weights give 2 outputs, 3 classes"):
        import_classifier(tmp_path / "two.safetensors", small_spec(), tmp_path / "models")
    assert not (tmp_path / "models").exists()
