import json

import pytest
import torch

from pipeline.errors import BadClassifier
from pipeline.models.files import load_model, open_classifier, save_classifier
from pipeline.models.registry import build_model
from tests.pipeline.models.specs import small_spec


def _saved(root, seed=0, **changes):
    model = build_model(small_spec(**changes), seed=seed)
    return model, save_classifier(model, root, name="tumours", parents=("abc",), notes={"origin": "test"})


def test_comes_back_as_it_was_saved(tmp_path):
    model, classifier = _saved(tmp_path)
    assert open_classifier(classifier.folder) == classifier
    assert (classifier.name, classifier.parents, classifier.spec) == ("tumours", ("abc",), small_spec())
    x = torch.rand(2, 1, 16, 16)
    torch.testing.assert_close(load_model(classifier)(x), model.eval()(x))


def test_the_id_follows_weights_and_specification(tmp_path):
    ids = {_saved(tmp_path)[1].id, _saved(tmp_path, seed=1)[1].id, _saved(tmp_path, mean=[0.3])[1].id}
    assert len(ids) == 3
    assert _saved(tmp_path)[1].id in ids


def test_memory_format_does_not_change_the_id(tmp_path):
    model, classifier = _saved(tmp_path)
    again = save_classifier(model.to(memory_format=torch.channels_last), tmp_path, name="other")
    assert (again.id, again.name) == (classifier.id, "tumours")


def test_nothing_but_the_two_files_is_left(tmp_path):
    _, classifier = _saved(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        classifier.id,
        "classifier.json",
        "weights.safetensors",
    ]


@pytest.mark.parametrize("damage", ["weights", "spec", "format", "json", "missing"])
def test_a_changed_folder_is_refused(tmp_path, damage):
    folder = _saved(tmp_path)[1].folder
    described = json.loads((folder / "classifier.json").read_text())
    if damage == "weights":
        with (folder / "weights.safetensors").open("r+b") as file:
            file.seek(-1, 2)
            file.write(b"\x7f")
    elif damage == "missing":
        (folder / "weights.safetensors").unlink()
    elif damage == "json":
        (folder / "classifier.json").write_text("{")
    else:
        described |= {"format": 99} if damage == "format" else {"spec": small_spec(mean=[0.9]).to_json()}
        (folder / "classifier.json").write_text(json.dumps(described))
    with pytest.raises(BadClassifier, match="import or train it again"):
        open_classifier(folder)
