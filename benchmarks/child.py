"""Runs a command as a person would, in a process of its own, and measures the whole of it."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

MEBIBYTE = 2**20


@dataclass(frozen=True)
class Finished:
    """A command that ended well.

    Attributes:
        seconds: wall time from its start to its end.
        peak_bytes: resident memory at its highest, of the process or of one of its children, whichever had more.
        output: its stdout.
    """

    seconds: float
    peak_bytes: int
    output: str


def run(command: Sequence[str], echo: bool = True) -> Finished:
    """Runs a command to its end.

    Args:
        command: the words of it.
        echo: show its stdout while it runs; its stderr is always shown.

    Raises:
        SystemExit: with the exit code of the command, if that is not 0.
    """
    started, lines = time.perf_counter(), []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    for line in process.stdout:
        lines.append(line)
        if echo:
            print(line, end="", flush=True)
    # wait4 and not wait: the memory of this child alone, not of all that this program ever started.
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode:
        print(f"failed with exit code {process.returncode}: {' '.join(command)}", file=sys.stderr)
        raise SystemExit(process.returncode if process.returncode > 0 else 1)
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss counts bytes there and KiB elsewhere
    return Finished(seconds, usage.ru_maxrss * unit, "".join(lines))


def application(*words: str, app: str = "sentiment") -> list[str]:
    """The command `python -m apps.<app> ...` with the Python that runs this program."""
    return [sys.executable, "-m", f"apps.{app}", *words]


def padding_waste(output: str) -> float | None:
    """Share of padded steps among all, 0 to 1, as a training printed it."""
    found = re.search(r"^ +padding +([\d.]+)%", output, re.MULTILINE)
    return float(found[1]) / 100 if found else None
