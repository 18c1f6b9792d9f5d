"""The verbs and their own options, as data; `common.cli_parser` makes parsers and help from them.

What `predict` takes depends on the application, so its module `predict` adds to it.
"""

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from common.config_options import show
from common.errors import UserError
from common.spelling import did_you_mean, listed


def whole_number(ge: int, le: int | None = None) -> Callable[[str, str], int]:
    """Returns a converter of a flag's text to a whole number between `ge` and `le`."""
    bounds = f"of at least {ge}" if le is None else f"from {ge} to {le}"

    def convert(flag: str, text: str) -> int:
        value = int(text) if re.fullmatch(r"[+-]?\d{1,18}", text.strip()) else None
        if value is None or value < ge or (le is not None and value > le):
            raise UserError(f"--{flag} is {show(text)}, but must be a whole number {bounds}")
        return value

    return convert


def number(ge: float, le: float, *, above: bool = False) -> Callable[[str, str], float]:
    """Returns a converter of a flag's text to a number from `ge`, or with `above` only above it, to `le`."""
    bounds = f"above {ge:g} and at most {le:g}" if above else f"from {ge:g} to {le:g}"

    def convert(flag: str, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not ge <= value <= le or (above and value == ge):
            raise UserError(f"--{flag} is {show(text)}, but must be a number {bounds}")
        return value

    return convert


@dataclass(frozen=True)
class Flag:
    """An option of a verb that is no setting of the configuration.

    Attributes:
        name: Without the dashes.
        meaning: For the help.
        placeholder: What stands for the value in the help; empty for a switch.
        default: Its value when it is not given.
        unit: What the number counts.
        required: Whether the verb needs it.
        choices: The valid values when only a few are.
        convert: Makes the value of the name and the text; None = the text itself.
    """

    name: str
    meaning: str
    placeholder: str = ""
    default: Any = None
    unit: str | None = None
    required: bool = False
    choices: tuple[str, ...] = ()
    convert: Callable[[str, str], Any] | None = None


@dataclass(frozen=True)
class Verb:
    """One verb of the command line.

    Attributes:
        name: As typed; also the name of the function in `common.verbs`.
        meaning: One line for the help.
        flags: Its own options.
        takes_config: Whether it takes --preset, --config and the settings.
        arguments: Placeholder of the arguments without dashes; empty if it takes none.
        example: What may follow the verb and its required options.
    """

    name: str
    meaning: str
    flags: tuple[Flag, ...] = ()
    takes_config: bool = False
    arguments: str = ""
    example: tuple[str, ...] = ()


_RUN = Flag("run", "the run directory, e.g. runs/{app}/20260101-120000", "DIR", required=True)
_MODEL = Flag(
    "model",
    "an exported model, e.g. saved_models/{app}, which means its newest version",
    "DIR",
    required=True,
)
_JSON = Flag("json", "end with the result as one line of JSON on stdout; everything else goes to stderr", default=False)
_RUNS = Flag("runs", "the folder of all runs", "DIR", "runs")
_SAVED_MODELS = Flag("saved_models", "the folder of all exported models", "DIR", "saved_models")
_HOST = Flag("host", "the address to listen on; 0.0.0.0 = reachable from other machines", "ADDRESS", "127.0.0.1")
_CONFIG_FLAGS = (
    Flag("preset", "a named set of settings, below", "NAME"),
    Flag("config", "a YAML file of settings, such as the config.yaml of a run", "FILE"),
)

# Of the page in the browser, for one application and for all of them.
PAGE_FLAGS = (
    _HOST,
    Flag("port", "the port to listen on; 0 = any free one", "INT", 7860, convert=whole_number(0, 65535)),
    Flag("max_upload_bytes", "larger files are refused", "INT", 1 << 24, "bytes", convert=whole_number(1)),
)

VERBS = (
    Verb(
        "train",
        "data, fit, evaluate, export: everything in one go",
        (
            *_CONFIG_FLAGS,
            Flag("name", "name of the run; none = the time", "NAME"),
            Flag(
                "resume",
                "continue an interrupted run with its own settings; --train.epochs may be raised",
                "DIR",
            ),
            Flag(
                "until",
                "where to stop; after train there are no metrics and no export yet, which --resume adds",
                "STAGE",
                "export",
                choices=("train", "export"),
            ),
            _RUNS,
            _SAVED_MODELS,
            _JSON,
        ),
        takes_config=True,
    ),
    Verb(
        "evaluate",
        "measure a trained run on a split, beside baselines",
        (
            _RUN,
            Flag("split", "which examples", "SPLIT", "test", choices=("test", "validation", "train")),
            _JSON,
        ),
    ),
    Verb(
        "export",
        "write a trained run as a SavedModel, or as a file of another format, and verify it",
        (
            _RUN,
            Flag(
                "format",
                "saved_model, or litert or onnx: what of the model is numbers alone, see docs/export_formats.md",
                "FORMAT",
                "saved_model",
                choices=("saved_model", "litert", "onnx"),
            ),
            Flag(
                "quantize",
                "of litert: float16 = weights in half the size; dynamic = kernels in 8 bits",
                "HOW",
                "none",
                choices=("none", "float16", "dynamic"),
            ),
            _SAVED_MODELS,
            Flag("exports", "the folder of all files of other formats", "DIR", "exports"),
            _JSON,
        ),
    ),
    Verb(
        "predict",
        "answer for new inputs; needs the exported model only",
        (
            _MODEL,
            Flag("json", "the answers as lines of JSON on stdout, for machines", default=False),
        ),
    ),
    Verb(
        "serve",
        "answer over HTTP in TensorFlow Serving's form",
        (
            _MODEL,
            _HOST,
            Flag("port", "the port to listen on; 0 = any free one", "INT", 8501, convert=whole_number(0, 65535)),
            Flag(
                "max_body_bytes",
                "larger requests are refused",
                "INT",
                1 << 24,
                "bytes",
                convert=whole_number(1),
            ),
            Flag(
                "max_batch",
                "requests with more examples are refused",
                "INT",
                128,
                "examples",
                convert=whole_number(1),
            ),
        ),
    ),
    Verb("demo", "show the model on a page in the browser; needs the exported model only", (_MODEL, *PAGE_FLAGS)),
    Verb(
        "diagnose",
        "draw the size of the gradient through time, for the chosen cell beside a simple one",
        (
            Flag("run", "a trained run to look at; none = an untrained model of the settings", "DIR"),
            *_CONFIG_FLAGS,
            Flag(
                "pictures",
                "without --run, the folder in which the picture gets a folder of its own; none = pictures",
                "DIR",
            ),
            _JSON,
        ),
        takes_config=True,
    ),
    Verb(
        "compare",
        "train several configurations with the same budget and put them beside each other",
        (
            *_CONFIG_FLAGS,
            Flag("cells", "recurrent cells to compare; the same as --vary model.cell=A,B", "A,B,..."),
            Flag(
                "vary",
                "settings and their values, every combination of which is compared: "
                "'model.units=64,128;train.learning_rate=1e-3,3e-3'",
                "SETTING=A,B;...",
            ),
            Flag("configs", "whole configurations to compare, as YAML files, instead of --config", "FILE,FILE,..."),
            Flag(
                "seeds",
                "trainings of each, whose seeds count up from train.seed",
                "INT",
                3,
                convert=whole_number(1, 100),
            ),
            Flag("name", "name of the comparison; none = after what is compared", "NAME"),
            _RUNS,
            _JSON,
        ),
        takes_config=True,
    ),
    Verb(
        "tune",
        "search for settings by their quality on validation data",
        (
            *_CONFIG_FLAGS,
            Flag(
                "trials",
                "trials in all, those of earlier commands included",
                "INT",
                20,
                convert=whole_number(1, 10_000),
            ),
            Flag(
                "timeout",
                "begin no trial after this time; none = no limit",
                "NUMBER",
                None,
                "seconds",
                convert=number(0, 1e9, above=True),
            ),
            Flag(
                "search",
                "what to look through instead of what the configuration declares: "
                "'model.units=64..256:log;model.cell=gru,lstm'",
                "SETTING=RANGE;...",
            ),
            Flag("seeds", "trainings of each trial, whose mean counts", "INT", 1, convert=whole_number(1, 100)),
            Flag("no_pruning", "train every trial to its end, also those that fall behind", default=False),
            Flag("name", "name of the search", "NAME", "tune"),
            _RUNS,
            _JSON,
        ),
        takes_config=True,
    ),
    Verb("config", "print the effective settings as YAML", _CONFIG_FLAGS, takes_config=True),
)


def verb_of(verb: Verb, package: str) -> Verb:
    """Returns a verb as an application has it: `predict` with what its module `predict` adds.

    Args:
        verb: One of `VERBS`.
        package: The application's package, e.g. `apps.sentiment`. Its `predict.py` exports `FLAGS`, `ARGUMENTS` and
            `EXAMPLE`, in whose words `{run}` stands for a run directory, and imports nothing that takes time.
    """
    if verb.name != "predict":
        return verb
    module = importlib.import_module(f"{package}.predict")
    first, *others = verb.flags
    flags = (first, *module.FLAGS, *others)
    return replace(verb, flags=flags, arguments=module.ARGUMENTS, example=module.EXAMPLE)


def read_flags(verb: Verb, given: Mapping[str, Any], app: str = "") -> dict[str, Any]:
    """Returns the verb's own options by name, converted and with defaults.

    Args:
        verb: Whose options they are.
        given: Text by option.
        app: Name of the application, for the examples in what is said of a missing option.

    Raises:
        UserError: For a missing option or a value that is none of the choices.
    """
    values = {}
    for flag in verb.flags:
        value = given.get(f"--{flag.name}", flag.default)
        if flag.required and value is None:
            raise UserError(f"{verb.name} needs --{flag.name} {flag.placeholder}, {flag.meaning.replace('{app}', app)}")
        if flag.choices and value not in flag.choices:
            guess = did_you_mean(value, flag.choices)
            raise UserError(f"--{flag.name} is {show(value)}, but must be {listed(flag.choices)}{guess}")
        if flag.convert is not None and isinstance(value, str):
            value = flag.convert(flag.name, value)
        values[flag.name] = value
    return values
