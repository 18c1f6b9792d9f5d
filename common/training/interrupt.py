"""Ctrl-C ends a training between two steps, where a checkpoint is exact, instead of anywhere."""

import os
import signal
import threading
from types import FrameType


class Interrupt:
    """While the block runs, the first Ctrl-C only sets `requested`; the second stops at once.

    In a thread other than the main one, which gets no signals, nothing changes.

    Attributes:
        requested: Whether Ctrl-C was pressed.
    """

    def __init__(self):
        self.requested = False
        self._previous = None

    def __enter__(self) -> "Interrupt":
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *exception) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _note(self, signal_number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        # print() is not safe here: the signal may have come in the middle of another print().
        os.write(2, b"\nsaving a checkpoint after this step; Ctrl-C again stops at once\n")
