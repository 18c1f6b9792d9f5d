"""A training step with the allocator that keeps what was freed (`common/allocator.py`) beside the system's.

Steps of `fit` of the translation network of the preset `multi30k`, in new processes by turns, since TensorFlow chooses its
allocator once. `cpu` is the processor's time of all threads, `system` the part of it that the kernel took; a page fault is a
page of 4 KiB that the system had to hand out and fill with zeros. On a processor with AVX512_VNNI both are the same, unless
`TF_ENABLE_ONEDNN_OPTS=0` is set: there TensorFlow computes with oneDNN, which keeps freed memory itself.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time

from benchmarks import results
from common.allocator import VARIABLE

KINDS = {"kept": "true", "given back": "false"}
COLUMNS = ("step_ms", "cpu_ms", "system_ms", "page_faults", "peak_gib")


def main() -> int:
    parser = results.make_parser("allocator", __doc__)
    parser.add_argument("--rounds", type=int, default=5, help="processes of each")
    parser.add_argument("--steps", type=int, default=40, help="in a process, after the first ones")
    parser.add_argument("--measure", action="store_true", help="only measure this process, and print JSON")
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.steps)))
        return 0

    measured = {name: [] for name in KINDS}
    for _ in range(arguments.rounds):
        for name, value in KINDS.items():
            command = [sys.executable, "-m", "benchmarks.allocator", "--measure", "--steps", str(arguments.steps)]
            environment = os.environ | {VARIABLE: value}
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            measured[name].append(json.loads(done.stdout.splitlines()[-1]))
    rows = [
        {"memory": name, **{key: statistics.median(each[key] for each in found) for key in COLUMNS}}
        for name, found in measured.items()
    ]
    ratios = {
        key: statistics.median(old[key] / new[key] for new, old in zip(*measured.values()))
        for key in ("step_ms", "cpu_ms")
    }
    results.print_table(["memory", *COLUMNS], [list(row.values()) for row in rows])
    print(f"\ngiven back / kept: {ratios['step_ms']:.2f} of the time, {ratios['cpu_ms']:.2f} of the processor's")
    results.save(arguments.output, {"benchmark": "allocator", "rows": rows, "ratios": ratios})
    return 0


def measure(steps: int) -> dict[str, float]:
    """What a step of this process takes, the mean of so many."""
    from benchmarks import translation_parts as parts
    from benchmarks.fit_steps import training_steps

    network = parts.network_of(6_000, parts.configured(128, 256))
    take = training_steps(network, parts.batch_of(48, 20, 21, 6_000), steps)
    take()
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    take()
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss counts bytes there and KiB elsewhere
    return {
        "step_ms": 1e3 * seconds / steps,
        "cpu_ms": 1e3 * (user + system) / steps,
        "system_ms": 1e3 * system / steps,
        "page_faults": (after.ru_minflt - before.ru_minflt) / steps,
        "peak_gib": after.ru_maxrss * unit / 2**30,
    }


if __name__ == "__main__":
    sys.exit(main())
