import hashlib

import pytest
import torch

from pipeline.errors import BadClassifier, MissingWeights
from pipeline.models.registry import build, default_spec
from pipeline.models.torchvision_door import torchvision_models
from pipeline.models.vision import _read_checked


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty torch hub cache of its own."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


def _spec(channels):
    return default_spec("resnet18", classes=("a", "b"), channels=channels, height=32, width=32)


def test_missing_weights_are_named_with_their_folder(hub):
    with pytest.raises(MissingWeights, match=r"resnet18-f37072fd\.pth are not in .*checkpoints; put the file there"):
        build(_spec(1), pretrained=True)


def test_a_file_whose_hash_differs_from_its_name_is_refused(hub):
    (hub / "resnet18-f37072fd.pth").write_bytes(b"other bytes")
    with pytest.raises(BadClassifier, match="expected f37072fd"):
        build(_spec(1), pretrained=True)


def test_a_file_that_its_own_hash_names_is_read(hub):
    torch.save({"w": torch.ones(2)}, hub / "saved")
    name = f"resnet18-{hashlib.sha256((hub / 'saved').read_bytes()).hexdigest()[:8]}.pth"
    stated = name[len("resnet18-") : -len(".pth")]
    assert _read_checked((hub / "saved").rename(hub / name), stated=stated)["w"].tolist() == [1, 1]
    with pytest.raises(BadClassifier, match="expected 00000000"):
        _read_checked(hub / name, stated="00000000")


@pytest.mark.parametrize("channels", [1, 3])
def test_imagenet_weights_fill_all_but_the_head(hub, monkeypatch, channels):
    donor = torchvision_models().resnet18(weights=None).state_dict()
    monkeypatch.setattr("pipeline.models.vision._read_checked", lambda file, stated: dict(donor))
    network, fresh = build(_spec(channels), pretrained=True), build(_spec(channels))
    torch.testing.assert_close(network.layer1[0].conv1.weight, donor["layer1.0.conv1.weight"])
    expected = donor["conv1.weight"] if channels == 3 else donor["conv1.weight"].sum(dim=1, keepdim=True)
    torch.testing.assert_close(network.conv1.weight, expected)
    torch.testing.assert_close(network.fc.weight, fresh.fc.weight)


def test_imagenet_weights_come_from_the_file_that_is_named(tmp_path, monkeypatch):
    donor = torchvision_models().resnet18(weights=None).state_dict()
    read = []
    monkeypatch.setattr("pipeline.models.vision._read_checked", lambda file, stated: read.append(file) or dict(donor))
    build(_spec(3), pretrained=tmp_path / "mine.pth")
    assert read == [tmp_path / "mine.pth"]
