"""Answers of a model as a person reads them: a row for each text, and the words that spoke for it."""

import shutil
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from common.console import Console

_TEXT_WIDTH = (24, 60)  # columns of the text, at least and at most
_BAR_WIDTH = 10
_CLASSES_SHOWN = 3
_STRONGEST_WORDS = 8
_LEAST_SHOWN = 0.0005  # what is written with three digits as more than nothing
_LINE = 110

Span = tuple[str, str]  # what is written, and its style for a terminal ("" = none)


class PredictionView:
    """Writes one answer after the other, so that a long file shows its first answers at once.

    Args:
        console: Where to write. Colours are used if it is a terminal.
    """

    def __init__(self, console: Console):
        self._console = console
        self._rich: Any = None
        if console.interactive:
            import rich.console

            self._rich = rich.console.Console(file=console.stream, force_terminal=True, highlight=False, emoji=False)
        width = shutil.get_terminal_size((_LINE, 24)).columns if console.interactive else _LINE
        self._text_width = max(_TEXT_WIDTH[0], min(_TEXT_WIDTH[1], width - 50))

    def show(self, answer: Mapping[str, Any]) -> None:
        """Writes an answer as `answers` yields it."""
        rest = {key: value for key, value in answer.items() if key not in ("text", "words", "bias", "classes", "score")}
        spans: list[Span] = [(fit(answer["text"], self._text_width), ""), ("  ", "")]
        # As wide as the longest label there is, so that the rows of a file stand in columns.
        width = max((columns(printable(name)) for v in rest.values() if isinstance(v, dict) for name in v), default=0)
        for label in [value for value in rest.values() if isinstance(value, str)]:
            shown = printable(label)
            spans += [(shown, "bold"), (" " * (max(width - columns(shown), 0) + 2), "")]
        for name, value in rest.items():
            if isinstance(value, dict):
                spans += _classes(value)
            elif not isinstance(value, str):
                spans.append((f"{name} {value}  ", ""))
        self._write(spans)
        if "words" in answer:
            self._show_words(answer["words"], answer.get("bias"))

    def _show_words(self, words: Sequence[Sequence[Any]], bias: float | None) -> None:
        largest = max((abs(value) for _, value in words), default=0.0) or 1.0
        if self._rich is not None:  # without colours the text itself would say nothing new
            self._write([("    ", ""), *((f"{printable(word)} ", _colour(value / largest)) for word, value in words)])
        strongest = sorted(words, key=lambda pair: -abs(pair[1]))[:_STRONGEST_WORDS]
        strongest = [pair for pair in strongest if abs(pair[1]) >= _LEAST_SHOWN]
        spans: list[Span] = [("    ", "")]
        for word, value in strongest:
            spans += [(f"{value:+.3f} ", _colour(value / largest)), (f"{printable(word)}  ", "")]
        total = sum(value for _, value in words)
        others = total - sum(value for _, value in strongest)
        rest = len(words) - len(strongest)
        if rest:
            spans.append((f"{others:+.3f} {rest} other word{'' if rest == 1 else 's'}  ", "dim"))
        if isinstance(bias, (int, float)):
            spans.append((f"{bias:+.3f} bias  = {total + bias:+.3f}", "dim"))
        self._write(spans)

    def _write(self, spans: Sequence[Span]) -> None:
        if self._rich is None:
            self._console.line("".join(text for text, _ in spans).rstrip())
            return
        import rich.text

        self._rich.print(rich.text.Text.assemble(*spans), soft_wrap=True)


def fit(text: str, width: int) -> str:
    """Returns `text` in one line of exactly `width` terminal columns, shortened or filled up with blanks."""
    # A megabyte need not be looked at to show sixty columns of it.
    shown = printable(text[: 20 * width])
    if columns(shown) > width or len(text) > 20 * width:
        kept, used = "", 0
        for character in shown:
            used += columns(character)
            if used > width - 1:
                break
            kept += character
        shown = kept.rstrip() + "…"
    return shown + " " * (width - columns(shown))


def printable(text: str) -> str:
    """Returns `text` without line ends and without characters that could steer the terminal."""
    return "".join(c if c.isprintable() else "·" for c in " ".join(text.split()))


def columns(text: str) -> int:
    """Returns the terminal columns that `text` takes: East Asian wide ones take two, combining marks none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _classes(values: Mapping[str, float]) -> list[Span]:
    """Returns the most probable classes with bars; two keep their order, so that rows can be compared."""
    shown = list(values.items())
    if len(shown) > 2:
        shown = sorted(shown, key=lambda item: -item[1])[:_CLASSES_SHOWN]
    best = max(value for _, value in shown)
    spans: list[Span] = []
    for name, value in shown:
        style = "green" if value == best else "dim"
        filled = round(min(max(value, 0.0), 1.0) * _BAR_WIDTH)
        bar = "█" * filled + "░" * (_BAR_WIDTH - filled)
        spans += [(f"{printable(name)} ", style), (bar, style), (f" {value:6.1%}  ", style)]
    return spans


def _colour(strength: float) -> str:
    """Returns the style of a word; `strength` from -1, it spoke against the answer, to 1, it spoke for it."""
    if abs(strength) < 0.05:
        return ""
    return f"{'bold ' if abs(strength) > 0.5 else ''}{'green' if strength > 0 else 'red'}"
