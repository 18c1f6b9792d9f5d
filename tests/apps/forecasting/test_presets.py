"""If these fail, a preset is not what its row in the page says."""

from apps.forecasting.config import PRESETS, Config
from apps.forecasting.windows import Windows
from common.config import resolve_config
from tests.apps.forecasting.made_series import adapted, splits, waves


def test_overfit_has_one_batch():
    """With more, a loss that stays up may be noise between batches instead of a bug."""
    config = resolve_config(Config, PRESETS, "overfit")
    made = splits(waves(rows=config.data.limit), config)
    size = (config.model.look_back, config.model.horizon)
    training = Windows(made.train, adapted(config, made.train), *size, config.train.batch_size, config.data.stride)
    assert training.steps_per_epoch == 1 and training.batch_size == training.count
