"""The finished runs of a benchmark that trains many times, kept in a file, so that it goes on where it was interrupted."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import results


class MeasuredRuns:
    """The finished runs of one preset and its settings, among those of others in a JSON file.

    Args:
        benchmark: its name.
        output: the file; it need not exist.
        data: the files that it reads; runs on others are not continued.
        preset: of the application.
        settings: words of its command line.

    Attributes:
        runs: what was measured, one dictionary for each run.
    """

    def __init__(self, benchmark: str, output: Path, data: Sequence[Path], preset: str, settings: Sequence[str]):
        self._benchmark, self._output = benchmark, output
        self._others = json.loads(output.read_text(encoding="utf-8"))["measured"] if output.exists() else []
        digest = hashlib.sha256()
        for path in data:
            digest.update(path.read_bytes())
        self._which = {"preset": preset, "settings": list(settings), "data_sha256": digest.hexdigest()}
        same = [each for each in self._others if {key: each[key] for key in self._which} == self._which]
        self._others = [each for each in self._others if each not in same]
        self.runs: list[dict[str, Any]] = same[0]["runs"] if same else []

    def find(self, **values: Any) -> dict[str, Any] | None:
        """The run that has these values, if it is done."""
        return next((run for run in self.runs if values.items() <= run.items()), None)

    def save(self) -> None:
        measured = [*self._others, {**self._which, "runs": self.runs}]
        results.save(self._output, {"benchmark": self._benchmark, "measured": measured})
