"""Which columns hold the times and the names of series: those a person named, those of training, or found by their names.

The same for training and for `predict`, which differ in what a person types (`Flags`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apps.forecasting.columns import require_column
from apps.forecasting.config import ROWS, TIME_COLUMNS
from apps.forecasting.series import Keys

ID = "unique_id"  # of a long table, by the convention of the Nixtla libraries, as is the first of TIME_COLUMNS


@dataclass(frozen=True)
class Flags:
    """What a person types, by the verb that reads the table; for advice that this verb takes.

    Attributes:
        time, id: name a column.
        missing: chooses what is done about missing values and rows.
        frequency: says how long a step is; empty where the model knows it.
    """

    time: str
    id: str
    missing: str
    frequency: str = ""

    @property
    def rows_as_steps(self) -> str:
        """How to do without times; empty where there has to be a calendar."""
        return f"count rows as steps with {self.frequency} {ROWS}" if self.frequency else ""

    @property
    def or_rows_as_steps(self) -> str:
        """The same as the end of an advice."""
        return f", or {self.rows_as_steps}" if self.frequency else ""

    @property
    def or_left_out(self) -> str:
        """What else may be done about a value that is no number, as the end of an advice; a trained model needs its columns."""
        if not self.frequency:
            return ", or leave it empty if it is missing"
        return ", leave it empty if it is missing, or leave the column out of data.targets, past and known"


TRAINING = Flags("--data.time", "--data.id", "--data.missing", "--data.frequency")
PREDICTION = Flags("--time", "--id", "--missing")


def find_keys(
    names: Sequence[str], path: str, named: Keys, taken: Sequence[str], flags: Flags, trained: Keys | None = None
) -> tuple[Keys, tuple[str, ...]]:
    """The columns of identifiers and of times, and notes for the console.

    Args:
        names: of all columns.
        path: the table.
        named: what the person named.
        taken: columns that have another role.
        flags: of the verb.
        trained: what they were called in training, for `predict`.

    Raises:
        UserError: a named column that is not there.
    """
    for flag, name in ((flags.id, named.identifiers), (flags.time, named.time)):
        if name is not None:
            require_column(name, names, path, flag)
    trained = trained or Keys()
    free = set(names) - set(taken)
    identifiers = named.identifiers or next((name for name in (trained.identifiers, ID) if name in free), None)
    free.discard(identifiers)
    time = named.time or next((name for name in (trained.time, *TIME_COLUMNS) if name in free), None)
    notes = ()
    if time not in (None, named.time, trained.time, TIME_COLUMNS[0]):
        notes = (f"The column {time!r} was taken as the times; name another one with {flags.time}.",)
    return Keys(identifiers, time), notes
