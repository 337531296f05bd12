import inspect
from importlib import import_module

import pytest

from webapp.errors import ANSWERS, DOMAIN_ROOTS, BadJob, UnknownRecord, WebappError, answer_for, is_domain_error

MODULES = [import_module(f"{package}.errors") for package in ("datasets", "pipeline", "webapp")]
CLASSES = [found for module in MODULES for _, found in inspect.getmembers(module, inspect.isclass)]
ERRORS = [found for found in CLASSES if issubclass(found, Exception)]


@pytest.mark.parametrize("name", [*ANSWERS, *DOMAIN_ROOTS])
def test_every_name_in_the_table_is_an_error(name):
    module, _, cls = name.rpartition(".")
    assert issubclass(getattr(import_module(module), cls), ValueError)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__qualname__)
def test_every_domain_error_is_answered(error):
    assert is_domain_error(error("found, allowed, next step"))
    answer = answer_for(error("found, allowed, next step"))
    assert answer.status in range(400, 600)
    assert answer.title
    assert answer.code


def test_the_nearest_class_gives_the_answer():
    class OwnError(UnknownRecord):
        pass

    assert answer_for(OwnError()).status == 404
    assert answer_for(BadJob()).status == 422
    assert answer_for(WebappError()).status == 400


def test_a_bug_is_no_domain_error():
    assert answer_for(KeyError("x")) is None
    assert not is_domain_error(ValueError("x"))
