"""The functions of the tab, without a browser. If these fail, the page shows other words than the model spoke of."""

import re

import pytest

from apps.sentiment import demo
from common.demo.workspace import Workspace
from common.errors import UserError
from tests.demo import stand_ins


@pytest.fixture
def found(tmp_path):
    return demo.answer(stand_ins.sentiment(), Workspace(tmp_path), "the best <i>film</i> & more")


def test_probabilities_are_by_class_and_words_are_escaped(found):
    probabilities, words, _ = demo.shown(found)
    assert probabilities == {"negative": 0.25, "positive": 0.75}
    assert "&lt;i&gt;film&lt;/i&gt;" in words and "<i>" not in words and "&amp;" in words


def test_what_spoke_for_it_is_blue_and_what_spoke_against_it_orange(found):
    styles = dict(
        re.findall(
            r'style="background: rgba\(([\d, ]+), [\d.]+\)" title="[-+.\d]+">(\w+|&lt;i&gt;\w+)', demo.shown(found)[1]
        )
    )
    colours = {word: colour for colour, word in styles.items()}
    assert len(colours) == 2
    assert re.search(r'rgba\(0, 114, 178, 0\.85\)" title="\+0\.500">best<', demo.shown(found)[1])
    assert re.search(r'rgba\(213, 94, 0, 0\.42\)" title="-0\.250">&lt;i&gt;film', demo.shown(found)[1])


def test_the_rows_add_up_to_the_last_one(found):
    found["words"] = [[f"word{place}", 0.1 * place] for place in range(25)]
    numbers = [
        float(cell) for cell in re.findall(r'<td class="number">([-+.\d]+)</td>', demo.contributions_html(found))
    ]
    assert len(numbers) == 13  # ten words, the others, the bias, the sum
    assert numbers[-1] == pytest.approx(sum(numbers[:-1]), abs=0.005)


def test_words_that_say_nothing_have_no_colour_and_divide_nothing():
    assert 'style=""' in demo.words_html([["a", 0.0]]) and demo.words_html([])


def test_an_empty_text_is_a_sentence(tmp_path):
    with pytest.raises(UserError, match="type a text"):
        demo.answer(stand_ins.sentiment(), Workspace(tmp_path), " ")
