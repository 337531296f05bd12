import numpy as np
import pytest

from datasets.simulated.anatomy import Head, random_head
from datasets.simulated.pose import Plane, random_pose
from datasets.simulated.template import Template, load_template


@pytest.fixture
def template() -> Template:
    return load_template()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def head(template: Template) -> Head:
    """A coronal slice through the sella: brain, skull, scalp, face and the air around them."""
    for seed in range(100):
        rng = np.random.default_rng(seed)
        pose = random_pose(rng, 64, sellar=True)
        if pose.plane is Plane.CORONAL:
            return random_head(rng, template, pose.points, pose.mm)
    raise AssertionError("no coronal slice in 100 draws")
