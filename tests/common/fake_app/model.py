"""The model is a word."""


class Model:
    """Can be saved."""

    def save(self, path):
        """Writes one file."""
        path.write_text("a model")
