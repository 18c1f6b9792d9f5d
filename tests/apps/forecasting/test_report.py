"""If these fail, a picture says less than it seems to."""

import numpy as np
from matplotlib.figure import Figure

from apps.forecasting.report import draw_forecast


def test_each_interval_has_its_own_grey_in_legend_and_in_print():
    axes = Figure().add_subplot()
    quantiles = np.sort(np.random.default_rng(0).normal(size=(6, 5)), axis=1)
    past, ahead = (np.arange(4), np.zeros(4)), (np.arange(4, 10), np.zeros(6), quantiles)
    draw_forecast(axes, past, ahead, [0.1, 0.25, 0.5, 0.75, 0.9])
    handles, labels = axes.get_legend_handles_labels()
    bands = {label: handle for handle, label in zip(handles, labels) if "interval" in label}
    assert list(bands) == ["80% interval", "50% interval"]
    colors = [band.get_facecolor()[0] for band in bands.values()]
    assert all(color[3] == 1 for color in colors)  # else the legend shows another colour than two bands over each other
    wide, narrow = (color[:3] @ [0.299, 0.587, 0.114] for color in colors)
    assert wide - narrow > 0.1
