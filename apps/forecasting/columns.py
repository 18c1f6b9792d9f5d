"""Which columns are forecast and which help: from the names in the configuration and those that are there."""

from __future__ import annotations

from collections.abc import Sequence

from apps.forecasting.series import Columns
from common.errors import UserError
from common.spelling import did_you_mean, listed

_NAMES_SHOWN = 20


def choose_columns(
    available: Sequence[str], data, default_targets: Sequence[str], origin: str, rest_is_past: bool = False
) -> Columns:
    """The role of each column.

    Args:
        available: names of the columns of numbers.
        data: the configuration, with `targets`, `past` and `known`.
        default_targets: what is forecast where `data.targets` names nothing; those named as covariates do not count.
        origin: the data, for people.
        rest_is_past: all other columns are past covariates where `data.past` names nothing.

    Raises:
        UserError: a column that is not there, or nothing left to forecast.
    """
    for role in ("targets", "past", "known"):
        for name in getattr(data, role) or ():
            require_column(name, available, origin, f"data.{role}")
    known, past = tuple(data.known), tuple(data.past or ())
    targets = data.targets
    if targets is None:
        targets = [name for name in default_targets if name not in known + past]
    if not targets:
        raise UserError(
            f"{origin} has no column left to forecast; its columns of numbers are {shown(available) or 'none'}, "
            "so name one with --data.targets."
        )
    if data.past is None and rest_is_past:
        past = tuple(name for name in available if name not in known and name not in targets)
    return Columns(tuple(targets), past, known)


def require_column(name: str, available: Sequence[str], origin: str, option: str) -> None:
    """Raises UserError unless the column is there.

    Args:
        name: the column.
        available: those that are there.
        origin: where.
        option: what named it, such as "data.targets".
    """
    if name not in available:
        raise UserError(
            f"{origin} has no column {name!r}, which {option} names; its columns are "
            f"{shown(available) or 'none'}{did_you_mean(name, available)}"
        )


def shown(names: Sequence[str]) -> str:
    """Names in quotes for a sentence, the first of them where there are many."""
    quoted = [repr(str(name)) for name in names[:_NAMES_SHOWN]]
    if len(names) > _NAMES_SHOWN:
        return ", ".join(quoted) + f" and {len(names) - _NAMES_SHOWN} more"
    return listed(quoted, "and")
