"""Runs the applications as a person does: `python -m apps.<app> VERB ...` in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
# Much more than any test needs; a machine may be busy.
SECONDS = 600
# XLA does all that it does, but the machine code is not made fast: tests compile much and run little, and this takes a
# sixth off. What an export asks of a fresh process is compiled as for a person.
XLA_FLAGS = "--xla_backend_optimization_level=0"


def environment(**changes: str) -> dict[str, str]:
    """What a process of a test gets: this repository, and none of the settings that could change what it prints."""
    kept = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    ours = {"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1", "XLA_FLAGS": XLA_FLAGS}
    return kept | ours | changes


def start(app: str, *words: object, cwd: Path, **changes: str) -> subprocess.Popen:
    """Starts a command; stdout and stderr are pipes of text.

    Args:
        app: Name of the application.
        words: The verb and its arguments.
        cwd: Where runs, exports and caches land.
        changes: Environment variables.
    """
    return subprocess.Popen(
        [sys.executable, "-m", f"apps.{app}", *map(str, words)],
        cwd=cwd,
        env=environment(**changes),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(app: str, *words: object, cwd: Path, code: int = 0, stdin: str = "", **changes: str) -> tuple[str, str]:
    """Runs a command to its end and returns stdout and stderr, after checking its exit code."""
    done = subprocess.run(
        [sys.executable, "-m", f"apps.{app}", *map(str, words)],
        cwd=cwd,
        env=environment(**changes),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == code, (
        f"{words} ended with {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    )
    return done.stdout, done.stderr


def run_python(code: str, *words: object, cwd: Path, isolated: bool = False, stdin: str = "") -> str:
    """Runs a piece of Python in a fresh process and returns its stdout.

    Args:
        code: The program.
        words: Its arguments.
        cwd: Its working directory.
        isolated: As a stranger runs it: without this repository.
        stdin: What it reads.
    """
    flags = ["-I"] if isolated else []
    done = subprocess.run(
        [sys.executable, *flags, "-c", code, *map(str, words)],
        cwd=cwd,
        env=environment(TF_CPP_MIN_LOG_LEVEL="3"),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout
