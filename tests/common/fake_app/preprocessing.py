"""Counts words that are not there."""

import json
from pathlib import Path


class Preprocessor:
    """Remembers how often it was adapted."""

    adapted = 0  # over the whole process, so that a test sees a second adaptation

    def __init__(self, config):
        self.config = config

    @classmethod
    def from_config(cls, config):
        """Takes the whole configuration, as every application's does."""
        return cls(config)

    def adapt(self, examples):
        """Learns nothing."""
        Preprocessor.adapted += 1

    def save(self, directory):
        """Writes one file."""
        Path(directory, "words.json").write_text(json.dumps(["a", "b"]))

    @classmethod
    def load(cls, directory):
        """Reads it back."""
        json.loads(Path(directory, "words.json").read_text())
        return cls(None)
