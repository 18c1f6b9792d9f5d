"""A person's table, CSV, TSV or Parquet, as a pandas frame that can say on which line a row stands.

Below `tables`, which knows what the columns mean. Reading is pandas' fast reader; the file is gone through line by line
only to word an error.
"""

from __future__ import annotations

import contextlib
import csv
import itertools
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from apps.forecasting.columns import shown
from apps.forecasting.keys import TRAINING, Flags
from common.data.separators import SEPARATORS, first_line, separator_of
from common.data.text_files import decoded_lines, open_bytes
from common.errors import UserError

# What stands for a missing value. pandas' own list, without those that are names elsewhere.
_MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "-NaN", "NULL", "null", "None", "<NA>", "#N/A", "#NA")
_SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
_PARQUET = (".parquet", ".pq")
_INDEX, _UNNAMED_INDEX = "index", "__index_level_0__"  # as pandas and Parquet call one without a name
_SAMPLE = 1_000  # lines that are looked at to tell a decimal comma
_TRIED = 10_000  # texts of a column that are tried as numbers, to tell its kind
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+")
_GROUPED_NUMBER = re.compile(r"[+-]?\d{1,3}(\.\d{3})+,\d+")
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ].*)?")


@dataclass
class Table:
    """The rows of a file.

    Attributes:
        path: the file.
        frame: a column each for those that have a name. Text is `str`, the columns that were asked for as text are never
            numbers, missing values are NaN.
        delimiter: between the fields of a line; None for Parquet.
        notes: sentences for the console.
        flags: of the verb that reads it, for advice.
    """

    path: str
    frame: pd.DataFrame
    delimiter: str | None
    notes: tuple[str, ...] = ()
    flags: Flags = TRAINING

    def place(self, row: int) -> str:
        """Where a row stands, for a person: "sales.csv, line 17". Reads the file up to there."""
        if self.delimiter is None:
            return f"{self.path}, row {row + 1}"
        line, _ = next(itertools.islice(_records(self.path, self.delimiter), row + 1, None))
        return f"{self.path}, line {line}"


def read_names(path: str) -> list[str]:
    """The names of the columns of a table, without its rows.

    Raises:
        UserError: as for `read_table`.
    """
    if path.lower().endswith(_PARQUET):
        with _reading_parquet(path) as parquet:
            return [_INDEX if name == _UNNAMED_INDEX else name for name in parquet.read_schema(path).names]
    return [name for name in _header(path)[0] if name]


def read_table(path: str, text: tuple[str, ...] = (), identifiers: str | None = None, flags: Flags = TRAINING) -> Table:
    """Reads all rows of a table.

    The fields of a CSV are separated by commas, semicolons or tabs, whichever the first line has most of; behind
    semicolons and tabs the decimal sign may be a comma. Columns without a name are left out.

    Args:
        path: .csv, .tsv (.gz too), .parquet or .pq.
        text: columns that are read as text whatever they look like.
        identifiers: a column of names, read as a category; "NA" is a name like any other.
        flags: of the verb that reads it.

    Raises:
        UserError: no such file, another kind of file, not UTF-8, no header, no rows, two columns of one name, a row with
            too few or too many fields. The sentence names file and line.
    """
    if path.lower().endswith(_PARQUET):
        frame = _parquet(path)
        if identifiers in frame:
            frame[identifiers] = frame[identifiers].astype("string").astype("category")
        table = Table(path, frame, None)
    else:
        table = _read_csv(path, text, identifiers)
    if not len(table.frame):
        raise UserError(f"{path} has names of columns and no rows below them; give a table with measurements.")
    return replace(table, flags=flags)


@contextlib.contextmanager
def _reading_parquet(path: str):
    import pyarrow.parquet

    with open_bytes(path):  # for its words about a file that is not there
        pass
    try:
        yield pyarrow.parquet
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise UserError(
            f"{path} is not a whole Parquet file ({_first_line(error)}); make it again, or rename it if it is a CSV."
        ) from error


def _parquet(path: str) -> pd.DataFrame:
    with _reading_parquet(path):
        frame = pd.read_parquet(path)
    if frame.index.name is not None:
        frame = frame.reset_index()
    elif isinstance(frame.index, pd.DatetimeIndex):  # times often have no other name
        frame = frame.rename_axis(_INDEX).reset_index()
    else:
        frame = frame.reset_index(drop=True)
    frame.columns = [str(name) for name in frame.columns]
    _refuse_twins(list(frame.columns), path)
    return frame


def _read_csv(path: str, text: tuple[str, ...], identifiers: str | None) -> Table:
    header, delimiter = _header(path)
    names = [name or f"unnamed {place}" for place, name in enumerate(header)]
    decimal, thousands = _number_signs(path, delimiter)
    missing = list(_MISSING)
    options = {
        "sep": delimiter,
        "header": 0,
        "names": names,
        "index_col": False,
        "encoding": "utf-8",
        "skipinitialspace": True,
        "decimal": decimal,
        "thousands": thousands,
        "keep_default_na": False,
        "na_values": {name: missing for name in names if name != identifiers},
        "dtype": dict.fromkeys(text, str) | ({identifiers: "category"} if identifiers in names else {}),
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)  # text among numbers is found and named later
            warnings.simplefilter("error", pd.errors.ParserWarning)  # fields that would be dropped
            frame = pd.read_csv(path, **options)
    except (pd.errors.ParserError, pd.errors.ParserWarning, UnicodeError, ValueError) as error:
        _check_lines(path, delimiter, len(header))
        raise UserError(f"{path} cannot be read as a table ({_first_line(error)}).") from error
    if len(frame) and frame[names[-1]].isna().any():
        # pandas fills up rows that are cut short.
        _check_lines(path, delimiter, len(header))
    notes = () if decimal == "." else (f"{path}: read with a comma as the decimal sign.",)
    return Table(path, frame[[name for name, given in zip(names, header) if given]], delimiter, notes)


