"""Files of other formats. If these fail, a person gets a file that no runtime loads, that answers otherwise than the SavedModel,
or half of one."""

import json

import numpy as np
import pytest

from common.errors import UserError
from common.export_formats import file_export, litert, onnx
from common.export_formats.numeric_core import NumericCore

tf = pytest.importorskip("tensorflow")


def make_core(function=None, dtype=tf.float32, **options):
    """Two inputs and two outputs, whose names are not in the order of their letters."""
    weights = tf.Variable([[1.0, 2.0], [3.0, 4.0]])

    def mixed(values, count):
        looped = tf.while_loop(lambda step, _: step < 3, lambda step, now: (step + 1, now @ weights), (0, values))[1]
        return {"sums": tf.reduce_sum(looped, axis=1), "next": count + 1}

    signature = (
        tf.TensorSpec([None, 2], dtype, name="values"),
        tf.TensorSpec([None], tf.int32, name="count"),
    )
    questions = {"two": {"values": [[0.5, -1.0], [2.0, 0.25]], "count": [7, -3]}}
    return NumericCore(function or mixed, signature, questions, **options)


def test_a_litert_file_appears_whole_with_what_was_measured(tmp_path):
    pytest.importorskip("ai_edge_litert")
    core = make_core(files={"vocabulary.json": b"[]"}, notes={"class_names": ["a", "b"]}, left_out="the text")
    folder, about = file_export.export_file("tiny", core, "litert", tmp_path, notes={"run": "runs/tiny/a"})
    assert folder == tmp_path / "tiny" / "litert" / "1"
    assert sorted(path.name for path in folder.iterdir()) == ["about.json", "model.tflite", "vocabulary.json"]
    assert json.loads((folder / "about.json").read_text()) == about
    assert about["inputs"]["values"] == {"dtype": "float32", "shape": [1, 2]}
    assert about["class_names"] == ["a", "b"] and about["run"] == "runs/tiny/a"
    assert about["bytes"] == (folder / "model.tflite").stat().st_size
    assert about["largest_difference"] < 1e-6 and about["equal_whole_numbers"] == 1

    from ai_edge_litert.interpreter import Interpreter

    answer = Interpreter(model_path=str(folder / "model.tflite")).get_signature_runner()(
        values=np.array([[0.5, -1.0]], np.float32), count=np.array([7], np.int32)
    )
    expected = np.array([[0.5, -1.0]]) @ np.linalg.matrix_power(np.array([[1.0, 2.0], [3.0, 4.0]]), 3)
    assert answer["next"] == [8]
    np.testing.assert_allclose(answer["sums"], expected.sum(1), rtol=1e-6)


def test_an_onnx_file_answers_as_numpy_does(tmp_path):
    pytest.importorskip("tf2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    folder, _ = file_export.export_file("tiny", make_core(), "onnx", tmp_path)
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    inputs = {"values": np.array([[0.5, -1.0]], np.float32), "count": np.array([7], np.int32)}
    answer = dict(zip(names, session.run(names, inputs)))
    expected = inputs["values"] @ np.linalg.matrix_power(np.array([[1.0, 2.0], [3.0, 4.0]]), 3)
    assert answer["next"] == [8]
    np.testing.assert_allclose(answer["sums"], expected.sum(1), rtol=1e-6)


def words(values, count):
    return {"lengths": tf.strings.length(tf.strings.as_string(values)), "next": count}


@pytest.mark.parametrize("file_format", ["litert", "onnx"])
def test_what_a_format_has_no_operation_for_is_one_sentence_that_names_it(tmp_path, file_format):
    for package in file_export.importlib.import_module(f"common.export_formats.{file_format}").PACKAGES:
        pytest.importorskip(package)
    with pytest.raises(
        UserError, match="no operation for a part of this model: .*(AsString|StringLength).*saved_model"
    ):
        file_export.export_file("tiny", make_core(words), file_format, tmp_path)
    assert not list(tmp_path.rglob("*.*"))


def test_a_file_that_answers_otherwise_is_not_kept(tmp_path, monkeypatch):
    pytest.importorskip("ai_edge_litert")
    other = make_core(lambda values, count: {"sums": tf.reduce_sum(values, axis=1), "next": count + 1})
    right = litert.convert
    monkeypatch.setattr(litert, "convert", lambda core, quantize: right(other, quantize))
    with pytest.raises(
        UserError, match=r"model.tflite does not answer as the SavedModel does.*output sums of 'two' differs by"
    ):
        file_export.export_file("tiny", make_core(), "litert", tmp_path)
    assert not list((tmp_path / "tiny" / "litert").iterdir())


def test_operations_that_tf2onnx_leaves_as_they_are_are_found_in_loops_too():
    helper = pytest.importorskip("onnx").helper
    import onnx as package

    inner = helper.make_graph([helper.make_node("StringSplit_of_nobody", ["x"], ["y"])], "body", [], [])
    loop = helper.make_node("Loop", ["n", "c"], ["z"], body=inner)
    model = helper.make_model(helper.make_graph([loop], "main", [], []))
    assert onnx.operations_outside_of_the_standard(model, package) == {"StringSplit_of_nobody"}


def test_questions_that_do_not_fit_are_a_bug_of_the_application():
    core = make_core()
    object.__setattr__(core, "questions", {"a case": {"values": [[1.0]], "count": [1]}})
    with pytest.raises(ValueError, match=r"question 'a case': values has the shape \(1, 1\)"):
        core.asked()


def test_a_missing_package_and_a_wrong_option_are_said_before_anything_is_loaded(monkeypatch):
    with pytest.raises(
        UserError, match="--quantize float16 makes a LiteRT file smaller; with --format onnx, leave it out"
    ):
        file_export.require_format("onnx", "float16")
    file_export.require_format("saved_model", "none")
    monkeypatch.setattr(file_export.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"--format litert needs ai-edge-litert; run pip install .*formats"):
        file_export.require_format("litert", "none")
