"""What a person sees while a verb works.

On a terminal: headings, tables and progress bars by rich. Elsewhere, in a pipe or a log file: plain lines,
no colours, no bars, and of a long stage one line every few seconds. Results go to stdout. What accompanies
the work goes there too, unless `--json` was given: then it goes to stderr, and stdout ends with one line of
JSON.
"""

import contextlib
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from common.files import to_json

# In a cell these would break the lines of a table; a label in somebody's file may hold them.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Progress(Protocol):
    """A stage under way; obtained from `Console.progress`."""

    def update(self, step: int, *, unusual: bool = False, **metrics: float) -> None:
        """Reports that `step` of all steps are done, with the latest metrics by name.

        What was done since the report before is `unusual` if it says nothing of the time that the rest will take:
        steps that were compiled first.
        """


class Console:
    """Writes for a person.

    Args:
        json_output: Whether the verb ends with a line of JSON on stdout, which moves the rest to stderr.
        stream: Where to write; None = stdout or stderr as above.
        interactive: Whether it is a terminal; None = ask the stream.
        every: Seconds between two lines of a stage under way when it is no terminal.
        clock: Returns seconds; replaced in tests.
    """

    def __init__(
        self,
        *,
        json_output: bool = False,
        stream: IO[str] | None = None,
        interactive: bool | None = None,
        every: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.json_output = json_output
        self.stream = stream if stream is not None else (sys.stderr if json_output else sys.stdout)
        capable = self.stream.isatty() and os.environ.get("TERM") != "dumb"
        self.interactive = capable if interactive is None else interactive
        self._every = every
        self._clock = clock
        self._rich: Any = None
        if self.interactive:
            import rich.console  # late, because --help needs none of it

            self._rich = rich.console.Console(file=self.stream, force_terminal=True, highlight=False, emoji=False)

    def heading(self, title: str) -> None:
        """Announces a stage."""
        if self._rich is not None:
            self._rich.print(f"\n{title}", style="bold cyan", markup=False)
        else:
            self.line(f"\n{title}")

    def line(self, text: str = "") -> None:
        """Writes one line."""
        if self._rich is not None:
            self._rich.print(text, markup=False, soft_wrap=True)
        else:
            print(text, file=self.stream, flush=True)

    def warn(self, text: str) -> None:
        """Writes one line that should not be overlooked."""
        if self._rich is not None:
            self._rich.print(f"warning: {text}", style="yellow", markup=False, soft_wrap=True)
        else:
            self.line(f"warning: {text}")

    def table(self, rows: Mapping[str, Any]) -> None:
        """Writes names and values in two columns."""
        self._columns([(str(name), show_value(value)) for name, value in rows.items()])

    def metrics(
        self,
        metrics: Mapping[str, float],
        baselines: Mapping[str, Mapping[str, float]],
        name: str = "this model",
    ) -> None:
        """Writes one row per metric: this model, or what else `name` says, then every baseline."""
        rows = [("", name, *baselines)]
        for metric, value in metrics.items():
            rows.append((metric, show_value(value), *(show_value(b.get(metric)) for b in baselines.values())))
        self._columns(rows, header=True)

    def grid(self, rows: Sequence[Sequence[str]]) -> None:
        """Writes a table of text whose first row is its header; the first column is left aligned, the others right."""
        self._columns(rows, header=True)

    def model(self, model: Any) -> None:
        """Writes the layers of a `keras.Model` with their numbers of parameters."""
        rows = [("layer", "parameters")]
        rows += [(f"{layer.name} ({type(layer).__name__})", f"{layer.count_params():,}") for layer in model.layers]
        rows.append(("all layers", f"{model.count_params():,}"))
        self._columns(rows, header=True)

    def files(self, files: Mapping[str, Path], next_commands: Sequence[tuple[str, str]] = ()) -> None:
        """Writes what was made and where, then the commands to try next, each with what it is for."""
        self.heading("Written")
        self._columns([(what, str(path)) for what, path in files.items()])
        if next_commands:
            self.heading("Next")
            for purpose, command in next_commands:
                self.line(f"  {purpose}:")
                self.line(f"    {command}")

    def result(self, text: str) -> None:
        """Writes a result to stdout, for a person or a pipe."""
        print(text, flush=True)

    def json(self, value: Any) -> None:
        """Writes one line of JSON to stdout; a verb does this once, at the very end."""
        print(to_json(value), flush=True)

    @contextlib.contextmanager
    def progress(self, total: int | None, description: str, start: int = 0) -> Iterator[Progress]:
        """Shows a stage of `total` steps (None = unknown) with the time left, while the block runs.

        A resumed stage begins at step `start`, so that what was done before does not count as fast.
        """
        if self._rich is None:
            lines = _ProgressLines(self, total, description, start, self._every, self._clock)
            yield lines
            lines.close()
            return
        from rich import progress as bars

        columns = (
            bars.TextColumn("  {task.description}", markup=False),
            bars.BarColumn(bar_width=24),
            bars.MofNCompleteColumn(),
            bars.TextColumn("{task.fields[time]}", style="progress.remaining"),
            bars.TextColumn("{task.fields[metrics]}", markup=False),
        )
        with bars.Progress(*columns, console=self._rich, refresh_per_second=4) as shown:
            task = shown.add_task(description, total=total, completed=start, time="", metrics="")
            yield _ProgressBar(shown, task, _Pace(total, start, self._clock))

    def _columns(self, rows: Sequence[Sequence[str]], header: bool = False) -> None:
        if not rows:
            return
        rows = [[_CONTROL.sub(lambda found: repr(found[0])[1:-1], cell) for cell in row] for row in rows]
        if self._rich is not None:
            self._rich_columns(rows, header)
            return
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        for row in rows:
            # Names to the left; numbers of a metric table to the right, under each other.
            cells = [
                cell.rjust(width) if header and i else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            self.line("  " + "  ".join(cells).rstrip())

    def _rich_columns(self, rows: Sequence[Sequence[str]], header: bool) -> None:
        import rich.table
        import rich.text

        table = rich.table.Table(box=None, show_header=header, padding=(0, 1), pad_edge=True)
        for i in range(len(rows[0])):
            title = rich.text.Text(rows[0][i]) if header else ""
            style = "bold" if header and i == 1 else ("cyan" if i == 0 else "")
            table.add_column(title, justify="right" if header and i else "left", style=style, overflow="fold")
        for row in rows[1:] if header else rows:
            table.add_row(*(rich.text.Text(cell) for cell in row))
        self._rich.print(table)


class _Pace:
    """How long the rest of a stage will take: as long for each step as the usual ones until now."""

    def __init__(self, total: int | None, start: int, clock: Callable[[], float]):
        self._total, self._step, self._clock = total, start, clock
        self._started = self._last = clock()
        self._usual_steps, self._usual_seconds = 0, 0.0

    def update(self, step: int, unusual: bool) -> None:
        now = self._clock()
        if not unusual:
            self._usual_steps += step - self._step
            self._usual_seconds += now - self._last
        self._step, self._last = step, now

    def words(self) -> str:
        """Returns `35 s left`, or the time until now where nothing is left or nothing can be said of it."""
        if self._total and self._step < self._total and self._usual_steps > 0:
            left = self._usual_seconds / self._usual_steps * (self._total - self._step)
            return f"{show_seconds(left)} left"
        return f"in {show_seconds(self._clock() - self._started)}"


class _ProgressBar:
    def __init__(self, shown: Any, task: Any, pace: _Pace):
        self._shown, self._task, self._pace = shown, task, pace

    def update(self, step: int, *, unusual: bool = False, **metrics: float) -> None:
        self._pace.update(step, unusual)
        self._shown.update(self._task, completed=step, time=self._pace.words(), metrics=metrics_line(metrics))


class _ProgressLines:
    """One line every few seconds, and one at the end."""

    def __init__(
        self,
        console: Console,
        total: int | None,
        description: str,
        start: int,
        every: float,
        clock: Callable[[], float],
    ):
        self._console, self._total, self._description = console, total, description
        self._every, self._clock = every, clock
        self._pace = _Pace(total, start, clock)
        self._written = clock()
        self._step = start
        self._metrics = ""
        self._written_step: int | None = None

    def update(self, step: int, *, unusual: bool = False, **metrics: float) -> None:
        self._pace.update(step, unusual)
        self._step, self._metrics = step, metrics_line(metrics)
        if self._clock() - self._written >= self._every:
            self._write()

    def close(self) -> None:
        if self._step != self._written_step:
            self._write()

    def _write(self) -> None:
        self._written, self._written_step = self._clock(), self._step
        parts = [f"{self._step}/{self._total}" if self._total else f"{self._step}", self._pace.words()]
        if self._metrics:
            parts.append(self._metrics)
        self._console.line(f"  {self._description}: {', '.join(parts)}")


def metrics_line(metrics: Mapping[str, float]) -> str:
    """Returns `loss 0.512, accuracy 0.731`."""
    return ", ".join(f"{name} {show_value(float(value))}" for name, value in metrics.items())


def show_value(value: Any) -> str:
    """Returns a number in at most four digits after the point, large counts with commas, None as a dash."""
    if value is None:
        return "-"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if hasattr(value, "item"):  # a NumPy scalar
        return show_value(value.item())
    if isinstance(value, float):
        return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.3g}"
    return str(value)


def show_seconds(seconds: float) -> str:
    """Returns a duration for a person: `0.4 s`, `35 s`, `1 min 20 s`, `2 h 5 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


_current: Console | None = None


def get_console() -> Console:
    """Returns the console of the running verb, so that a callback deep inside a training loop reaches it."""
    return _current if _current is not None else use_console(Console())


def use_console(console: Console) -> Console:
    """Makes `console` the one that `get_console` returns, and returns it."""
    global _current
    _current = console
    return console