def _header(path: str) -> tuple[list[str], str]:
    """Names of the columns, empty for those without, and the separator."""
    if not path.lower().endswith(_SUFFIXES):
        raise UserError(
            f"{path} does not end in .csv, .tsv (or these with .gz), .parquet or .pq, so its form is unknown; convert it, "
            "or rename it if it is one of them."
        )
    with open_bytes(path) as stream:
        first, _ = first_line(decoded_lines(stream, path))
    if not first:
        raise UserError(f"{path} is empty; expected a first line with the names of the columns, then the rows.")
    delimiter = separator_of(first)
    names = [name.strip() for name in next(csv.reader([first], delimiter=delimiter))]
    given = [name for name in names if name]
    if not given or all(_NUMBER.fullmatch(name) or _DATE.fullmatch(name) for name in given):
        raise UserError(
            f"{path}, line 1: {shown(given)} look like values, but the first line must name the columns; put names above them."
        )
    _refuse_twins(given, path)
    return names, delimiter


def _refuse_twins(names: list[str], path: str) -> None:
    twin = next((name for name in names if names.count(name) > 1), None)
    if twin is not None:
        raise UserError(f"{path} has {names.count(twin)} columns named {twin!r}; rename all but one of them.")


def _number_signs(path: str, delimiter: str) -> tuple[str, str | None]:
    """The decimal sign, and what groups thousands, as the first lines have them."""
    if delimiter == ",":
        return ".", None
    commas = points = grouped = False
    for _, fields in itertools.islice(_records(path, delimiter), 1, _SAMPLE):
        for field in map(str.strip, fields):
            if _GROUPED_NUMBER.fullmatch(field):
                commas = grouped = True
            elif _COMMA_NUMBER.fullmatch(field):
                commas = True
            elif "." in field and _NUMBER.fullmatch(field):
                points = True
    return ("," if commas and not points else "."), ("." if grouped and not points else None)


def _check_lines(path: str, delimiter: str, columns: int) -> None:
    """Raises UserError at the first line that has another number of fields, or is no text."""
    for line, fields in _records(path, delimiter, strict=True):
        if len(fields) != columns:
            raise UserError(
                f"{path}, line {line}: {len(fields)} fields, but the first line names {columns} columns"
                f" ({SEPARATORS[delimiter]}-separated); mend the line"
                + (
                    ", and put numbers with a decimal comma in quotes or separate by semicolons."
                    if delimiter == ","
                    else "."
                )
            )


def _records(path: str, delimiter: str, strict: bool = False) -> Iterator[tuple[int, list[str]]]:
    """Each record with the number of the line on which it begins; the first is the header."""
    with open_bytes(path) as stream:
        reader = csv.reader(decoded_lines(stream, path), delimiter=delimiter, skipinitialspace=True, strict=strict)
        while True:
            line = reader.line_num + 1
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise UserError(
                    f"{path}, line {line}: the row that begins here cannot be read ({error}); close its quotes."
                ) from error
            if fields and not (len(fields) == 1 and not fields[0].strip()):
                yield line, fields


def to_numbers(table: Table, name: str) -> np.ndarray:
    """A column as float64 `[rows]`, NaN where a value is missing.

    Raises:
        UserError: text, or infinity; the sentence names line, column and value.
    """
    column = table.frame[name]
    numbers = _as_float(column)
    wrong = np.flatnonzero(np.isnan(numbers) & column.notna().to_numpy())
    if len(wrong):
        value = str(column.iloc[wrong[0]])
        hint = "; the decimal sign must be a point" if _COMMA_NUMBER.fullmatch(value.strip()) else ""
        raise UserError(
            f"{table.place(int(wrong[0]))}, column {name!r}: {value[:40]!r} is not a number{hint}"
            + (f" ({len(wrong):,} values of this column are not)" if len(wrong) > 1 else "")
            + f"; correct it{table.flags.or_left_out}."
        )
    infinite = np.flatnonzero(np.isinf(numbers))
    if len(infinite):
        raise UserError(
            f"{table.place(int(infinite[0]))}, column {name!r}: infinity ({len(infinite):,} in this column) is no "
            "measurement; correct it, or leave it empty if it is missing."
        )
    return numbers


def share_of_numbers(table: Table, name: str) -> float:
    """Which part of the values of a column are numbers, about: 1.0 for a column of numbers, 0.0 for an empty one."""
    column = table.frame[name]
    if not pd.api.types.is_numeric_dtype(column):
        column = column.iloc[:: max(1, len(column) // _TRIED)]
    given = int(column.notna().sum())
    if not given or pd.api.types.is_datetime64_any_dtype(column):
        return 0.0
    return float(np.isfinite(_as_float(column)).sum()) / given


def _as_float(column: pd.Series) -> np.ndarray:
    if pd.api.types.is_numeric_dtype(column):  # truth values, too
        return column.to_numpy(np.float64, na_value=np.nan)
    return pd.to_numeric(column.astype(object), errors="coerce").to_numpy(np.float64, na_value=np.nan)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
