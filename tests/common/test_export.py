"""If these fail, a user gets a SavedModel that answers otherwise than the model measured, or half of one."""

import concurrent.futures
import importlib
import json
import re
import subprocess
import sys
import threading
import types
from pathlib import Path

import numpy as np
import pytest

from common import export, verify_saved_model
from common.errors import UserError
from common.text_questions import text_questions
from common.versions import publish
from tests.common import tiny_series_model, tiny_text_model

tf = pytest.importorskip("tensorflow")
TEXT = [tf.TensorSpec([None], tf.string, name="text")]


class _NoVerifier:
    """Stands in for the fresh process where a test is about something else; it would take seconds."""

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def verify(self, request):
        self.request = request


@pytest.fixture
def unverified(monkeypatch):
    monkeypatch.setattr(export, "_Verifier", _NoVerifier)


def _length(text):
    return {"length": tf.strings.length(text)}


def _export(folder, function=_length, tracked=()):
    questions = text_questions(["one text"])
    return export.export_model("app", {"serving_default": (function, TEXT)}, questions, folder, tracked=tracked)


def test_export_is_a_numbered_saved_model_with_notes(tiny_model_dir):
    """Else TensorFlow Serving, predict and serve do not find what was exported, or show no class names."""
    version = tiny_model_dir / "1"
    assert (version / "saved_model.pb").is_file()
    notes = json.loads((version / "assets.extra" / "unroll.json").read_text())
    assert notes["app"] == "tiny" and notes["class_names"] == list(tiny_text_model.CLASS_NAMES)
    assert notes["metrics"] == {"accuracy": 0.5}
    assert notes["packages"]["tensorflow"] == tf.__version__
    assert notes["signatures"]["serving_default"]["inputs"] == {"text": {"dtype": "string", "shape": [None]}}
    assert notes["signatures"]["explain"]["outputs"]["tokens"] == {"dtype": "string", "shape": [None, None]}
    assert [path.name for path in tiny_model_dir.iterdir()] == ["1"]


def test_arrays_of_numbers_are_exported_and_asked(tiny_series_dir):
    """Else an application of measurements, pictures or notes has no verified export."""
    version = tiny_series_dir / "1"
    notes = json.loads((version / "assets.extra" / "unroll.json").read_text())
    assert notes["signatures"]["serving_default"]["inputs"] == {
        "history": {"dtype": "float32", "shape": [None, None, 2]},
        "future": {"dtype": "float32", "shape": [None, 3, 1]},
        "history_time": {"dtype": "int64", "shape": [None, None]},
    }
    (row,) = json.loads((version / "assets.extra" / "example.json").read_text())["instances"]
    assert np.array_equal(np.float32([row["history"]]), tiny_series_model.example(1, 2)["history"])
    assert row["history_time"] == [1700000001, 1700003601]


@pytest.mark.parametrize(
    ("name", "change", "problem"),
    [
        ("time", 1, "output time has 1700018001 as value 0, in memory 1700018002"),
        ("forecast", 1e-3, "output forecast has .* as value 0"),
        ("quantiles", 1e-3, "output quantiles has .* as value 0"),
    ],
)
def test_a_difference_in_an_array_is_found(tiny_series_dir, name, change, problem):
    """Else a forecast is served whose error nobody has measured, or one for the wrong second."""
    loaded = tf.saved_model.load(str(tiny_series_dir / "1"))
    inputs = tiny_series_model.example(2, 5)
    outputs = {key: value.numpy() for key, value in loaded.signatures["serving_default"](**inputs).items()}
    case = {"endpoint": "serving_default", "case": "c"}
    case["inputs"] = {key: export._to_json(value) for key, value in inputs.items()}
    case["outputs"] = {key: export._to_json(value) for key, value in outputs.items()}
    case = json.loads(json.dumps(case))
    assert not list(verify_saved_model._check(tf, loaded, case, 1e-5))
    case["outputs"][name]["values"][0] += change
    (found,) = verify_saved_model._check(tf, loaded, case, 1e-5)
    assert re.search(problem, found)


def test_the_questions_try_what_users_send():
    """Else an export passes that fails for the first empty comment field or the first long article."""
    questions = {case: inputs["text"] for case, inputs in text_questions(["a b", "c"]).items()}
    assert len(questions["a batch of 1"]) == 1 and len(questions["a batch of 7"]) == 7
    assert [""] in questions.values()
    assert len(questions["a very long text"][0]) >= 100_000
    assert len(questions["a text of 61 words"][0].split()) == 61
    assert text_questions([""], "sentence")["a text of 3 words"] == {"sentence": ["word word word"]}
    with pytest.raises(ValueError, match="at least one text"):
        text_questions([])


