"""What every benchmark leaves behind: a table for a person, JSON for later, and how it was made."""

import argparse
import importlib.metadata
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"
_PACKAGES = ("tensorflow", "keras", "numpy")


def make_parser(name: str, description: str, epilog: str | None = None) -> argparse.ArgumentParser:
    """The parser of `python -m benchmarks.<name>`, with the option that all benchmarks have."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=description,
        epilog=epilog,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--output", type=Path, default=default_output(name), help="JSON file")
    return parser


def default_output(name: str) -> Path:
    """Where the benchmark of that name writes to if nobody says otherwise."""
    return Path("benchmarks", "results", f"{name}.json")


def split_at_dashes(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words before and after the first `--`; those after it go to the application."""
    words = list(arguments)
    return (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, [])


def print_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Writes columns: the first one left, the others right aligned."""
    shown = [[_show(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[column]) for row in shown) for column in range(len(header))]
    for index, row in enumerate(shown):
        print(
            "  ".join(cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths)))
        )
        if index == 0:
            print("  ".join("-" * width for width in widths))


def print_columns(rows: Sequence[dict[str, Any]]) -> None:
    """Writes a column for each row, headed by its first value: for rows of more numbers than there are rows."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    print_table([keys[0], *(row[keys[0]] for row in rows)], [[k, *(r.get(k) for r in rows)] for k in keys[1:]])


def save(output: Path, result: dict[str, Any]) -> None:
    """Writes a result as JSON, with the machine and the versions that made it."""
    output.parent.mkdir(parents=True, exist_ok=True)
    content = {**result, "made": time.strftime("%Y-%m-%d"), "machine": machine(), "versions": _versions()}
    output.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"\nwritten to {output}")


def save_section(output: Path, benchmark: str, name: str, section: dict[str, Any]) -> None:
    """Writes one section of a benchmark; those of runs before stay."""
    kept = json.loads(output.read_text(encoding="utf-8"))["sections"] if output.exists() else {}
    save(output, {"benchmark": benchmark, "sections": {**kept, name: section}})


def machine() -> dict[str, Any]:
    """What a time depends on. `load` is that of the last minute: near 0 before a run that can be trusted."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": platform.system(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            print(f"note: no package {package}", file=sys.stderr)
    return found


def _show(cell: Any) -> str:
    if isinstance(cell, float):
        return f"{cell:.4f}" if abs(cell) < 1 else f"{cell:,.2f}"
    if isinstance(cell, int) and not isinstance(cell, bool):
        return f"{cell:,}"
    return "-" if cell is None else str(cell)
