"""The table of applications: one row each. A new application joins all checks of `test_apps.py` by adding its row."""

from dataclasses import dataclass


@dataclass(frozen=True)
class App:
    """What the checks have to know of an application beyond the contract.

    Attributes:
        name: As in `apps/<name>` and `saved_models/<name>`.
        metrics: The fixed names of its metrics, in their order.
        baselines: At least the naive one and the strong simple one.
        pictures: Files in `pictures/` after a training, without `.png`.
        inputs: Raw examples for `predict`, of different lengths, the first one short and harmless.
        tiny: Arguments of `train` beside `--preset tiny`; with them the whole training takes seconds.
        endpoints: What the SavedModel answers, beside `serving_default`.
        explains: Whether `predict --explain` works.
    """

    name: str
    metrics: tuple[str, ...]
    baselines: tuple[str, ...]
    pictures: tuple[str, ...]
    inputs: tuple[str, ...]
    tiny: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    explains: bool = False

    @property
    def package(self) -> str:
        return f"apps.{self.name}"


APPS = [
    App(
        name="sentiment",
        metrics=("accuracy", "macro_f1", "roc_auc", "expected_calibration_error", "log_loss"),
        baselines=("majority", "nbsvm"),
        pictures=("calibration", "confusion", "training"),
        inputs=(
            "A good film.",
            "Two hours I will never get back, and not one of them was funny.",
            "",
            "Ünïcode’s “fine”<br />here 日本語 🎬",
            "long and dull, " * 60,
        ),
        endpoints=("explain",),
        explains=True,
    )
]