def test_a_number_is_never_used_twice(tmp_path, unverified):
    """Else a server that watches the folder keeps serving the old model, or an older export is lost."""
    (tmp_path / "app" / "7").mkdir(parents=True)
    (tmp_path / "app" / ".tmp-export-dead").mkdir()
    assert _export(tmp_path).name == "8"
    assert _export(tmp_path).name == "9"


def test_two_exports_at_the_same_time_get_two_numbers(tmp_path):
    """Else one of two training runs that end together loses its model."""
    stagings = [tmp_path / f".tmp-export-{i}" for i in range(8)]
    for i, staging in enumerate(stagings):
        staging.mkdir()
        (staging / "saved_model.pb").write_text(str(i))
    barrier = threading.Barrier(len(stagings))

    def publish_at_once(staging):
        barrier.wait(10)
        return publish(staging, tmp_path)

    with concurrent.futures.ThreadPoolExecutor(len(stagings)) as pool:
        versions = list(pool.map(publish_at_once, stagings))
    assert sorted(path.name for path in tmp_path.iterdir()) == [str(n) for n in range(1, 9)]
    assert [(path / "saved_model.pb").read_text() for path in versions] == [str(i) for i in range(8)]


def test_a_full_disk_leaves_nothing_and_is_one_sentence(tmp_path, unverified, monkeypatch):
    """Else the next predict loads half a model."""

    def full(_, folder, **__):
        Path(folder, "saved_model.pb").write_bytes(b"half")
        raise tf.errors.ResourceExhaustedError(None, None, "x; No space left on device")

    # Keras imports it on the way, and that puts another module in the place of tf.saved_model.
    importlib.import_module("tensorflow.saved_model.experimental")
    monkeypatch.setattr(tf.saved_model, "save", full)
    with pytest.raises(UserError, match="No space left on device"):
        _export(tmp_path)
    assert list((tmp_path / "app").iterdir()) == []


