"""How long a person waits for `predict`, and how much of it the model needs.

The first number is wall time from the start of a fresh process to its end, after it has answered for one sentence; the
second that of one question to the same model, loaded and warm, in this process.
"""

import statistics
import sys
import time

from benchmarks import child, results
from common.errors import UserError
from common.saved_model import DEFAULT_ENDPOINT, load

TEXT = "Two hours I will never get back, and yet the ending moved me."


def main() -> int:
    parser = results.make_parser("predict_latency", __doc__)
    parser.add_argument("--model", required=True, help="an exported model, e.g. saved_models/sentiment")
    parser.add_argument("--processes", type=int, default=5, help="fresh processes, after one that warms the disk cache")
    parser.add_argument("--questions", type=int, default=200, help="questions to the loaded model")
    arguments = parser.parse_args()

    command = child.application("predict", "--model", arguments.model, TEXT)
    runs = [child.run(command, echo=not index) for index in range(arguments.processes + 1)][1:]
    try:
        model = load(arguments.model, "sentiment")
    except UserError as error:
        parser.error(str(error))
    for _ in range(10):
        model.call(DEFAULT_ENDPOINT, [TEXT])
    times = []
    for _ in range(arguments.questions):
        started = time.perf_counter()
        model.call(DEFAULT_ENDPOINT, [TEXT])
        times.append(time.perf_counter() - started)

    row = {
        "process_seconds": statistics.median(run.seconds for run in runs),
        "slowest_process_seconds": max(run.seconds for run in runs),
        "model_ms": 1e3 * statistics.median(times),
        "slowest_model_ms": 1e3 * max(times),
        "process_peak_mib": max(run.peak_bytes for run in runs) / child.MEBIBYTE,
    }
    results.print_table(
        ["one sentence", "median", "slowest"],
        [
            ["process start to answer, s", row["process_seconds"], row["slowest_process_seconds"]],
            ["in the model, ms", row["model_ms"], row["slowest_model_ms"]],
            ["memory of the process, MiB", None, row["process_peak_mib"]],
        ],
    )
    counts = {"processes": arguments.processes, "questions": arguments.questions}
    results.save(arguments.output, {"benchmark": "predict_latency", **counts, **row})
    return 0


if __name__ == "__main__":
    sys.exit(main())
