"""Rewrites the equations and figures of each cell in docs/cells.md, from its docstring and benchmarks/results/layers.json."""

import inspect
import json
import re
import sys
import textwrap
from pathlib import Path

from keras.saving import get_registered_name

from benchmarks import results
from common.layers.by_name import LAYERS
from common.layers.linear_cell import LinearLayer
from common.layers.mlstm import MLSTM

PAGE = Path(__file__).parents[1] / "docs" / "cells.md"


def main() -> int:
    try:
        page = rewritten(PAGE.read_text(encoding="utf-8"))
    except ValueError as error:
        print(f"error: {error}; add these two lines where the cell belongs", file=sys.stderr)
        return 2
    PAGE.write_text(page, encoding="utf-8")
    return 0


def described() -> dict:
    """The layers of `by_name` that are of this library, by name; a cell that somebody added is their own to describe."""
    return {name: layer for name, layer in LAYERS.items() if get_registered_name(layer).startswith("unroll>")}


def rewritten(page: str, measured: Path = results.FOLDER / "layers.json") -> str:
    """The page with what stands between `<!-- name -->` and `<!-- /name -->` made anew, for each of `described`.

    Raises:
        ValueError: if the page lacks the place of a cell.
    """
    rows = json.loads(measured.read_text(encoding="utf-8"))["sections"]["cells"]["rows"]
    rows = {row["cell"]: row for row in rows}
    for name, layer in described().items():
        start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if start not in page or end not in page:
            raise ValueError(f"docs/cells.md has no place {start} ... {end} for {layer.__name__}")
        before, rest = page.split(start)
        page = f"{before}{start}\n{section(layer, rows.get(layer.__name__))}\n{end}{rest.split(end)[1]}"
    return page


def section(layer, row: dict | None) -> str:
    """Equations, how the state goes from step to step, what was measured, and where it comes from.

    Args:
        layer: a class of `common.layers`.
        row: its row of the section `cells`, or None where it was not measured.
    """
    doc = inspect.getdoc(layer.cell_class)
    measured = (
        f"{row['parameters_per_unit']:,.0f} | {row['relative_time']:.2f}" if row else "not measured | not measured"
    )
    return "\n".join(
        [
            "```",
            equations(doc),
            "```",
            "",
            "| layer | parameters per unit | time / LSTM | from step to step |",
            "|---|---|---|---|",
            f"| `{layer.__name__}` | {measured} | {way_of_the_state(layer)} |",
            "",
            references(doc),
        ]
    )


def equations(doc: str) -> str:
    """The first indented block of a cell's docstring."""
    block = re.search(r"^(?: {4,}\S.*\n?|\n(?= {4}))+", doc, re.MULTILINE)
    return textwrap.dedent(block[0]).strip("\n")


def way_of_the_state(layer) -> str:
    """In words, what has to wait for the step before."""
    if layer is MLSTM:
        return "chunks of steps at once, a loop over the chunks"
    if issubclass(layer, LinearLayer):
        return "one multiply-add: gates and candidate of all steps are known before"
    if layer.cell_class.has_recurrent_kernel:
        return "a loop with the product `h·U` in it"
    return "a loop without a product: each unit sees only itself"


def references(doc: str) -> str:
    """The references of a cell's docstring, with links where there is an arXiv number."""
    text = " ".join(re.split(r"\n\n", doc.partition("Reference:")[2])[0].split())
    return re.sub(r"arXiv:(\d{4}\.\d{4,5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", text)


if __name__ == "__main__":
    sys.exit(main())
