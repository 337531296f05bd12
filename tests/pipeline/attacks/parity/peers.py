"""The only way to the other attack libraries: imported on first use, and kept from changing the test process."""

import importlib
import importlib.util
import os
import random
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import numpy as np
import pytest
import torch

from pipeline.models.torchvision_door import torchvision_models


def peer(name: str) -> ModuleType:
    """A module of another library; the test is skipped, with the reason, where the library is missing."""
    library = name.partition(".")[0]
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed; `make test` installs it, see requirements-peers.txt")
    if name in sys.modules:
        return sys.modules[name]
    torchvision_models()  # adv_lib imports torchvision, which beside a CPU build of torch needs this first.
    with _home_elsewhere(), _without_visdom(), process_as_before(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Please import `gaussian_filter`", DeprecationWarning)  # foolbox
        warnings.filterwarnings(
            "ignore", "(The distutils package is|distutils Version classes are) deprecated"
        )  # adv_lib
        return importlib.import_module(name)


@contextmanager
def process_as_before() -> Iterator[None]:
    """Put back what peers change for everybody: random states, tracing, and torch's own switches."""
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    trace, mode = sys.gettrace(), torch.get_deterministic_debug_mode()
    cudnn = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    with torch.set_grad_enabled(torch.is_grad_enabled()):
        try:
            yield
        finally:
            torch.set_rng_state(states[0])
            np.random.set_state(states[1])
            random.setstate(states[2])
            torch.set_deterministic_debug_mode(mode)
            torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = cudnn
            if sys.gettrace() is not trace:
                sys.settrace(trace)


@contextmanager
def _home_elsewhere() -> Iterator[None]:
    """ART writes a settings file into the home folder while it is imported."""
    home = os.environ.get("HOME")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HOME"] = folder
        try:
            yield
        finally:
            if home is None:
                del os.environ["HOME"]
            else:
                os.environ["HOME"] = home


@contextmanager
def _without_visdom() -> Iterator[None]:
    """adv_lib imports a plotting server for callbacks that nobody passes here; an empty module will do."""
    if "visdom" in sys.modules or importlib.util.find_spec("visdom") is not None:
        yield
        return
    sys.modules["visdom"] = ModuleType("visdom")
    try:
        yield
    finally:
        del sys.modules["visdom"]