def test_an_interrupted_export_leaves_nothing(tmp_path, monkeypatch):
    """Else Ctrl-C fills the disk with hidden models."""

    class Interrupted(_NoVerifier):
        def verify(self, request):
            raise KeyboardInterrupt

    monkeypatch.setattr(export, "_Verifier", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        _export(tmp_path)
    assert list((tmp_path / "app").iterdir()) == []


def test_a_differing_answer_is_shown_and_nothing_left(tmp_path, monkeypatch):
    """Else a model is served whose answers nobody has measured."""
    real = export._cases

    def wrong(functions, questions):
        cases = real(functions, questions)
        cases[0]["outputs"]["score"]["values"][0] += 0.01
        return cases

    def scores(text):
        return {"score": tf.cast(tf.strings.length(text), tf.float32)}

    monkeypatch.setattr(export, "_cases", wrong)
    with pytest.raises(export.VerificationError, match=r"serving_default, the examples: output score has 8 .* 8\.01"):
        _export(tmp_path, scores)
    assert list((tmp_path / "app").iterdir()) == []


def test_what_only_this_process_can_run_is_refused(tmp_path, unverified):
    """Else the model works here and fails in TensorFlow Serving, or on a machine without XLA."""

    @tf.function(jit_compile=True)
    def compiled(x):
        return x * 2.0

    def function(text):
        length = tf.py_function(lambda t: tf.strings.length(t), [text], tf.int32)
        length.set_shape([None])
        return {"length": length, "twice": compiled(tf.cast(tf.strings.length(text), tf.float32))}

    problems = "\n".join(verify_saved_model.find_unportable(str(_export(tmp_path, function))))
    assert "must be compiled by XLA" in problems
    assert "EagerPyFunc, which calls the exporting process" in problems


def test_cudnn_nodes_are_found(tmp_path):
    """Else a model trained on a GPU cannot be served without one."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved_model = saved_model_pb2.SavedModel()
    function = saved_model.meta_graphs.add().graph_def.library.function.add()
    function.signature.name = "f"
    function.node_def.add(name="rnn", op="CudnnRNNV3")
    (tmp_path / "saved_model.pb").write_bytes(saved_model.SerializeToString())
    (problem,) = verify_saved_model.find_unportable(str(tmp_path))
    assert "rnn" in problem and "CudnnRNNV3" in problem


def test_outputs_must_share_the_batch(tmp_path, unverified):
    """Else TensorFlow Serving's row form cannot answer."""

    def function(text):
        return {"total": tf.reduce_sum(tf.strings.length(text))[None]}

    loaded = tf.saved_model.load(str(_export(tmp_path, function)))
    texts = {"dtype": "object", "shape": [2], "values": ["a", "b"]}
    case = {"endpoint": "serving_default", "case": "two texts", "inputs": {"text": texts}}
    case["outputs"] = {"total": {"dtype": "int32", "shape": [1], "values": [2]}}
    (problem,) = verify_saved_model._check(tf, loaded, case, 1e-5)
    assert problem.endswith("two texts: output total has the shape [1] for a batch of 2")


@pytest.mark.parametrize(
    ("outputs", "problem"),
    [
        ({"score": [1.0, 2.0], "word": ["a", "bc"]}, None),
        ({"score": [1.000009, 2.0], "word": ["a", "bc"]}, None),
        ({"score": [1.0, 2.1], "word": ["a", "bc"]}, "output score has 2 as value 1, in memory 2.1"),
        ({"score": [1.0, float("nan")], "word": ["a", "bc"]}, "output score is not finite in memory"),
        ({"score": [1.0, 2.0], "word": ["a", "b"]}, "output word has 'bc' as value 1, in memory 'b'"),
        ({"score": [1.0, 2.0]}, "outputs ['score', 'word'], in memory ['score']"),
    ],
)
def test_what_counts_as_a_difference(outputs, problem):
    """Else a difference passes, or the rounding of a sum stops an export."""

    kinds = {"score": "float32", "word": "object"}
    arrays = {k: {"dtype": kinds[k], "shape": [2], "values": v} for k, v in outputs.items()}
    loaded = types.SimpleNamespace(signatures={"f": _Signature()})
    texts = {"dtype": "object", "shape": [2], "values": ["a", "bc"]}
    case = {"endpoint": "f", "case": "c", "inputs": {"text": texts}, "outputs": arrays}
    found = list(verify_saved_model._check(tf, loaded, case, 1e-5))
    assert found == ([] if problem is None else [f"endpoint f, c: {problem}"])


class _Signature:
    """Looks like a signature of a loaded SavedModel."""

    structured_input_signature = ((), {"text": TEXT[0]})

    def __call__(self, text):
        return {"score": tf.cast(tf.strings.length(text), tf.float32), "word": text}


def test_a_model_that_fails_in_memory_says_with_which_text(tmp_path, unverified):
    """Else the author of an application searches for the text that breaks it."""

    def function(text):
        with tf.control_dependencies([tf.debugging.assert_none_equal(text, "")]):
            return {"length": tf.strings.length(text)}

    with pytest.raises(export.VerificationError, match="the empty string: the model fails already in memory"):
        _export(tmp_path, function)


def test_the_fresh_process_cannot_import_the_repository(tmp_path):
    """Else a model that needs this repository passes here and fails at whoever receives it."""
    code = (
        "import runpy, sys; m = runpy.run_path(sys.argv[1]); m['_isolate']()\n"
        "for name in ('common', 'apps.sentiment', 'keras'):\n"
        "    try: __import__(name)\n"
        "    except ImportError: print('no', name)\n"
    )
    root = str(Path(export.__file__).parents[1])
    setup = f"import sys; sys.path.insert(0, {root!r})\n"  # as an editable installation would
    result = subprocess.run(
        [sys.executable, "-I", "-c", setup + code, verify_saved_model.__file__],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert result.stdout.split("\n")[:3] == ["no common", "no apps.sentiment", "no keras"]


def test_numbers_keep_every_bit_on_the_way_to_the_fresh_process():
    """Else the verification compares rounded numbers."""
    values = np.float32([0.1, 1 / 3, 1e-30, -3e38])
    sent = json.loads(json.dumps(export._to_json(values)))
    assert np.array_equal(np.array(sent["values"], np.float64).astype(np.float32), values)


def test_a_wrong_call_says_what_is_wrong(tmp_path):
    """Else the author of the next application reads a traceback of Keras."""
    with pytest.raises(ValueError, match="serving_default"):
        export.export_model("app", {"other": (_length, TEXT)}, {"one": {"text": ["x"]}}, tmp_path)
    with pytest.raises(ValueError, match="no question has all inputs of endpoint 'serving_default': \\['text'\\]"):
        export.export_model("app", {"serving_default": (_length, TEXT)}, {}, tmp_path)
    numbers = [tf.TensorSpec([None], tf.float32, name="x")]
    with pytest.raises(ValueError, match="question 'a gap': input 'x' is not finite"):
        export.export_model(
            "app", {"serving_default": (lambda x: {"y": x}, numbers)}, {"a gap": {"x": [np.nan]}}, tmp_path
        )
    assert list(tmp_path.iterdir()) == []
