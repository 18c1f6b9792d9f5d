"""What a user loses without this: logits in 16 bits, whose softmax cannot tell 0.998 from 1."""

import keras
import pytest

from common.training.precision import require_float32_outputs, set_precision


@pytest.fixture(autouse=True)
def restore_policy():
    policy = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(policy)


def test_layers_compute_in_bfloat16_and_keep_their_weights_and_logits_in_float32():
    set_precision(True)
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(4)
    narrow = keras.Model(inputs, hidden(inputs))
    assert narrow.output.dtype == "bfloat16" and hidden.kernel.dtype == "float32"
    with pytest.raises(ValueError, match='dtype="float32"'):
        require_float32_outputs(narrow)
    require_float32_outputs(keras.Model(inputs, keras.layers.Dense(2, dtype="float32")(narrow.output)))
    set_precision(False)
    assert keras.layers.Dense(4).compute_dtype == "float32"
