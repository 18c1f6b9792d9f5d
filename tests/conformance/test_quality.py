"""What each application declares for `compare` and `tune`. If these fail, a comparison ends without its table, or a search goes
the wrong way, after hours of training."""

import importlib

import pytest

from common.cli import parse
from common.config_options import AnyOf, options_of
from common.quality import quality_of
from common.tuning.space import space_of, with_values
from tests.command_line import REPOSITORY
from tests.conformance.apps import APPS

# Of the fixed names of metrics, those of which less is better.
LESS = {"log_loss", "expected_calibration_error", "mse", "mae", "smape", "mase", "wql", "perplexity", "nats_per_note"}


@pytest.fixture(params=APPS, ids=lambda app: app.name)
def app(request):
    return request.param


def test_what_models_are_compared_by_is_a_metric(app):
    quality = quality_of(app.package)
    assert set(quality.metrics) <= set(app.metrics) and len(set(quality.metrics)) == len(quality.metrics)
    assert quality.mode == ("min" if quality.metric in LESS else "max")


def test_what_stops_a_bad_trial_is_what_the_training_watches(app):
    source = (REPOSITORY / "apps" / app.name / "train.py").read_text("utf-8")
    assert f'monitor="{quality_of(app.package).monitor}"' in source


def test_what_tune_looks_through_is_valid_and_holds_the_default(app):
    """Else every other trial fails, or the search never tries what everybody uses."""
    module = importlib.import_module(f"{app.package}.config")
    command = parse(app.name, app.package, module.Config, module.PRESETS, ["tune"])
    space, options = space_of(command), options_of(module.Config)
    assert {"train.learning_rate", "model.units", "model.cell"} <= set(space)
    for path, values in space.items():
        default = options[path].default
        if isinstance(values, AnyOf):
            assert default in values.values and len(values.values) > 1, path
        else:
            assert values.low <= default <= values.high, path
            assert values.low > 0 or not values.log, path
            assert options[path].is_plain_number, path


def test_the_largest_and_the_smallest_values_go_together(app):
    module = importlib.import_module(f"{app.package}.config")
    command = parse(app.name, app.package, module.Config, module.PRESETS, ["tune"])
    space = space_of(command)
    for end in (0, -1):
        with_values(
            command,
            {path: v.values[end] if isinstance(v, AnyOf) else (v.low, v.high)[end] for path, v in space.items()},
        )
