"""Threads that ask the model, and how many may wait for them."""

import asyncio
import concurrent.futures
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


class TooBusyError(Exception):
    """More requests wait than are allowed to."""


class Workers:
    """A thread pool with a bounded queue, so that the event loop stays free and a flood is refused early.

    Args:
        threads: Requests at work at a time. TensorFlow uses all cores for one request; more than a few
            threads only make every request slower.
        waiting: Requests that may wait beyond those.
    """

    def __init__(self, threads: int = 2, waiting: int = 64):
        self._limit = threads + waiting
        self._open = 0
        self._pool = concurrent.futures.ThreadPoolExecutor(threads, thread_name_prefix="predict")

    async def run(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Runs a function in a thread.

        Raises:
            TooBusyError: If the queue is full.
        """
        if self._open >= self._limit:
            raise TooBusyError(f"{self._open} requests are waiting already; try again later")
        self._open += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)
        # Counted until the thread is done with it, even if the client no longer waits.
        future.add_done_callback(self._finished)
        return await future

    def close(self) -> None:
        """Ends the threads after what is at work."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _finished(self, _: object) -> None:
        self._open -= 1
