"""Sections of the configuration that every application has."""

from typing import Any, ClassVar, Literal, Self

from pydantic import model_validator

from common.config import ConfigModel, option
from common.config_options import Between
from common.spelling import did_you_mean, listed

# The names of `common.layers.by_name`, which this module cannot import: it would take seconds.
CellName = Literal[
    "simple_rnn",
    "gru",
    "lstm",
    "layer_norm_gru",
    "layer_norm_lstm",
    "slstm",
    "ind_rnn",
    "sru",
    "qrnn",
    "min_gru",
    "min_lstm",
    "rglru",
    "lru",
    "mlstm",
]


# Those whose state meets no matrix, from which a share of it could be dropped.
WITHOUT_RECURRENT_PRODUCT = ("ind_rnn", "sru", "qrnn", "min_gru", "min_lstm", "rglru", "lru", "mlstm")


class RecurrentConfig(ConfigModel):
    """What holds for the section `model` of an application that has `cell` and `recurrent_dropout`."""

    @model_validator(mode="after")
    def _state_can_be_dropped(self) -> Self:
        if self.recurrent_dropout and self.cell in WITHOUT_RECURRENT_PRODUCT:
            raise ValueError(
                f"model.recurrent_dropout is {self.recurrent_dropout:g}, but the state of model.cell {self.cell} meets no "
                "matrix that it could be dropped before; leave it at 0, or choose another cell, such as gru"
            )
        return self


class SourceConfig(ConfigModel):
    """What holds for the section `data` of every application, whose fields are its own: `source`, `name`, `path`,
    `validation_fraction` and `test_fraction` among them."""

    path_meaning: ClassVar[str] = "the file"  # of `path`, in a sentence
    bundled_names: ClassVar[
        tuple[str, ...]
    ] = ()  # of the sets that come with pip; none = the application checks `name`

    @model_validator(mode="before")
    @classmethod
    def _files_have_no_name(cls, values: Any) -> Any:
        # The set that a preset names would stand among the settings of a run that never saw it.
        if isinstance(values, dict) and values.get("source") == "files":
            return {name: value for name, value in values.items() if name != "name"}
        return values

    @model_validator(mode="after")
    def _bundled_set_is_known(self) -> Self:
        names = self.bundled_names
        if self.source == "bundled" and names and self.name not in names:
            sets = "set is" if len(names) == 1 else "sets are"
            raise ValueError(
                f"data.name is {self.name!r}, but the bundled {sets} {listed(names, 'and')}; "
                f"for a set of the catalogue add --data.source tfds{did_you_mean(self.name, names)}"
            )
        return self

    @model_validator(mode="after")
    def _path_goes_with_files(self) -> Self:
        if self.source == "files" and self.path is None:
            raise ValueError(f"data.source is files, so data.path must name {self.path_meaning}")
        if self.source != "files" and self.path is not None:
            raise ValueError(
                f"data.path is {self.path!r}, but data.source is {self.source}; "
                f"to read your own files add --data.source files"
            )
        return self

    @model_validator(mode="after")
    def _split_leaves_something(self) -> Self:
        if self.validation_fraction + self.test_fraction >= 1:
            raise ValueError(
                f"data.validation_fraction {self.validation_fraction:g} and data.test_fraction "
                f"{self.test_fraction:g} leave nothing to train on; their sum must be below 1"
            )
        return self


class TrainConfig(ConfigModel):
    """Optimisation, stopping and checkpoints."""

    epochs: int = option(5, "passes over the training data", unit="epochs", ge=1, le=100_000)
    batch_size: int = option(32, "examples in one step of gradient descent", unit="examples", ge=1, le=1_000_000)
    learning_rate: float = option(
        1e-3, "Adam's step size at its highest, after the warm-up", gt=0, le=10, tune=Between(3e-4, 2e-2, log=True)
    )
    schedule: Literal["constant", "cosine", "linear"] = option(
        "cosine", "how the learning rate goes on after the warm-up: stays, or falls to zero at the last step"
    )
    warmup_fraction: float = option(
        0.05,
        "share of all steps in which the learning rate rises from zero",
        unit="fraction of steps",
        ge=0,
        lt=1,
    )
    clip_norm: float = option(
        1.0,
        "longest gradient, over all weights together; longer ones are shortened; 0 = off",
        unit="L2 norm",
        ge=0,
    )
    weight_decay: float = option(
        0.0,
        "share of each weight removed per step, times the learning rate (AdamW); 0 = off",
        unit="fraction a step",
        ge=0,
        lt=1,
    )
    beta_1: float = option(
        0.9, "Adam's momentum: the memory of its running mean of gradients", unit="fraction kept a step", ge=0, lt=1
    )
    epsilon: float = option(
        1e-7,
        "Adam's epsilon: what is far below it counts as no gradient; about 1e-5 keeps rare words from being learned by heart",
        gt=0,
        lt=1,
    )
    weight_average: float = option(
        0.0,
        "momentum of the running mean of the weights that is used in the end; 0 = off, else about 0.999",
        unit="fraction kept a step",
        ge=0,
        lt=1,
    )
    patience: int = option(
        2, "stop after this many epochs without a better validation result; 0 = never", unit="epochs", ge=0
    )
    seed: int = option(0, "of the weights, the dropout and the order of the data", ge=0, le=2**32 - 1)
    jit_compile: bool = option(True, "compile the training step with XLA; an error if that is impossible")
    mixed_precision: bool = option(False, "compute in 16 bits where it is safe; worth it on a GPU only")
    checkpoint_every_steps: int = option(
        500, "steps between checkpoints, beside the one after every epoch; 0 = only those", unit="steps", ge=0
    )
    tensorboard: bool = option(True, "write logs for TensorBoard into the run directory")
