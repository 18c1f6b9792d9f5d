"""Fixtures of all tests."""

import os
import random
import sys
from pathlib import Path

import pytest

from common import console
from tests.command_line import XLA_FLAGS

os.environ.setdefault("XLA_FLAGS", XLA_FLAGS)  # before TensorFlow or JAX are imported


@pytest.fixture(autouse=True)
def no_console_of_another_test(monkeypatch):
    """A verb that ran in a test leaves a console behind that writes to the closed stdout of that test."""
    monkeypatch.setattr(console, "_current", None)


@pytest.fixture(autouse=True)
def the_same_weights_each_time():
    """Keras takes the seeds that nobody gave, as those of first weights, from Python's random numbers.

    Not `keras.utils.set_random_seed`: TensorFlow then forgets the resources of tokenizers that were made before.
    """
    random.seed(0)


@pytest.fixture(autouse=True)
def programs_of_jax_are_given_back():
    """JAX keeps all that it compiled, and ends in a segmentation fault when Linux gives the process no more memory maps (65,530)."""
    yield
    maps = Path("/proc/self/maps")
    if "jax" in sys.modules and maps.exists() and maps.read_bytes().count(b"\n") > 20_000:
        sys.modules["jax"].clear_caches()


@pytest.fixture(scope="session")
def tiny_model_dir(tmp_path_factory) -> Path:
    """`saved_models/tiny` with one version, written and verified by the real exporter; tests only read it."""
    from common.export import export_model
    from common.text_questions import text_questions
    from tests.common import tiny_text_model

    endpoints, tracked = tiny_text_model.build()
    folder = tmp_path_factory.mktemp("saved_models")
    metadata = {"class_names": list(tiny_text_model.CLASS_NAMES), "metrics": {"accuracy": 0.5}}
    export_model("tiny", endpoints, text_questions(tiny_text_model.EXAMPLES), folder, metadata, tracked)
    return folder / "tiny"


@pytest.fixture(scope="session")
def tiny_series_dir(tmp_path_factory) -> Path:
    """`saved_models/series` with one version that takes and gives arrays; tests only read it."""
    from common.export import export_model
    from tests.common import tiny_series_model

    endpoints, questions, tracked = tiny_series_model.build()
    folder = tmp_path_factory.mktemp("saved_models")
    export_model("series", endpoints, questions, folder, tracked=tracked)
    return folder / "series"
