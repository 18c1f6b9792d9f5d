"""Rewrites the table of cells in README.md from the section `cells` of benchmarks/results/layers.json."""

import inspect
import json
import re
import sys
from pathlib import Path

from benchmarks import results
from common import layers

PAGE = Path(__file__).parents[1] / "README.md"
START, END = "<!-- cells -->", "<!-- /cells -->"
NOT_MEASURED = (
    "Not measured yet: `python -m benchmarks.layers --sections cells`, then `python -m benchmarks.cell_table`."
)


def main() -> int:
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


def rewritten(page: str, measured: Path = results.FOLDER / "layers.json") -> str:
    """The page with the table that the JSON file gives."""
    before, rest = page.split(START)
    return f"{before}{START}\n{table(measured)}\n{END}{rest.split(END)[1]}"


def table(measured: Path) -> str:
    sections = json.loads(measured.read_text(encoding="utf-8"))["sections"] if measured.exists() else {}
    if "cells" not in sections:
        return NOT_MEASURED
    lines = ["| layer | what | paper | parameters per unit | time / LSTM |", "|---|---|---|---|---|"]
    for row in sections["cells"]["rows"]:
        doc = inspect.getdoc(getattr(layers, row["cell"]).cell_class)
        numbers = f"{row['parameters_per_unit']:,.0f} | {row['relative_time']:.2f}"
        lines.append(f"| `{row['cell']}` | {what(doc)} | {paper(doc)} | {numbers} |")
    return "\n".join(lines)


def what(doc: str) -> str:
    """The first sentence of a cell's docstring, without "One step of"."""
    paragraph = " ".join(doc.split("\n\n")[0].split())
    return re.split(r"[.:](?:\s|$)", paragraph)[0].removeprefix("One step of ").strip()


def paper(doc: str) -> str:
    """The first reference of a cell's docstring: up to its arXiv number if it has one."""
    reference = " ".join(doc.partition("Reference:")[2].split())
    first = re.match(r"[^;]*?arXiv:[\d.]+\d|[^;]*", reference)[0].strip(" .")
    return re.sub(r"arXiv:([\d.]+\d)", r"[arXiv:\1](https://arxiv.org/abs/\1)", first) or "-"


if __name__ == "__main__":
    sys.exit(main())
