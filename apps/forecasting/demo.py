"""The tab of the page in the browser: a table of the past in, the forecast with its bands out, as a picture and as CSV.

Read for its title without a model; what takes time to import is imported where it is needed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.spelling import listed

TITLE = "Forecasting"
_POLICIES = ("error", "interpolate", "forward")
_HORIZONS_OF_PAST = 4  # at least, in an example; the picture shows as many
_FIRST_TIME = "2024-06-03"  # a Monday
_STEADINESS = 0.95  # of the noise in an example, from one step to the next


def build_tab(model: Any, workspace: Any) -> None:
    """Adds what the tab shows to the page that is being built.

    Args:
        model: The loaded `common.saved_model.SavedModel`.
        workspace: The `common.demo.workspace.Workspace` of the page.
    """
    import gradio

    from apps.forecasting.predict import columns_of
    from common.demo.page import answer_on, picture_of

    columns = columns_of(model)
    forecast = workspace.answering(lambda *given: shown(model, workspace, *given))
    gradio.Markdown(description(model))
    with gradio.Row():
        with gradio.Column():
            table = gradio.File(label="table of the past (CSV, TSV or Parquet)", type="filepath", height=160)
            future = gradio.File(
                label="future: the table of the steps to come", type="filepath", visible=bool(columns.known)
            )
            missing = gradio.Dropdown(
                list(_POLICIES), value=_POLICIES[0], label="missing", info="what to do about missing values and rows"
            )
            with gradio.Accordion("columns with other names", open=False):
                time = gradio.Textbox(label="time", info="the column of times; empty = as in training")
                name = gradio.Textbox(label="id", info="the column that says which series a row belongs to")
            ask = gradio.Button("Forecast", variant="primary")
            examples = gradio.Column()
        with gradio.Column():
            result = gradio.File(label="forecast as CSV", interactive=False, height=120)
            told = gradio.HTML()
    picture = picture_of("the end of the past, and the forecast with its bands")
    inputs, outputs = [table, future, missing, time, name], [picture, result, told]
    tables = example_tables(model, workspace)
    if tables:
        shown_inputs = inputs[: len(tables)]
        with examples:
            gradio.Examples(
                [[str(path) for path in tables]],
                shown_inputs,
                outputs,
                forecast,
                run_on_click=True,
                label="example: one click",
            )
    answer_on([ask.click], forecast, inputs, outputs)


def description(model: Any) -> str:
    """Returns what the model needs, in a sentence or two."""
    from apps.forecasting.predict import columns_of

    about, columns = model.metadata, columns_of(model)
    steps = f"rows, at steps of `{about['frequency']}`," if about["frequency"] else "rows"
    needed = listed([f"`{name}`" for name in columns.names], "and")
    more = "" if not about["frequency"] else f" and a column of times, `{about['time'] or 'ds'}`"
    return (
        f"Give a table with the {'column' if len(columns.names) == 1 else 'columns'} {needed}{more}. Of its last "
        f"{about['look_back']:,} {steps} the model forecasts the next {about['horizon']:,} of {listed(columns.targets, 'and')}."
    )


def shown(
    model: Any,
    workspace: Any,
    table: str | None,
    future: str | None = None,
    missing: str = _POLICIES[0],
    time: str | None = None,
    name: str | None = None,
) -> tuple[str, str, str]:
    """Returns the paths of the picture and of the CSV, and notes as HTML.

    Raises:
        UserError: If there is no table, or it cannot be used.
    """
    from apps.forecasting.forecast_files import write_csv, write_picture
    from apps.forecasting.predict import columns_of, forecasts_of
    from common.demo.markup import notes

    if not table:
        raise UserError("there is no table yet; give one, or choose the example")
    flags = {"input": table, "future": future, "time": time or None, "id": name or None, "missing": missing}
    about, targets = model.metadata, columns_of(model).targets
    path = workspace.new_folder() / "forecast.csv"
    picture = path.with_suffix(".png")
    with workspace.one_at_a_time() as console:
        found, history, told = forecasts_of(model, flags)
        write_csv(found, targets, about["quantiles"], path, history.keys)
        write_picture(found, history, targets, about["quantiles"], picture)
    sentences = [*console.sentences(), *told]
    return str(picture), str(path), notes([workspace.sentence(UserError(each)) for each in sentences])


def example_tables(model: Any, workspace: Any) -> list[Path]:
    """Finds or makes up a table that the model can forecast from, and one of the steps to come where it needs that.

    If the run that the model is of is still there, they are those that its evaluation left. Else the values are a wave of the
    model's season and slow noise, of the mean and deviation of the example that the export left; nobody measured them.

    Returns:
        One path, or two; none for a model without an example.
    """
    import numpy as np

    from apps.forecasting.frequency import times_from
    from apps.forecasting.predict import columns_of
    from common.demo.page import example_files

    measured = _tables_of_run(model)
    if measured:
        return example_files(workspace, {path.name: path.read_bytes() for path in measured})
    example = model.example()
    if example is None or "history" not in example:
        return []
    about, columns = model.metadata, columns_of(model)
    horizon = about["horizon"]
    steps = max(about["look_back"], _HORIZONS_OF_PAST * horizon)
    values = _made_up(np.asarray(example["history"], np.float64), steps + horizon, about["season"] or horizon)
    times = None
    if about["frequency"] is not None:
        times = [
            str(time).replace("T", " ")
            for time in times_from(np.datetime64(_FIRST_TIME), about["frequency"], len(values))
        ]
    keys = [(about["id"], ["example"] * len(values))] if about["id"] else []
    if times is not None:
        keys.append((about["time"] or "ds", times))
    known = [columns.names.index(name) for name in columns.known]
    contents: dict[str, bytes | str] = {"made-up.csv": _csv(keys, columns.names, values, slice(0, steps))}
    if columns.known:
        contents["made-up-future.csv"] = _csv(keys, columns.known, values[:, known], slice(steps, None))
    return example_files(workspace, contents)


def _tables_of_run(model: Any) -> list[Path]:
    run = Path(str(model.metadata.get("run", "")))
    names = ["example-history.csv", *(["example-future.csv"] if model.metadata["columns"]["known"] else [])]
    paths = [run / name for name in names]
    return paths if all(path.is_file() for path in paths) else []


def _made_up(example: Any, steps: int, season: int) -> Any:
    """float64 `[steps, columns]` of the means and deviations of `example` `[time, columns]`; between its extremes."""
    import numpy as np

    random = np.random.default_rng(0)
    columns = example.shape[1]
    # Begins at its lowest, as temperature, traffic and sales do at midnight.
    wave = -np.cos(2 * np.pi * (np.arange(steps)[:, None] / season))
    noise = np.zeros((steps, columns))
    fresh = random.normal(size=(steps, columns)) * np.sqrt(1 - _STEADINESS**2)
    for step in range(1, steps):
        noise[step] = _STEADINESS * noise[step - 1] + fresh[step]
    values = example.mean(axis=0) + example.std(axis=0) * (0.9 * wave + 0.5 * noise)
    return np.clip(values, example.min(axis=0), example.max(axis=0))


def _csv(keys: Sequence[tuple[str, Sequence[str]]], names: Sequence[str], values: Any, part: slice) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*(name for name, _ in keys), *names])
    for place in range(*part.indices(len(values))):
        writer.writerow([*(column[place] for _, column in keys), *(f"{value:.6g}" for value in values[place])])
    return text.getvalue()
