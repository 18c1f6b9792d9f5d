"""How long SavedModels take for one request, measured in turn so that what slows the machine slows all of them alike.

Run by `compare` as a program of its own, which gives the memory of the models back: paths by name come as JSON on stdin, and
milliseconds by name go as JSON to stdout.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from common.errors import UserError

WARM_UPS = 3
ROUNDS = 50  # at most; slow models get as many as fit into the seconds
SECONDS = 20.0  # of rounds, for each model


def inference_milliseconds(models: Mapping[str, Path]) -> dict[str, float]:
    """Returns the median time in milliseconds that each model takes to answer its own example, by name.

    Args:
        models: Directories of exported models by name; each has an example with it.

    Raises:
        RuntimeError: If a model does not answer.
    """
    asked = json.dumps({name: str(path) for name, path in models.items()})
    done = subprocess.run([sys.executable, "-m", __name__], input=asked, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the exported models could not be asked: {done.stderr.strip()[-2_000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(models: Mapping[str, str]) -> dict[str, float]:
    """The same in this process, with the models loaded side by side."""
    from common.saved_model import DEFAULT_ENDPOINT, load
    from common.server.tensors import ROW, read_inputs

    loaded, inputs = {}, {}
    for name, path in models.items():
        loaded[name] = load(path)
        example = loaded[name].example()
        if example is None:
            raise UserError(f"{path} has no example with it; export the run again")
        signature = loaded[name].signature(DEFAULT_ENDPOINT)
        _, inputs[name] = read_inputs({ROW: [example]}, signature.inputs, max_batch=1)

    def ask(name: str) -> float:
        started = time.perf_counter()
        loaded[name].run(DEFAULT_ENDPOINT, inputs[name])
        return time.perf_counter() - started

    slowest = max(max(ask(name) for _ in range(WARM_UPS)) for name in loaded)
    rounds = int(min(ROUNDS, max(3, SECONDS / slowest)))
    times: dict[str, list[float]] = {name: [] for name in loaded}
    names = list(loaded)
    for number in range(rounds):
        at = number % len(names)
        for name in names[at:] + names[:at]:  # each follows the same one, but none is always the first
            times[name].append(ask(name))
    return {name: round(1e3 * statistics.median(each), 4) for name, each in times.items()}


if __name__ == "__main__":
    json.dump(measure(json.load(sys.stdin)), sys.stdout)
