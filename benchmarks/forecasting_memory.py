"""The memory of preparing windows of so many rows and training on some of them, in a process of its own.

`python -m benchmarks.forecasting_memory ROWS STEPS` makes the table in memory, as a reader would have left it, adapts the
preprocessor, cuts windows and takes training steps. The network is small, so that its own memory does not hide that of the rows.
"""

import sys

from benchmarks import child

COLUMNS = 7
LOOK_BACK, HORIZON, UNITS, BATCH = 96, 96, 32, 256


def memory(rows_of_tables: list[int], steps: int) -> list[dict]:
    """Rows of the section: the peak of the process, beside the size of the table and its times."""
    found = []
    for rows in rows_of_tables:
        words = [sys.executable, "-m", "benchmarks.forecasting_memory", str(rows), str(steps)]
        table, peak = (
            8 * (COLUMNS + 1) * rows / child.MEBIBYTE,
            child.run(words, echo=False).peak_bytes / child.MEBIBYTE,
        )
        windows = (rows - LOOK_BACK - HORIZON + 1) * (LOOK_BACK + HORIZON) * COLUMNS * 4 / child.MEBIBYTE
        found.append(
            {
                "rows": rows,
                "table_mib": table,
                "peak_mib": peak,
                "peak_minus_table_mib": peak - table,
                "all_windows_mib": windows,
            }
        )
    return found


def main() -> int:
    from benchmarks import forecasting_steps as parts

    rows, steps = map(int, sys.argv[1:])
    config = parts.configured(LOOK_BACK, HORIZON, UNITS, BATCH)
    preprocessor, windows = parts.prepared(config, parts.random_walk(rows, COLUMNS, times=True))
    network = parts.segrnn(config, preprocessor)
    network.fit(windows.dataset(), steps_per_epoch=steps, epochs=1, verbose=0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
