"""Two answers, taken in turn."""


class Splits:
    """Three times the same."""

    notes = ("a note",)
    cache = "the cache"

    def __init__(self, examples):
        self.train = self.validation = self.test = ["good", "bad"] * (examples // 2)

    def describe(self):
        """What a person wants to know first."""
        return {"train": f"{len(self.train)} examples from nowhere [really]", "answers": "bad, good"}


def load_splits(config):
    """Returns three splits."""
    return Splits(config.data.examples)
