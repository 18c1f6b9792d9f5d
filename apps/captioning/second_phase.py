"""Where the second phase of a training, `self_critical`, leaves its files, and with what it began."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from common.console import get_console
from common.files import write_json
from common.runs import Run

NAME = "self_critical"


@dataclass(frozen=True)
class SecondPhase(Run):
    """A run, with places of their own for the checkpoints, the history and the logs of its second phase."""

    @classmethod
    def of(cls, run: Run) -> "SecondPhase":
        return cls(run.path, run.app)

    @property
    def folder(self) -> Path:
        return self.path / NAME

    @property
    def history_path(self) -> Path:
        return self.folder / "history.csv"

    @property
    def checkpoints_path(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def logs_path(self) -> Path:
        return self.path / "logs" / NAME  # TensorBoard shows them beside those of the first

    def begin(self, epoch: int) -> None:
        """Notes the epoch of the first phase that this one goes on from, and removes what went on from another one.

        A run that is resumed for more epochs may have found better weights, and ends as if it had had them at once.
        """
        path = self.folder / "begun.json"
        try:
            begun = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            begun = None
        if begun == {"epoch": epoch}:
            return
        if self.folder.exists():
            get_console().line(f"  self-critical training begins anew, from epoch {epoch} of the training before it")
            shutil.rmtree(self.folder)
            shutil.rmtree(self.logs_path, ignore_errors=True)
        self.folder.mkdir()
        write_json(path, {"epoch": epoch})
