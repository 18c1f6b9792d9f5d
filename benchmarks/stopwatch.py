"""Times of things that are compared: in turns, so that a busy moment of the machine hits all of them."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping


def alternating_medians(steps: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each step.

    Args:
        steps: name to a function that returns only when its work is done. Each is called once before the
            clock runs, which is when XLA compiles.
        rounds: how often each is timed; all of them once in each round.
    """
    for step in steps.values():
        step()
    times = {name: [] for name in steps}
    gc.disable()
    try:
        for _ in range(rounds):
            for name, step in steps.items():
                started = time.perf_counter()
                step()
                times[name].append(time.perf_counter() - started)
    finally:
        gc.enable()
    return {name: statistics.median(values) for name, values in times.items()}
