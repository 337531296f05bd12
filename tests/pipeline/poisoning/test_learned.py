import pytest

from pipeline.errors import BadPoison
from pipeline.models.files import save_classifier
from pipeline.models.registry import build_model, default_spec
from pipeline.poisoning.learned import check_learned, learned_from
from tests.pipeline.poisoning.pictures import CLASSES


def classifier(root, *parents, classes=CLASSES):
    spec = default_spec("SmallCNN", classes=classes, channels=1, height=16, width=16)
    return save_classifier(build_model(spec), root.models, name="other", parents=parents).folder


def test_what_learned_from_the_data_is_taken(dataset, root):
    folder = classifier(root, dataset.id)
    check_learned(folder, dataset)
    assert learned_from(folder) == ("other", (dataset.id,))


@pytest.mark.parametrize("imported", [True, False])
def test_what_learned_from_other_data_is_refused(dataset, root, imported):
    with pytest.raises(BadPoison, match="the classifier other was not trained on bars; choose one that was, or train"):
        check_learned(classifier(root, "elsewhere"), dataset, imported=imported)


def test_what_does_not_say_where_it_learned_is_taken_only_where_that_is_allowed(dataset, root):
    folder = classifier(root)
    check_learned(folder, dataset, imported=True)
    with pytest.raises(BadPoison, match="was not trained on bars"):
        check_learned(folder, dataset)


def test_what_tells_other_classes_apart_is_refused(dataset, root):
    with pytest.raises(BadPoison, match="other tells apart cat, dog; bars has left, middle, right: choose one"):
        check_learned(classifier(root, dataset.id, classes=("cat", "dog")), dataset, imported=True)
