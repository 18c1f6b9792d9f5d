"""The functions of the tab, without a browser. If these fail, a picture has no caption, or a person cannot learn why."""

import io

import pytest
from PIL import Image

from apps.captioning import demo
from common.demo.workspace import Workspace
from common.errors import UserError
from tests.demo import stand_ins


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


def picture(workspace, name="red.png"):
    data = io.BytesIO()
    Image.new("RGB", (20, 10), "red").save(data, "PNG")
    path = workspace.new_folder() / name
    path.write_bytes(data.getvalue())
    return str(path)


def test_a_caption_the_best_ones_and_where_the_model_looked(workspace):
    caption, table, drawing = demo.shown(stand_ins.captioning(), workspace, picture(workspace), 3, 3, 1.0)
    assert caption == "a red square"
    assert table.count("<tr>") == 4 and "a red square 2" in table and "-2.000" in table
    assert Image.open(drawing).width > 300


def test_what_is_no_picture_is_the_sentence_of_predict_with_the_name_alone(workspace):
    path = workspace.new_folder() / "notes.png"
    path.write_text("milk, eggs\n")
    with pytest.raises(UserError) as caught:
        demo.shown(stand_ins.captioning(), workspace, str(path), 1, 3, 1.0)
    assert workspace.sentence(caught.value).startswith("notes.png is text, not a picture; save it as JPEG, PNG")


def test_an_empty_file_and_no_file_are_sentences(workspace):
    path = workspace.new_folder() / "nothing.png"
    path.touch()
    with pytest.raises(UserError, match=r"nothing\.png is empty"):
        demo.shown(stand_ins.captioning(), workspace, str(path), 1, 3, 1.0)
    with pytest.raises(UserError, match="there is no picture yet"):
        demo.shown(stand_ins.captioning(), workspace, None, 1, 3, 1.0)


def test_an_empty_caption_has_no_drawing_and_says_so(workspace):
    _, table, drawing = demo.shown(stand_ins.captioning(""), workspace, picture(workspace), 1, 3, 1.0)
    assert drawing is None and "The caption is empty" in table


def test_examples_are_drawn_and_different(workspace):
    pictures = [path.read_bytes() for path in demo.example_pictures(workspace)]
    assert len(set(pictures)) == 5
    assert all(Image.open(io.BytesIO(each)).size == (96, 96) for each in pictures)


def test_the_file_reaches_predict_as_it_was_given():
    """Gradio would decode it first, and say of what cannot be read that it cannot be identified."""
    pytest.importorskip("gradio", reason="Gradio is not installed: run make setup")
    from types import SimpleNamespace

    given = demo._picture_input()
    assert given.preprocess(SimpleNamespace(path="a/b.png")) == "a/b.png"
    assert given.preprocess(None) is None
