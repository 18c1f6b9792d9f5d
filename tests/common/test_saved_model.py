"""If these fail, predict and serve load the wrong model, answer otherwise than it, or end in a traceback."""

import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from common import saved_model
from common.errors import UserError
from tests.common import tiny_text_model


@pytest.fixture(scope="module")
def model(tiny_model_dir):
    return saved_model.load(tiny_model_dir, "tiny")


def test_answers_are_those_of_tf_saved_model_load(model, tiny_model_dir):
    """Else what predict says is not what export verified."""
    tf = pytest.importorskip("tensorflow")
    reference = tf.saved_model.load(str(tiny_model_dir / "1"))
    for endpoint in ("serving_default", "explain"):
        for texts in (["good"], list(tiny_text_model.EXAMPLES), ["", "bad bad film"], ["good " * 3000]):
            expected = reference.signatures[endpoint](text=tf.constant(texts))
            actual = model.call(endpoint, texts)
            assert set(actual) == set(expected)
            for name, value in expected.items():
                if value.dtype == tf.string:
                    assert np.array_equal(actual[name], value.numpy())
                else:
                    np.testing.assert_allclose(actual[name], value.numpy(), rtol=1e-6, atol=1e-7)


def test_one_sentence_takes_milliseconds(model):
    """Else a user waits for the model and not for the start of the program."""
    model.call("serving_default", ["good film"])
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        model.call("serving_default", ["good film , good people"])
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 0.05


def test_half_a_character_does_not_stop_a_prediction(model):
    """Else one text copied from a broken terminal ends the answers for a whole file."""
    assert model.call("serving_default", ["bad \ud800 film"])["label"].shape == (1,)


def test_unknown_endpoint(model):
    """Else `--explain` on a model without it is a KeyError."""
    with pytest.raises(UserError, match=r"no endpoint 'x'; it has explain, serving_default"):
        model.call("x", ["a"])


def test_the_start_is_light_and_silent(tiny_model_dir):
    """Else predict takes ten seconds again and begins with five lines about CUDA."""
    code = (
        "import sys; from common.saved_model import load\n"
        "load(sys.argv[1]).call('serving_default', ['good'])\n"
        "heavy = {'keras', 'tensorflow', 'pandas', 'matplotlib', 'sklearn', 'apps'} & set(sys.modules)\n"
        "print('heavy', sorted(heavy)); print('loaded', file=sys.stderr)\n"
        "import tensorflow as tf  # is whole all the same\n"
        "print(int(tf.constant(1) + 1), tf.executing_eagerly(), tf.keras.layers.Dense.__name__)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(tiny_model_dir)], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines() == ["heavy []", "2 True Dense"]
    assert result.stderr.splitlines()[0] == "loaded"


def test_the_newest_version_is_the_largest_number(tmp_path):
    """Else version 9 is served after version 10, or the rubbish of a killed export is."""
    for name in ("9", "10", ".tmp-export-1", "latest", "-3", "٣"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").touch()
    assert saved_model.resolve_model(tmp_path) == tmp_path / "10"
    assert saved_model.resolve_model(tmp_path / "9") == tmp_path / "9"


def test_paths_that_are_no_model(tmp_path, tiny_model_dir):
    """Else a slip of the pen is a traceback."""
    run, empty, broken, file = (tmp_path / name for name in ("run", "empty", "broken", "file"))
    for folder in (run, empty, broken / "2"):
        folder.mkdir(parents=True)
    (run / "config.yaml").touch()
    file.touch()
    for path, sentence in (
        (tmp_path / "absent", "there is no exported model"),
        (empty, "no numbered version"),
        (run, "it is a run"),
        (broken, "has no saved_model.pb"),
        (file, "is a file"),
        (tiny_model_dir.parent, "it holds the models tiny"),
    ):
        with pytest.raises(UserError, match=sentence):
            saved_model.resolve_model(path)


def test_a_model_of_another_application_is_refused_before_it_is_loaded(tiny_model_dir):
    """Else its answers are shown under the wrong names."""
    with pytest.raises(UserError, match="is a model of tiny, not of sentiment"):
        saved_model.load(tiny_model_dir, "sentiment")


@pytest.mark.parametrize(
    "damage",
    [
        lambda version: (version / "saved_model.pb").write_bytes(b"\xff" * 100),
        lambda version: (version / "saved_model.pb").write_bytes((version / "saved_model.pb").read_bytes()[:5000]),
        lambda version: (version / "saved_model.pb").write_bytes(b""),
        lambda version: (version / "variables" / "variables.index").unlink(),
        lambda version: (version / "variables" / "variables.data-00000-of-00001").write_bytes(b"abc"),
        lambda version: (version / "assets.extra" / "unroll.json").write_text("{"),
    ],
    ids=["rubbish", "truncated", "empty", "no index", "truncated variables", "notes"],
)
def test_damage_is_one_sentence(tiny_model_dir, tmp_path, damage):
    """Else a broken copy of a model ends in a page of C++."""
    shutil.copytree(tiny_model_dir, tmp_path / "tiny")
    damage(tmp_path / "tiny" / "1")
    with pytest.raises(UserError, match="export the run again") as caught:
        saved_model.load(tmp_path / "tiny", "tiny")
    assert "\n" not in str(caught.value) and ":)" not in str(caught.value)  # a reason, not the heading of one


def test_a_saved_model_of_others_loads_without_notes(tiny_model_dir, tmp_path):
    """Else `serve` is of no use for a model that was exported elsewhere."""
    shutil.copytree(tiny_model_dir / "1", tmp_path / "5")
    shutil.rmtree(tmp_path / "5" / "assets.extra")
    loaded = saved_model.load(tmp_path)
    assert (loaded.metadata, loaded.version) == ({}, 5)
    with pytest.raises(UserError, match="is not a model of tiny"):
        saved_model.load(tmp_path, "tiny")
