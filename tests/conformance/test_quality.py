"""What each application declares for `compare` and `tune`. If these fail, a comparison ends without its table, or a search goes
the wrong way, after hours of training."""

import pytest

from common.quality import quality_of
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
