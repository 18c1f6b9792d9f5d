"""Public sets of series as TFDS builders that download them: what `--data.source tfds` prepares once and reads from then on.

The catalogue of TensorFlow Datasets has none of them in this form. What is downloaded is checked here rather than by a
`checksums.tsv`, which wants the size beside each SHA-256: of ETT many publish the one and nobody the other, of the Jena
archive it is the other way round, so that set is checked by its size and its columns alone.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from apps.forecasting.dataset import series_features
from common.errors import UserError

_ETT_URL = "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/main/ETT-small/ETT{}.csv"
_ETT_SHA256 = {
    "h1": "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066",
    "h2": "a3dc2c597b9218c7ce1cd55eb77b283fd459a1d09d753063f944967dd6b9218b",
    "m1": "6ce1759b1a18e3328421d5d75fadcb316c449fcd7cec32820c8dafda71986c9e",
    "m2": "db973ca252c6410a30d0469b13d696cf919648d0f3fd588c60f03fdbdbadd1fd",
}
ETT_COLUMNS = {
    "HUFL": "high useful load",
    "HULL": "high useless load",
    "MUFL": "middle useful load",
    "MULL": "middle useless load",
    "LUFL": "low useful load",
    "LULL": "low useless load",
    "OT": "°C, temperature of the oil",
}
_JENA_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/jena_climate_2009_2016.csv.zip"
_JENA_BYTES = 13_568_290
_JENA_TIME = "Date Time"
# Name here to the name in the file and the unit.
_JENA_FILE = {
    "temperature": ("T (degC)", "°C"),
    "pressure": ("p (mbar)", "hPa"),
    "potential_temperature": ("Tpot (K)", "K"),
    "dew_point": ("Tdew (degC)", "°C"),
    "humidity": ("rh (%)", "%, relative"),
    "saturation_vapor_pressure": ("VPmax (mbar)", "hPa"),
    "vapor_pressure": ("VPact (mbar)", "hPa"),
    "vapor_pressure_deficit": ("VPdef (mbar)", "hPa"),
    "specific_humidity": ("sh (g/kg)", "g/kg"),
    "water_vapor": ("H2OC (mmol/mol)", "mmol/mol"),
    "air_density": ("rho (g/m**3)", "g/m³"),
}
_JENA_SPEEDS = {"wind": "wv (m/s)", "gust": "max. wv (m/s)"}
_JENA_DIRECTION = "wd (deg)"
_JENA_WRONG = -9999.0  # stands for a speed that was not measured
JENA_COLUMNS = {name: unit for name, (_, unit) in _JENA_FILE.items()} | {
    f"{name}_{part}": f"m/s, {direction} part of the {what}"
    for name, what in (("wind", "wind"), ("gust", "strongest gust"))
    for part, direction in (("u", "eastward"), ("v", "northward"))
}


class Ett(tfds.core.GeneratorBasedBuilder):
    """Electricity Transformer Temperature: two transformers, hourly (`h1`, `h2`) or every 15 minutes (`m1`, `m2`).

    Features:
        time: int64 `[time]`, seconds since 1970, local time.
        HUFL, ..., OT: float64 `[time]`, one feature a column; see `ETT_COLUMNS`.
    """

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name=name, description=f"Transformer {name[1]}, {step}.")
        for name, step in (("h1", "hourly"), ("h2", "hourly"), ("m1", "15 minutes"), ("m2", "15 minutes"))
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description="Load and oil temperature of two transformers in China, July 2016 to June 2018. CC BY-ND 4.0.",
            features=series_features(ETT_COLUMNS),
            homepage="https://github.com/zhouhaoyi/ETDataset",
            citation="""@inproceedings{zhou2021informer,
  title={Informer: Beyond Efficient Transformer for Long Sequence Time-Series Forecasting},
  author={Zhou, Haoyi and Zhang, Shanghang and Peng, Jieqi and Zhang, Shuai and Li, Jianxin and Xiong, Hui and
          Zhang, Wancai}, booktitle={Proceedings of AAAI}, year={2021}}""",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        name = self.builder_config.name
        url = _ETT_URL.format(name)
        path = Path(dl_manager.download(url))
        _require(hashlib.sha256(path.read_bytes()).hexdigest(), _ETT_SHA256[name], "SHA-256", url, path)
        return {"series": self._generate_examples(path)}

    def _generate_examples(self, path: Path) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        import pandas as pd

        frame = pd.read_csv(path)
        times = pd.to_datetime(frame["date"], format="ISO8601")
        yield (
            self.builder_config.name,
            {"time": _seconds(times)} | {name: frame[name].to_numpy(np.float64) for name in ETT_COLUMNS},
        )


class JenaClimate(tfds.core.GeneratorBasedBuilder):
    """Weather in Jena every ten minutes, 2009 to 2016: the set of the Keras and TensorFlow tutorials, as it is published.

    Rows are those of the file, with the times that stand there twice and without those that are missing. Speeds of -9999
    are NaN here. The direction of the wind is a circle, so the wind is given by its two parts.

    Features:
        time: int64 `[time]`, seconds since 1970, local standard time.
        temperature, ...: float64 `[time]`, one feature a column; see `JENA_COLUMNS`.
    """

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.__doc__,
            features=series_features(JENA_COLUMNS),
            homepage="https://www.bgc-jena.mpg.de/wetter/",
            citation="Weather station of the Max Planck Institute for Biogeochemistry, Jena.",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        path = Path(dl_manager.download(_JENA_URL))
        _require(path.stat().st_size, _JENA_BYTES, "size in bytes", _JENA_URL, path)
        return {"series": self._generate_examples(path)}

    def _generate_examples(self, path: Path) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        import pandas as pd

        try:
            with zipfile.ZipFile(path) as archive:
                members = [name for name in archive.namelist() if name.endswith(".csv")]
                member = next(name for name in members if not name.startswith("__MACOSX"))
                with archive.open(member) as stream:
                    frame = pd.read_csv(stream)
        except (zipfile.BadZipFile, StopIteration) as error:
            raise UserError(f"{path} is no zip archive with a CSV in it; delete it and run again.") from error
        expected = {_JENA_TIME, _JENA_DIRECTION, *_JENA_SPEEDS.values(), *(name for name, _ in _JENA_FILE.values())}
        absent = sorted(expected - set(frame.columns))
        if absent:
            raise UserError(
                f"{_JENA_URL} has no column {absent[0]!r} any more; download it by hand and use --data.source files."
            )
        columns = {name: frame[column].to_numpy(np.float64) for name, (column, _) in _JENA_FILE.items()}
        radians = np.deg2rad(frame[_JENA_DIRECTION].to_numpy(np.float64))  # where the wind comes from
        for name, column in _JENA_SPEEDS.items():
            speed = frame[column].replace(_JENA_WRONG, np.nan).to_numpy(np.float64)
            columns[f"{name}_u"], columns[f"{name}_v"] = -speed * np.sin(radians), -speed * np.cos(radians)
        times = pd.to_datetime(frame[_JENA_TIME], format="%d.%m.%Y %H:%M:%S")
        yield "jena_climate", {"time": _seconds(times)} | {name: columns[name] for name in JENA_COLUMNS}


def _seconds(times) -> np.ndarray:
    return times.to_numpy().astype("datetime64[s]").astype(np.int64)


def _require(found, expected, what: str, url: str, path: Path) -> None:
    if found != expected:
        raise UserError(
            f"What was downloaded from {url} is not the published file: its {what} is {found}, not {expected}; delete {path} "
            "and run again, or if you trust it, use it with --data.source files."
        )


@dataclass(frozen=True)
class PublicSet:
    """How a set is opened.

    Attributes:
        builder: the class.
        configuration: of the builder; None for one that has none.
        frequency: of its rows.
        targets: what is forecast where nothing is configured.
    """

    builder: type[tfds.core.GeneratorBasedBuilder]
    configuration: str | None
    frequency: str
    targets: tuple[str, ...]


SETS = {
    "ett/h1": PublicSet(Ett, "h1", "h", tuple(ETT_COLUMNS)),
    "ett/h2": PublicSet(Ett, "h2", "h", tuple(ETT_COLUMNS)),
    "ett/m1": PublicSet(Ett, "m1", "15min", tuple(ETT_COLUMNS)),
    "ett/m2": PublicSet(Ett, "m2", "15min", tuple(ETT_COLUMNS)),
    "jena_climate": PublicSet(JenaClimate, None, "10min", ("temperature",)),
}


def on_regular_steps(
    columns: Mapping[str, np.ndarray], step: int, origin: str
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Rows of a public set in order, each time once, with NaN for those that are missing.

    Args:
        columns: `time`, int64 seconds `[rows]`, and float64 `[rows]` for each column.
        step: seconds between two rows.
        origin: the set, for people.

    Returns:
        The columns at regular steps, and a note that counts what was doubled, off the steps, missing, or marked as wrong.
    """
    times = columns["time"]
    kept, first = np.unique(times, return_index=True)
    doubled = len(times) - len(kept)
    on_step = (kept - kept[0]) % step == 0
    kept, first = kept[on_step], first[on_step]
    places = (kept - kept[0]) // step
    count = int(places[-1]) + 1
    regular = {"time": kept[0] + step * np.arange(count)}
    wrong = 0
    for name, values in columns.items():
        if name != "time":
            regular[name] = np.full(count, np.nan)
            regular[name][places] = values[first]
            wrong += int(np.isnan(values[first]).sum())
    found = {
        "times that stood there twice were left out the second time": doubled,
        "rows between the regular times were left out": int((~on_step).sum()),
        "rows were missing": count - len(kept),
        "values were marked as not measured": wrong,
    }
    told = [f"{number:,} {what}" for what, number in found.items() if number]
    return regular, ((f"{origin}: {'; '.join(told)}.",) if told else ())
