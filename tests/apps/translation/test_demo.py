"""The functions of the tab, without a browser. If these fail, the page shows other translations than the model found."""

import pytest
from PIL import Image

from apps.translation import demo
from common.demo.workspace import Workspace
from common.errors import UserError
from tests.demo import stand_ins


def shown(tmp_path, text, n_best=3, beam_width=4):
    return demo.shown(stand_ins.translation(), Workspace(tmp_path), text, n_best, beam_width, 1.0)


def test_the_best_ones_with_their_scores_and_a_picture(tmp_path):
    best, table, picture = shown(tmp_path, "one two three")
    assert best == "three two one"
    assert table.count("<tr>") == 4 and "three two one 3" in table and "-1.500" in table
    assert Image.open(picture).format == "PNG"


def test_one_is_enough(tmp_path):
    _, table, _ = shown(tmp_path, "one two", n_best=1, beam_width=1)
    assert table.count("<tr>") == 2 and "two one" in table


def test_more_than_the_beam_is_wide_widens_it(tmp_path):
    assert shown(tmp_path, "one two", n_best=6, beam_width=2)[1].count("<tr>") == 7


def test_a_sentence_that_was_cut_says_so(tmp_path):
    assert "only the first 12 tokens were read" in shown(tmp_path, "word " * 13)[1]


def test_an_empty_translation_has_no_picture_and_says_so(tmp_path):
    model = stand_ins.translation()
    nothing = {
        "source_tokens": stand_ins.objects([["one"]]),
        "target_tokens": stand_ins.objects([[""]]),
        "attention": [[[1.0]]],
    }
    model._answers["attention"] = lambda text: nothing
    _, table, picture = demo.shown(model, Workspace(tmp_path), "one", 2, 2, 1.0)
    assert picture is None and "The translation is empty, so there is no picture" in table


def test_no_sentence_is_one(tmp_path):
    with pytest.raises(UserError, match="type a sentence, or choose an example"):
        shown(tmp_path, "")
