"""The verb `predict`: the rows up to now in, the forecast past their end out, with nothing but the exported model.

Read by the command line for its help, so what takes time to import is imported where it is needed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from apps.forecasting.config import TIME_COLUMNS
from common.cli_options import Flag
from common.spelling import listed

FLAGS = (
    Flag("input", "the table of the past: CSV, TSV or Parquet with the columns of training", "FILE", required=True),
    Flag("future", "the table of what is known of the time to come, for models with known covariates", "FILE"),
    Flag("output", "the CSV to write; a picture of the same name is written beside it", "FILE", "forecast.csv"),
    Flag(
        "time",
        f"the column of times; none = as in training, or the first there is of {listed(TIME_COLUMNS, 'and')}",
        "NAME",
    ),
    Flag("id", "the column that says which series a row belongs to; none = as in training, or unique_id", "NAME"),
    Flag(
        "missing",
        "what to do about missing values and rows",
        "POLICY",
        "error",
        choices=("error", "interpolate", "forward"),
    ),
)
ARGUMENTS = ""
# What `evaluate` leaves in the run; the second only for a model with known covariates.
EXAMPLE = ("--input", "{run}/example-history.csv", "--future", "{run}/example-future.csv")


def predict(model_dir: str, arguments: Sequence[str], flags: Mapping[str, Any]) -> None:
    """Forecasts past the end of each series of a table; writes a CSV and a PNG, and with `json` a line for each series.

    Args:
        model_dir: A model's directory, meaning its newest version, or a version directory.
        arguments: None are taken.
        flags: as in `FLAGS`, and `json`.

    Raises:
        UserError: the model or a table cannot be used, a series is shorter than the look-back, or the future is missing.
    """
    from apps.forecasting.forecast_files import forecast_csv_path, write_csv, write_picture
    from common.console import get_console
    from common.files import to_json
    from common.saved_model import load

    path = forecast_csv_path(flags["output"], (flags["input"], flags["future"]))
    model = load(model_dir, "forecasting")
    about = model.metadata
    columns = columns_of(model)
    found, history, notes = forecasts_of(model, flags)
    console = get_console()
    for note in notes:
        console.warn(note)

    picture = path.with_suffix(".png")
    write_csv(found, columns.targets, about["quantiles"], path, history.keys)
    write_picture(found, history, columns.targets, about["quantiles"], picture)
    if flags["json"]:
        for each in found:
            console.result(to_json(each.as_json(columns.targets, about["quantiles"])))
        return
    first = found[0]
    console.table(
        {
            "series": f"{len(found):,}",
            "steps": f"{len(first.values)}, {first.labels[0]} to {first.labels[-1]}",
            "targets": ", ".join(columns.targets),
        }
    )
    console.files({"forecast": path, "picture": picture})


def columns_of(model: Any) -> Any:
    """Returns the `apps.forecasting.series.Columns` that a loaded model was trained with."""
    from apps.forecasting.series import Columns

    return Columns(**{name: tuple(names) for name, names in model.metadata["columns"].items()})


def forecasts_of(model: Any, flags: Mapping[str, Any]) -> tuple[list[Any], Any, tuple[str, ...]]:
    """Forecasts past the end of each series of a table.

    Args:
        model: The loaded `common.saved_model.SavedModel`.
        flags: `input`, `future`, `time`, `id` and `missing` as in `FLAGS`.

    Returns:
        A `Forecast` of each series, the `SeriesSet` they start from, and sentences for the person.

    Raises:
        UserError: A table cannot be used, a series is shorter than the look-back, or the future is missing.
    """
    from apps.forecasting.forecasts import forecasts
    from apps.forecasting.histories import read_future, read_history
    from apps.forecasting.series import Keys
    from common.errors import UserError

    about, columns = model.metadata, columns_of(model)
    named, trained = Keys(flags["id"], flags["time"]), Keys(about["id"], about["time"])
    history, notes = read_history(flags["input"], columns, about["frequency"], named, trained, flags["missing"])
    future = None
    if columns.known:
        if flags["future"] is None:
            raise UserError(
                f"the model needs {', '.join(columns.known)} of the {about['horizon']} steps to come; "
                "give a table of them with --future FILE"
            )
        future, more = read_future(flags["future"], history, about["horizon"], named)
        notes += more
    elif flags["future"] is not None:
        raise UserError("the model knows no covariates of the time to come, so leave --future out")
    return forecasts(model, history, future), history, notes
