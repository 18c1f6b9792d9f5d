"""HTML that the tabs show: tables and notes, with everything escaped that a person or a model wrote."""

import html
from collections.abc import Sequence

# Gradio has rules of its own for tables in a text, hence the exclamation marks.
STYLE = """
.unroll-table { border-collapse: collapse; width: 100%; margin: 0.3em 0 !important; border: 0 !important; }
.unroll-table tr, .unroll-table th, .unroll-table td { border: 0 !important; padding: 0.2em 1em 0.2em 0 !important; text-align: left; }
.unroll-table th { font-weight: 600; }
.unroll-table td { border-top: 1px solid var(--border-color-primary) !important; overflow-wrap: anywhere; }
.unroll-table .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; width: 9em; }
.unroll-words { line-height: 2.1; overflow-wrap: anywhere; max-height: 24em; overflow-y: auto; }
.unroll-words span { padding: 0.15em 0.25em; border-radius: 0.25em; }
.unroll-model { margin: 0 !important; opacity: 0.7; font-size: 0.85em; overflow-wrap: anywhere; }
.unroll-notice { padding: 1em 0; }
.unroll-note { border-left: 3px solid #d55e00; padding-left: 0.8em; margin: 0.3em 0; overflow-wrap: anywhere; }
footer { display: none !important; }
"""


def table(header: Sequence[str], rows: Sequence[Sequence[str | float]]) -> str:
    """Returns a table; numbers stand to the right, with three digits after the point.

    Args:
        header: A name for each column; all empty = no header.
        rows: As many cells each.
    """
    head = "".join(
        f"<th{_number_class(rows[0][place]) if rows else ''}>{html.escape(name)}</th>"
        for place, name in enumerate(header)
    )
    head = f"<thead><tr>{head}</tr></thead>" if any(header) else ""
    body = "".join(
        "<tr>" + "".join(f"<td{_number_class(cell)}>{_shown(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f'<table class="unroll-table">{head}<tbody>{body}</tbody></table>'


def notes(sentences: Sequence[str]) -> str:
    """Returns sentences that should not be overlooked; nothing for none."""
    return "".join(f'<p class="unroll-note">{html.escape(sentence)}</p>' for sentence in sentences)


def _shown(cell: str | float) -> str:
    return html.escape(cell) if isinstance(cell, str) else f"{cell:.3f}"


def _number_class(cell: str | float) -> str:
    return "" if isinstance(cell, str) else ' class="number"'
