"""If these fail, the picture of the gradient is of another cell or of other pieces than those of the model."""

import json

import numpy as np
import pytest

from apps.music.diagnose import diagnose
from tests.apps.music.small_music import make_config, make_network, make_preprocessor, make_splits


@pytest.mark.parametrize("kind", ["voices", "chord", "events"])
def test_the_cell_of_the_model_stands_beside_a_simple_one(kind, tmp_path):
    overrides = {"model.cell": "lstm", "preprocessing.chord": kind != "voices"}  # which means nothing to events
    config = make_config(overrides, kind == "events")
    splits = make_splits(kind == "events")
    preprocessor = make_preprocessor(config, splits.train)
    network = make_network(config, preprocessor, scale=0.1)
    found = {}
    for name, model in (("trained", network), ("untrained", None)):
        (tmp_path / name).mkdir()
        found[name] = diagnose(config, tmp_path / name, splits, preprocessor, model)
        assert list(found[name]) == [f"lstm ({name})", "simple_rnn (untrained)"]
        drawn = json.loads((tmp_path / name / "gradient_through_time.json").read_text())
        assert list(drawn) == list(found[name])
        assert (tmp_path / name / "gradient_through_time.png").stat().st_size > 0
    one, other = (next(iter(each.values()))["norms"] for each in found.values())
    assert len(one) == len(other) > 20 and np.isfinite(one).all() and not np.allclose(one, other)


def test_an_untrained_simple_cell_needs_no_other_beside_it(tmp_path):
    config = make_config({"model.cell": "simple_rnn"})
    splits = make_splits()
    preprocessor = make_preprocessor(config, splits.train)
    assert list(diagnose(config, tmp_path, splits, preprocessor)) == ["simple_rnn (untrained)"]
