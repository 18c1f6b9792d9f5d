"""What a user loses without these: the last good checkpoint, to a full disk, a kill or a wrong
configuration."""

import shutil

import keras
import numpy as np
import pytest

from common.errors import UserError
from common.training import checkpoints as module
from common.training.checkpoints import Checkpoints, TrainingState
from common.training.optimizer import MeasuredAdam


def make_model(units=3):
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dropout(0.5)(keras.layers.Dense(units)(inputs)))
    model.compile(optimizer=MeasuredAdam(0.1), loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def everything(model):
    return [np.array(v.numpy()) for v in model.variables + model.optimizer.variables]


def test_a_restored_model_has_every_number_of_the_saved_one(tmp_path):
    model, other = make_model(), make_model()
    for variable in model.variables + model.optimizer.variables:
        variable.assign(np.full(variable.shape, 7, variable.dtype))
    store = Checkpoints(tmp_path, steps_per_epoch=10)
    state = TrainingState(epoch=1, step=4, best_value=0.1 + 0.2, best_epoch=1, history=[{"epoch": 1, "loss": 1 / 3}])
    assert store.save(model, state).name == "14"
    store.restore(other)
    for left, right in zip(everything(model), everything(other), strict=True):
        np.testing.assert_array_equal(left, right)
    assert store.load_state() == state
    # The state of the dropout's random generator is among them, which a .keras file leaves out.
    assert any("seed_generator" in variable.path for variable in model.variables)


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_save_that_fails_leaves_the_checkpoint_before_it(tmp_path, monkeypatch, failure):
    model, store = make_model(), Checkpoints(tmp_path, steps_per_epoch=10)
    store.save(model, TrainingState(step=1))

    def half(path, *arrays, **named):
        path.write_bytes(b"half of it")
        raise failure

    monkeypatch.setattr(module.np, "savez", half)
    with pytest.raises(UserError if isinstance(failure, OSError) else KeyboardInterrupt):
        store.save(model, TrainingState(step=2))
    assert [p.name for p in tmp_path.iterdir()] == ["1"]
    assert store.load_state().step == 1
    store.restore(model)


def test_what_a_killed_process_left_is_ignored_and_cleared_away(tmp_path):
    model, store = make_model(), Checkpoints(tmp_path, steps_per_epoch=10)
    store.save(model, TrainingState(step=1))
    shutil.copytree(tmp_path / "1", tmp_path / ".tmp-0123-99")
    (tmp_path / "best-7").mkdir()
    assert store.newest().name == "1"
    store.save(model, TrainingState(step=2))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1", "2"]


def test_the_best_weights_stay_as_long_as_a_checkpoint_needs_them(tmp_path):
    model, store, state = make_model(), Checkpoints(tmp_path, steps_per_epoch=10), TrainingState()
    for epoch, better in enumerate([True, False, True, False, False], start=1):
        state.epoch = epoch
        if better:
            model.layers[1].bias.assign(np.full(3, epoch, "float32"))
            state.best_directory = store.save_best(model, epoch * 10)
        store.save(model, state)
        if epoch == 3:
            # The older of the two checkpoints still needs the older best weights.
            assert sorted(p.name for p in tmp_path.iterdir()) == ["20", "30", "best-10", "best-30"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["40", "50", "best-30"]
    model.layers[1].bias.assign(np.zeros(3))
    store.restore_best(model, state)
    np.testing.assert_array_equal(model.layers[1].bias.numpy(), 3)


def test_a_checkpoint_of_another_model_is_refused_before_anything_is_changed(tmp_path):
    store, other = Checkpoints(tmp_path, steps_per_epoch=10), make_model(units=4)
    store.save(make_model(units=3), TrainingState(step=1))
    before = everything(other)
    with pytest.raises(UserError, match=r"shape \(2, 3\) where the model's .* has \(2, 4\); resume with the config"):
        store.restore(other)
    for left, right in zip(before, everything(other), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("name", ["variables.npz", "state.json"])
def test_a_damaged_file_is_named_with_the_way_out(tmp_path, name):
    model, store = make_model(), Checkpoints(tmp_path, steps_per_epoch=10)
    path = store.save(model, TrainingState(step=3)) / name
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(UserError, match=f"3/{name} is damaged or missing; remove the folder .*3 to continue"):
        store.load_state()
        store.restore(model)
