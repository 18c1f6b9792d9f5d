"""Fixtures of the tests of `scaffold`."""

import pytest

from tests.scaffold.repository_copy import copy_repository


@pytest.fixture(scope="session")
def clone(tmp_path_factory):
    """A copy of the repository that tests only read."""
    return copy_repository(tmp_path_factory.mktemp("clone"))


@pytest.fixture
def own_clone(tmp_path):
    """A copy of the repository for one test to write into."""
    return copy_repository(tmp_path / "clone")
