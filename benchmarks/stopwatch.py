"""Times of things that are compared: in turns, so that a busy moment of the machine hits all of them."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Times:
    """Seconds of one step.

    Attributes:
        first: of the first call, in which it is traced and compiled.
        median: of the calls after it.
        minimum: of the same.
    """

    first: float
    median: float
    minimum: float


def alternating_times(steps: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Times]:
    """Times of each step.

    Args:
        steps: name to a function that returns only when its work is done. Each is called once before the rounds,
            which is when XLA compiles.
        rounds: how often each is timed; all of them once in each round.
    """
    times = alternating_seconds(steps, rounds)
    return {name: Times(first, statistics.median(later), min(later)) for name, (first, *later) in times.items()}


def alternating_seconds(steps: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each call: the first, before the rounds, then one of each round; arguments as those of `alternating_times`."""
    times = {name: [_seconds(step)] for name, step in steps.items()}
    gc.disable()
    try:
        for _ in range(rounds):
            for name, step in steps.items():
                times[name].append(_seconds(step))
    finally:
        gc.enable()
    return times


def alternating_medians(steps: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each step; arguments as those of `alternating_times`."""
    return {name: times.median for name, times in alternating_times(steps, rounds).items()}


def _seconds(step: Callable[[], object]) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started
