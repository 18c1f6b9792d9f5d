"""Windows cut out on the fly are those that a loop would cut out, in an order that can be resumed."""

import tracemalloc

import numpy as np
import pytest

from apps.forecasting.series import Columns, Series, SeriesSet
from apps.forecasting.windows import Windows
from tests.apps.forecasting.made_series import adapted, configured, splits, waves


def cut_by_loop(series, look_back, horizon, stride=1):
    found = []
    for each in series.series:
        first = max(look_back, each.context)
        for origin in range(first, len(each.values) - horizon + 1, stride):
            found.append((each.values[origin - look_back : origin], each.values[origin : origin + horizon]))
    return found


@pytest.mark.parametrize("series", [1, 3])
@pytest.mark.parametrize("part", ["train", "validation", "test"])
@pytest.mark.parametrize("stride", [1, 5])
def test_all_windows_of_each_series_and_no_window_across_two(series, part, stride):
    config = configured()
    made = splits(waves(series=series, rows=400), config)
    cut = Windows(getattr(made, part), adapted(config, made.train), 48, 12, 16, stride)
    expected = cut_by_loop(getattr(made, part), 48, 12, stride)
    assert cut.count == len(expected)
    raw = cut.raw(np.arange(cut.count))
    np.testing.assert_allclose(raw["history"], np.stack([history for history, _ in expected]), rtol=1e-6)
    np.testing.assert_allclose(raw["future"], np.stack([future for _, future in expected]), rtol=1e-6)
    assert (raw["future_time"][:, 0] - raw["history_time"][:, -1] == 3600).all()


def test_validation_looks_back_across_the_border_and_never_forward():
    config = configured()
    made = splits(waves(rows=500), config)
    train_rows = len(made.train.series[0].values)
    cut = Windows(made.validation, adapted(config, made.train), 48, 12, 16)
    whole = waves(rows=500).series[0].values
    raw = cut.raw(np.array([0]))
    np.testing.assert_allclose(raw["history"][0], whole[train_rows - 48 : train_rows], rtol=1e-6)
    np.testing.assert_allclose(raw["future"][0], whole[train_rows : train_rows + 12], rtol=1e-6)
    assert len(made.validation) == cut.count + 11


def test_an_epoch_holds_each_window_once_and_the_next_one_another_order():
    config = configured()
    made = splits(waves(rows=340), config)
    preprocessor = adapted(config, made.train)
    cut = Windows(made.train, preprocessor, 48, 12, 7, seed=3)
    seen = [
        np.concatenate(
            [batch[1].numpy() for batch in cut.dataset(epoch * cut.steps_per_epoch).take(cut.steps_per_epoch)]
        )
        for epoch in (0, 1)
    ]
    every = np.concatenate([batch[1].numpy()[batch[2].numpy() > 0] for batch in cut.evaluation_dataset()])
    assert len(every) == cut.count and len(seen[0]) == cut.steps_per_epoch * 7
    keys = [{row.tobytes() for row in part} for part in (*seen, every)]
    assert len(keys[0]) == len(seen[0]) and keys[0] <= keys[2]
    assert not np.array_equal(seen[0], seen[1])


def test_a_resumed_order_goes_on_where_it_was():
    config = configured()
    made = splits(waves(rows=340), config)
    cut = Windows(made.train, adapted(config, made.train), 48, 12, 7, seed=3)
    whole = [batch[1].numpy() for batch in cut.dataset().take(cut.steps_per_epoch + 6)]
    for resumed, expected in zip(cut.dataset(cut.steps_per_epoch + 3).take(3), whole[-3:]):
        np.testing.assert_array_equal(resumed[1].numpy(), expected)


def test_a_series_without_a_window_is_an_error():
    config = configured()
    made = splits(waves(rows=400), config)
    short = made.train.with_series([made.train.series[0].rows(0, 50)])
    with pytest.raises(ValueError, match="48 \\+ 12 rows"):
        Windows(short, adapted(config, made.train), 48, 12, 7)


def test_neither_statistics_nor_windows_copy_the_table():
    rows = 500_000
    values = np.random.default_rng(0).standard_normal((rows, 4))
    times = np.arange(0, 60 * rows, 60).view("datetime64[s]")
    series = SeriesSet((Series("", values, times),), Columns(("a", "b", "c", "d")), "min", "made")
    tracemalloc.start()
    try:
        cut = Windows(series, adapted(configured(), series), 48, 12, 16)
        for _ in cut.dataset().take(3):
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < values.nbytes / 2


@pytest.mark.parametrize(("most", "expected"), [(10**6, None), (5, 5), (1, 1)])
def test_a_sample_is_bounded_evenly_spaced_and_filled_up(most, expected):
    config = configured()
    made = splits(waves(rows=340), config)
    cut = Windows(made.train, adapted(config, made.train), 48, 12, 7)
    batches = list(cut.sample(most))
    assert {len(targets) for _, targets, _ in batches} == {7}
    real = np.concatenate([targets[:count] for _, targets, count in batches])
    assert len(real) == (expected or cut.count)
    every = cut.prepared(np.arange(cut.count))[1]
    chosen = np.unique(np.linspace(0, cut.count - 1, len(real)).astype(int))
    np.testing.assert_array_equal(real, every[chosen])
