"""Verbs of an application in processes of their own: each gives its memory back, and may fail without harm to the rest.

Between `compare` or `tune` and the ordinary verbs, whose output goes into a log file.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

_STOPPING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
_KIB = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss


@dataclass(frozen=True)
class Usage:
    """What a process and those that it waited for took; None where the system does not say.

    Attributes:
        peak_bytes: Resident memory of the largest at its highest.
        cpu_seconds: Of all cores together; other work on the machine changes it less than the wall time.
    """

    peak_bytes: int | None = None
    cpu_seconds: float | None = None


UNKNOWN = Usage()


@dataclass(frozen=True)
class Ended:
    """A process that came to its end.

    Attributes:
        code: Its exit code; negative = the signal that ended it.
        seconds: Wall time from its start to its end.
        usage: What it took of the machine.
        sentence: Why it failed, for a person; empty if it did not.
    """

    code: int
    seconds: float
    usage: Usage
    sentence: str


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """While the block runs, SIGTERM and the end of the terminal are taken for Ctrl-C, so that no process is left behind.

    What the system was told to ignore, as `nohup` does, stays ignored.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in _STOPPING}
    changed = [number for number, handler in before.items() if handler is signal.SIG_DFL]
    for number in changed:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, before[number])


def run_verb(package: str, words: Sequence[str], log: Path, watch: Callable[[], bool] | None = None) -> Ended:
    """Runs `python -m PACKAGE WORDS` to its end.

    Args:
        package: The application's package, e.g. `apps.sentiment`.
        words: The verb and its options.
        log: What it writes to stdout and stderr is added to this file.
        watch: Asked every second; once it says so the process is stopped as by Ctrl-C.

    Raises:
        KeyboardInterrupt: After Ctrl-C, when the process has ended, too: a training first saves a checkpoint, unless Ctrl-C
            is pressed again.
    """
    started = time.monotonic()
    with open(log, "ab") as file:
        begins = file.tell()
        code, usage = run_process([sys.executable, "-m", package, *words], file, watch)
    return Ended(code, time.monotonic() - started, usage, "" if code == 0 else _why(code, log, begins))


def run_process(
    command: Sequence[str], output: IO[bytes] | None = None, watch: Callable[[], bool] | None = None
) -> tuple[int, Usage]:
    """Runs a command to its end, and returns its exit code and what it took.

    Args:
        command: Its words.
        output: Where its stdout and stderr go; None = where those of this process go.
        watch: See `run_verb`.

    Raises:
        KeyboardInterrupt: After Ctrl-C, which the command is told once, too, when it has ended; of a second one it is killed.
    """
    process = _start(command, output)
    try:
        if watch is not None:
            _watch(process, watch)
        return _ended(process)
    except BaseException:
        process.send_signal(signal.SIGINT)
        try:
            _ended(process)
        finally:
            process.kill()
        raise


def _start(command: Sequence[str], output: IO[bytes] | None) -> subprocess.Popen:
    # A job in the background ignores Ctrl-C, and a process would inherit that; this one must be told to stop.
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        # A session of its own: Ctrl-C on the terminal reaches it once, through `run_process`.
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
    finally:
        if ignored:
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _watch(process: subprocess.Popen, watch: Callable[[], bool]) -> None:
    """Returns when the process has ended or was told to."""
    while not _is_over(process):
        if watch():
            process.send_signal(signal.SIGINT)
            return
        time.sleep(1.0)


def _is_over(process: subprocess.Popen) -> bool:
    if not hasattr(os, "waitid"):
        return process.poll() is not None
    # Left to be waited for, which tells what it took.
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _ended(process: subprocess.Popen) -> tuple[int, Usage]:
    if process.returncode is not None or not hasattr(os, "wait4"):
        return process.wait(), UNKNOWN
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, Usage(usage.ru_maxrss * _KIB, round(usage.ru_utime + usage.ru_stime, 3))


def _why(code: int, log: Path, begins: int) -> str:
    if code == -signal.SIGKILL:
        return "it was killed, as the system does when memory runs out"
    if code < 0:
        return f"it was ended by {signal.Signals(-code).name}"
    with open(log, "rb") as file:
        file.seek(begins)
        lines = [line.strip() for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
    said = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (said or lines or [f"exit code {code}"])[-1]
