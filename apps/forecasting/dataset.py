"""The bundled weather years as a TFDS builder: what `--data.source bundled` prepares once and reads from then on.

The measurements come out of data files of the pip package `pvlib`, so nothing is downloaded.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

PACKAGE = "pvlib"
TARGETS = ("temperature",)  # what the bundled sets are about; all other columns are past covariates by default
# Name of each column to the unit of its values and its meaning.
COLUMNS = {
    "temperature": "°C, dry bulb",
    "dew_point": "°C",
    "humidity": "%, relative",
    "pressure": "hPa, at the station",
    "wind_u": "m/s, eastward part of the wind",
    "wind_v": "m/s, northward part of the wind",
    "ghi": "W/m², global horizontal irradiance",
    "dni": "W/m², direct normal irradiance",
    "dhi": "W/m², diffuse horizontal irradiance",
    "extraterrestrial": "W/m², horizontal irradiance above the atmosphere: geometry, so known for every time to come",
    "cloud_cover": "tenths of the sky",
    "opaque_cloud_cover": "tenths of the sky",
}
TIMES_NOTE = (
    "The weather year is typical, not real: its months come from different years, so its rows are in order but its times "
    "are made up, the hours of 2001."
)

_FILES = {"greensboro": "723170TYA.CSV", "sand_point": "703165TY.csv", "miami": "12839.tm2"}
_FIRST_HOUR = np.datetime64("2001-01-01T00:00:00")
# Names of the columns of a TMY3 file.
_TMY3 = {
    "temperature": "Dry-bulb (C)",
    "dew_point": "Dew-point (C)",
    "humidity": "RHum (%)",
    "pressure": "Pressure (mbar)",
    "ghi": "GHI (W/m^2)",
    "dni": "DNI (W/m^2)",
    "dhi": "DHI (W/m^2)",
    "extraterrestrial": "ETR (W/m^2)",
    "cloud_cover": "TotCld (tenths)",
    "opaque_cloud_cover": "OpqCld (tenths)",
    "wind_direction": "Wdir (degrees)",
    "wind_speed": "Wspd (m/s)",
}
# First character, end and factor of the columns of a TMY2 file, counted from 0: table 3-2 of its manual.
_TMY2 = {
    "temperature": (67, 71, 0.1),
    "dew_point": (73, 77, 0.1),
    "humidity": (79, 82, 1.0),
    "pressure": (84, 88, 1.0),
    "ghi": (17, 21, 1.0),
    "dni": (23, 27, 1.0),
    "dhi": (29, 33, 1.0),
    "extraterrestrial": (9, 13, 1.0),
    "cloud_cover": (59, 61, 1.0),
    "opaque_cloud_cover": (63, 65, 1.0),
    "wind_direction": (90, 93, 1.0),
    "wind_speed": (95, 98, 0.1),
}

_DESCRIPTION = """Hourly weather of a typical year at a station in the United States, 8,760 rows.

A typical meteorological year is stitched: each month is taken from the year in which that month was most like
the long-term average. So the times of the source jump between years, and here the rows are numbered instead: the
hours of the year 2001 in local standard time, 29 February left out. From one month to the next the weather may
jump; within a month the hours are those of a real one.

`greensboro` (North Carolina) and `sand_point` (Alaska) are TMY3, `miami` (Florida) is the older TMY2. The direction of
the wind is a circle, so the wind is given by its two parts instead. The pressure of `sand_point` is a constant, and
many of its values are modelled rather than measured; it is the set to try awkward data on.
"""
_CITATION = """@techreport{wilcox2008users,
  title={Users Manual for {TMY3} Data Sets},
  author={Wilcox, S. and Marion, W.},
  institution={National Renewable Energy Laboratory}, year={2008}, number={NREL/TP-581-43156}}"""


def series_features(columns: dict[str, str]) -> tfds.features.FeaturesDict:
    """Features of a set that is one series in one example: `time` int64 `[time]` and each column float64 `[time]`.

    Args:
        columns: name of each column to its unit and meaning.
    """

    def vector(dtype, doc):
        # As bytes: TFDS would round float64 to float32 in its ordinary encoding.
        return tfds.features.Tensor(shape=(None,), dtype=dtype, encoding=tfds.features.Encoding.ZLIB, doc=doc)

    features = {"time": vector(np.int64, "seconds since 1970-01-01")}
    return tfds.features.FeaturesDict(features | {name: vector(np.float64, doc) for name, doc in columns.items()})


class WeatherYear(tfds.core.GeneratorBasedBuilder):
    """A typical year of hourly weather in Greensboro (the default), Sand Point or Miami; one example, a whole series.

    Features:
        time: int64 `[8760]`, seconds since 1970: the hours of 2001 in the place of the real ones.
        temperature, ...: float64 `[8760]`, one feature a column; see `COLUMNS` for their units.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "12 columns, numbered by the hours of 2001."}
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name="greensboro", description="TMY3 station 723170, North Carolina."),
        tfds.core.BuilderConfig(name="sand_point", description="TMY3 station 703165, Alaska."),
        tfds.core.BuilderConfig(name="miami", description="TMY2 station 12839, Florida."),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=series_features(COLUMNS),
            homepage="https://pvlib-python.readthedocs.io",
            citation=_CITATION,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        del dl_manager  # nothing to download
        return {"series": self._generate_examples()}  # split in time later, as the configuration says

    def _generate_examples(self) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        yield self.builder_config.name, read_package(self.builder_config.name)


def read_package(name: str) -> dict[str, np.ndarray]:
    """The columns of a configuration in the order of `COLUMNS`, float64 `[8760]`, and `time`, int64 `[8760]`."""
    source = importlib.resources.files(PACKAGE) / "data" / _FILES[name]
    with importlib.resources.as_file(source) as path:
        columns = _read_tmy2(path) if path.suffix == ".tm2" else _read_tmy3(path)
    direction, speed = np.deg2rad(columns.pop("wind_direction")), columns.pop("wind_speed")
    # The direction is where the wind comes from, clockwise from north.
    columns["wind_u"], columns["wind_v"] = -speed * np.sin(direction), -speed * np.cos(direction)
    times = _FIRST_HOUR + np.arange(len(speed)).astype("timedelta64[h]")
    return {"time": times.astype("datetime64[s]").astype(np.int64)} | {name: columns[name] for name in COLUMNS}


def _read_tmy3(path: Path) -> dict[str, np.ndarray]:
    from pvlib.iotools import read_tmy3

    frame, _ = read_tmy3(path, map_variables=False)
    return {name: frame[column].to_numpy(np.float64) for name, column in _TMY3.items()}


def _read_tmy2(path: Path) -> dict[str, np.ndarray]:
    # pvlib still has the file, and no longer the reader.
    lines = path.read_text("ascii").splitlines()[1:]  # the first is about the station
    return {
        name: np.array([float(line[start:end]) for line in lines]) * factor
        for name, (start, end, factor) in _TMY2.items()
    }
