"""Files that cannot become anything are refused when they are named, and stay where they were sent to."""

import io
import pickle
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import load, load_file, save
from sqlalchemy import select

from datasets.image import encode_png
from pipeline.models.registry import build, default_spec
from tests.webapp.views.site import token_of
from webapp.records.artefacts import Upload

PNG = encode_png(np.arange(1024, dtype=np.uint16).astype(np.uint8).reshape(32, 32, 1), 8)

OTHER = encode_png(np.arange(1024, dtype=np.uint16).astype(np.uint8)[::-1].reshape(32, 32, 1), 8)


def zip_of(**members):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return packed.getvalue()


def broken(n):
    return {f"{label}/{i}.png": PNG[:60] + bytes([i]) for label in "ab" for i in range(n)}


def arrays(labels):
    packed = io.BytesIO()
    images = np.random.default_rng(0).integers(0, 255, (80, 16, 16), dtype=np.uint8)
    np.savez(packed, images=images, **({} if labels is None else {"labels": labels}))
    return packed.getvalue()


def good_zip(chain):
    return chain.source.read_bytes()


DATASETS = {
    "not_a_zip": ("a.zip", lambda chain: b"plain text", "not a zip"),
    "truncated_zip": ("a.zip", lambda chain: good_zip(chain)[:-400], "not a zip"),
    "leads_out": ("a.zip", lambda chain: zip_of(**{"../a/1.png": PNG, "b/1.png": PNG}), "leads out of the folder"),
    "bomb": ("a.zip", lambda chain: zip_of(**{"a/1.png": bytes(64 << 20), "b/1.png": PNG}), "zip bomb"),
    "one_class": ("a.zip", lambda chain: zip_of(**{"a/1.png": PNG, "a/2.png": PNG}), "at least 2 classes"),
    "one_image": ("a.zip", lambda chain: zip_of(**{"a/1.png": PNG}), "at least 2 classes"),
    "broken_files": ("a.zip", lambda chain: zip_of(**broken(3)), "at least 2 classes"),
    "many_broken_files": ("a.zip", lambda chain: zip_of(**broken(40)), "usable images of 0 classes"),
    "two_images": ("a.zip", lambda chain: zip_of(**{"a/1.png": PNG, "b/1.png": OTHER}), "2 different pictures for 5"),
    "arrays_of_one_class": ("a.npz", lambda chain: arrays(np.zeros(80, int)), "at least 2 classes"),
    "arrays_without_labels": ("a.npz", lambda chain: arrays(None), "labels"),
    "no_data_set": ("a.txt", lambda chain: b"plain text", "neither a folder nor a zip"),
}


def weights(chain):
    return load_file(chain.classifier.folder / "weights.safetensors")


def with_nan(chain):
    state = weights(chain)
    state["head.1.weight"][0, 0] = float("nan")
    return save(state)


def outputs(chain, n):
    state = weights(chain)
    state["head.1.weight"] = torch.zeros(n, 384)
    state["head.1.bias"] = torch.zeros(n)
    return save(state)


def saved(make):
    """The tensors of a safetensors file as torch.save writes them."""

    def made(chain):
        packed = io.BytesIO()
        torch.save(load(make(chain)), packed)
        return packed.getvalue()

    return made


def bfloat(chain):
    state = {name: value.bfloat16() if value.is_floating_point() else value for name, value in weights(chain).items()}
    state["head.1.bias"][0] = float("nan")
    return save(state)


def reshaped(chain):
    state = weights(chain)
    name = next(key for key, value in state.items() if value.dim() == 4 and key != "stages.0.0.weight")
    return save({**state, name: torch.zeros(7, 3, 3, 3)})


def resnet():
    return save(build(default_spec("resnet18", classes=("a", "b"), channels=1, height=32, width=32)).state_dict())


