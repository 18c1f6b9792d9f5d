"""Tables (first form)."""

import numpy as np
import pandas as pd

from apps.forecasting.columns import choose_columns
from apps.forecasting.series import Series, SeriesSet


def read_series(path, data):
    frame = pd.read_csv(path)
    time = data.time or ("ds" if "ds" in frame else None)
    available = [n for n in frame if n != time and frame[n].dtype.kind in "if"]
    columns = choose_columns(available, data, available, path)
    times = None if time is None else frame[time].to_numpy("datetime64[s]")
    frequency = None if time is None else pd.infer_freq(pd.DatetimeIndex(times))
    values = frame[list(columns.names)].to_numpy(np.float64)
    return SeriesSet((Series("", values, times),), columns, frequency, str(path)), ()
