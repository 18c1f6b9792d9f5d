"""If these fail, bars are counted wrongly, and a model learns accents where there are none."""

import numpy as np

from apps.music.score import (
    BAR,
    Score,
    counted,
    ignored,
    is_metre,
    is_tempo,
    make_bars,
    make_notes,
    regular_bars,
    shown_error,
)


def positions(bars):
    return bars["position"].tolist()


def test_a_pickup_ends_at_its_bar_line():
    bars = make_bars([0.0, 1.0, 5.0], [(4, 4)] * 3, 9.0)
    assert positions(bars) == [3.0, 0.0, 0.0]


def test_two_halves_of_a_bar_around_a_repeat_sign_are_one_bar():
    bars = make_bars([0.0, 1.0, 5.0, 8.0, 9.0, 13.0], [(4, 4)] * 6, 16.0)
    # Pickup, whole, three quarters, the fourth, whole, and a last bar that lacks the pickup.
    assert positions(bars) == [3.0, 0.0, 0.0, 3.0, 0.0, 0.0]


def test_short_bars_that_make_no_whole_one_begin_at_their_bar_lines():
    assert positions(make_bars([0.0, 4.0, 5.0], [(4, 4)] * 3, 7.0)) == [0.0, 0.0, 0.0]
    assert positions(make_bars([0.0], [(4, 4)], 2.0)) == [0.0]  # a single bar is no pickup


def test_a_change_of_metre_ends_its_bar():
    bars = regular_bars([(0.0, 3, 4), (5.0, 2, 4)], 9.0)
    assert bars["start"].tolist() == [0.0, 3.0, 5.0, 7.0]
    assert bars["numerator"].tolist() == [3, 3, 2, 2]
    assert regular_bars([], 4.5)["start"].tolist() == [0.0, 4.0]
    assert regular_bars([(8.0, 3, 4)], 11.0)["start"].tolist() == [0.0, 4.0, 8.0]
    assert len(regular_bars([], 0.0)) == 1


def test_a_pickup_may_be_written_as_a_metre_of_its_own():
    bars = regular_bars([(0.0, 1, 4), (1.0, 3, 4)], 7.0)
    assert bars["start"].tolist() == [0.0, 1.0, 4.0] and positions(bars) == [2.0, 0.0, 0.0]
    assert bars["numerator"].tolist() == [3, 3, 3]
    assert positions(regular_bars([(0.0, 4, 4), (1.0, 4, 4)], 9.0)) == [3.0, 0.0, 0.0]  # cut short by the same metre
    assert positions(regular_bars([(0.0, 2, 4), (4.0, 4, 4)], 8.0)) == [0.0, 0.0, 0.0]  # two bars are none


def test_the_metre_is_that_of_most_bars():
    bars = np.array([(0, 4, 4, 0), (4, 3, 4, 0), (7, 3, 4, 0)], BAR)
    assert Score("x", (), (), bars, 10.0).metre == (3, 4)


def test_notes_are_ordered_and_those_without_length_are_counted():
    notes, dropped = make_notes(
        [(1, 2, 60, 80, False), (0, 0, 61, 80, False), (0, 1, 62, 80, False), (0, 1, 70, 80, True)]
    )
    assert notes["pitch"].tolist() == [70, 62, 60]
    assert dropped == 1


def test_words_for_people():
    assert (counted(1, "note"), counted(1234, "note")) == ("1 note", "1,234 notes")
    assert shown_error(EOFError()) == "EOFError"
    assert shown_error(ValueError("no.\nmore")) == "ValueError: no"


def test_what_cannot_be_meant():
    assert all(map(is_metre, (4, 6, 99, 1), (4, 8, 64, 1)))
    assert not any(map(is_metre, (0, 4, 100, None, 4), (4, 128, 4, 4, 0)))
    assert is_tempo(10) and is_tempo(400) and not any(map(is_tempo, (-60, 0, 9.9, 401, float("nan"), float("inf"))))
    assert ignored(0, 0) == []
    assert ignored(2, 1) == ["an impossible metre was ignored", "an impossible tempo was ignored"]
