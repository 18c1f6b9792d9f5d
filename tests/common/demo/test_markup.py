"""If these fail, what a person or a model wrote becomes part of the page."""

from common.demo.markup import notes, table


def test_a_table_shows_texts_as_they_are_and_numbers_to_the_right():
    html = table(["a & b", "score"], [["<i>", -0.5], ["x", 2.0]])
    assert "<th>a &amp; b</th>" in html and '<th class="number">score</th>' in html
    assert '<tr><td>&lt;i&gt;</td><td class="number">-0.500</td></tr>' in html
    assert '<td class="number">2.000</td>' in html


def test_a_table_without_rows_or_names_is_one_all_the_same():
    assert "<th>a</th>" in table(["a"], [])
    assert "thead" not in table(["", ""], [["a", "b"]])


def test_notes_are_escaped_and_none_is_nothing():
    assert notes([]) == ""
    assert notes(["a < b"]) == '<p class="unroll-note">a &lt; b</p>'