CLASSIFIERS = {
    "pickled": ("net.pkl", lambda chain: pickle.dumps({"a": 1}), "pickled object"),
    "pickle_called_pt": ("net.pt", lambda chain: pickle.dumps({"a": 1}), "pickled object"),
    "architecture": ("net.safetensors", lambda chain: resnet(), "they fit resnet18: give that name"),
    "class_count": ("net.safetensors", lambda chain: outputs(chain, 5), "give 5 outputs, 2 classes"),
    "nan": ("net.safetensors", with_nan, "NaN"),
    "nan_bfloat16": ("net.safetensors", bfloat, "NaN"),
    "inner_shape": ("net.safetensors", reshaped, "of another shape"),
    "cut": ("net.safetensors", lambda chain: save(weights(chain))[:-10], "net.safetensors"),
    "saved_architecture": ("net.pt", saved(lambda chain: resnet()), "do not fit SequentialCNN"),
    "saved_class_count": ("net.pth", saved(lambda chain: outputs(chain, 5)), "give 5 outputs, 2 classes"),
    "saved_nan": ("net.pt", saved(with_nan), "NaN"),
    "saved_cut": ("net.pt", lambda chain: saved(lambda c: save(weights(c)))(chain)[:-10], "whole file of torch.save"),
}
COLLECTIONS = {"datasets": DATASETS, "classifiers": CLASSIFIERS}
ALL = [(collection, *case) for collection, cases in COLLECTIONS.items() for case in cases.values()]
IDS = [*DATASETS, *CLASSIFIERS]


@pytest.fixture
def api(site):
    client = site.app.test_client()
    client.environ_base["HTTP_X_API_KEY"] = site.keys["admin"]
    return client


def sent(api, name, data):
    answer = api.post(f"/api/v1/uploads?name={name}", data=data)
    assert answer.status_code == 201, answer.text
    return answer.get_json()["id"]


def order(site, collection, upload_id):
    body = {"upload_id": upload_id, "name": "bad"}
    return body if collection == "datasets" else {**body, "dataset_id": site.chain.dataset.id, "side": 32}


def still_there(site, data):
    with site.database.reading() as session:
        row = session.scalars(select(Upload).order_by(Upload.created.desc())).first()
    return (site.settings.data_root / row.path).read_bytes() == data


@pytest.mark.parametrize(("collection", "name", "make", "says"), ALL, ids=IDS)
def test_a_bad_upload_is_refused_with_cause_and_next_step(site, api, collection, name, make, says):
    data = make(site.chain)
    answer = api.post(f"/api/v1/{collection}", json=order(site, collection, sent(api, name, data)))
    assert answer.status_code == 422, answer.text
    error = answer.get_json()["error"]
    assert says in error["detail"]
    assert name in error["detail"] or "../" in error["detail"] or "a/1.png" in error["detail"]
    assert error["next_step"]
    assert still_there(site, data)


@pytest.mark.parametrize("case", ["leads_out", "pickle_called_pt"])
def test_the_form_refuses_the_same(site, admin, case):
    collection, name, make, says = ALL[IDS.index(case)]
    data = make(site.chain)
    if collection == "datasets":
        path, form = "/datasets/new", {"files": (io.BytesIO(data), name), "seed": "0"}
    else:
        form = {"file": (io.BytesIO(data), name), "dataset_id": site.chain.dataset.id, "side": "32"}
        path, form = "/classifiers/import", {**form, "architecture": "SequentialCNN", "channels": "1", "head": "logits"}
    answer = admin.post(path, data={**form, "name": "bad", "csrf_token": token_of(admin, path)})
    assert answer.status_code == 422
    assert says in answer.text
    assert "What to do" in answer.text
    assert still_there(site, data)


def test_a_rate_that_the_detector_cannot_support_is_refused_at_once(site, api):
    answer = api.post("/api/v1/gates", json={"detector_id": site.chain.detector.id, "name": "n", "alpha": 0.0001})
    assert answer.status_code == 422
    assert "cannot support a false-alarm rate of 0.0001" in answer.get_json()["error"]["detail"]


def test_an_input_too_small_for_the_network_is_refused_at_once(site, api):
    body = {"dataset_id": site.chain.dataset.id, "name": "n", "architecture": "resnet18", "side": 16}
    answer = api.post("/api/v1/classifiers", json=body)
    assert answer.status_code == 422
    assert "resnet18 takes images from 32x32 pixels, found 16x16" in answer.get_json()["error"]["detail"]


def test_a_body_that_is_no_json_is_told_so(api):
    answer = api.post("/api/v1/gates", data="{not json", content_type="application/json")
    assert answer.status_code == 400
    assert answer.get_json()["error"]["detail"] == "The body is not JSON that can be read."
    assert "Content-Type" in answer.get_json()["error"]["next_step"]
