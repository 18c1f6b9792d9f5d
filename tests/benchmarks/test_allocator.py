"""The benchmark of the allocator: what it asks each process for, and what it makes of the answers."""

import json
import subprocess
import sys

import pytest

from benchmarks import allocator


def answer(step_ms):
    return {"step_ms": step_ms, "cpu_ms": 2 * step_ms, "system_ms": 1.0, "page_faults": 0.0, "peak_gib": 1.0}


def test_both_are_measured_by_turns_and_compared_round_by_round(monkeypatch, tmp_path):
    asked, times = [], iter([100, 150, 200, 400])

    def run(command, env, **options):
        asked.append((command[3:], env[allocator.VARIABLE]))
        return subprocess.CompletedProcess(command, 0, "a line before\n" + json.dumps(answer(next(times))) + "\n")

    monkeypatch.setattr(allocator.subprocess, "run", run)
    output = tmp_path / "allocator.json"
    monkeypatch.setattr(sys, "argv", ["allocator", "--rounds", "2", "--steps", "3", "--output", str(output)])
    assert allocator.main() == 0
    assert asked == [(["--measure", "--steps", "3"], value) for value in ("true", "false") * 2]
    found = json.loads(output.read_text(encoding="utf-8"))
    assert [row["step_ms"] for row in found["rows"]] == [150, 275]
    assert found["ratios"] == {"step_ms": pytest.approx(1.75), "cpu_ms": pytest.approx(1.75)}


@pytest.mark.slow
def test_a_process_measures_itself():
    found = allocator.measure(1)
    assert tuple(found) == allocator.COLUMNS and found["step_ms"] > 0 and found["peak_gib"] > 0.1
