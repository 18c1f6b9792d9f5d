"""If these fail, the first command after a training is refused, or forecasts from other rows than those at the end."""

from dataclasses import replace

import numpy as np
import pytest

from apps.forecasting.example_files import write_examples
from apps.forecasting.histories import read_future, read_history
from apps.forecasting.series import Keys
from common.runs import Run
from tests.apps.forecasting.made_series import configured, splits, waves


@pytest.mark.parametrize("series", [1, 3])
@pytest.mark.parametrize("times", [True, False])
@pytest.mark.parametrize("known", [("d",), ()])
@pytest.mark.parametrize("keys", [Keys(), Keys("store", "day")])
def test_predict_reads_what_training_left(tmp_path, series, times, known, keys):
    keys = Keys(keys.identifiers if series > 1 else None, keys.time if times else None)
    whole = replace(waves(rows=400, series=series, times=times, known=known), keys=keys)
    made = splits(whole, configured())
    write_examples(Run(tmp_path, "forecasting"), made.test, 48, 12)
    history, notes = read_history(tmp_path / "example-history.csv", whole.columns, whole.frequency, trained=keys)
    assert notes == () and [each.name for each in history.series] == [each.name for each in whole.series]
    assert history.keys.identifiers == (keys.identifiers or ("unique_id" if series > 1 else None))
    end = 400 - 12 * len(known)
    for each, expected in zip(history.series, whole.series):
        np.testing.assert_allclose(each.values, expected.values[end - 48 : end], rtol=1e-9)
        assert not times or each.times[-1] == expected.times[end - 1]
    assert (tmp_path / "example-future.csv").exists() == bool(known)
    if known:
        future, notes = read_future(tmp_path / "example-future.csv", history, 12)
        assert notes == ()
        for values, expected in zip(future, whole.series):
            np.testing.assert_array_equal(values, expected.values[end:, -1:])
