"""The examples in docstrings are run."""

import doctest
from types import ModuleType

import pytest

from models import batching, predictor


@pytest.mark.parametrize("module", [batching, predictor])
def test_the_examples_of_docstrings_hold(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0
