"""The mLSTM across chunks, which the battery's short sequences do not reach. If it fails, long sequences are read wrongly."""

import numpy as np
import pytest

from common.layers import LRU, MLSTM, QRNN
from common.layers.mlstm import CHUNK


@pytest.mark.parametrize("time", [CHUNK, CHUNK + 1])
@pytest.mark.parametrize("go_backwards", [False, True])
def test_chunks_give_what_single_steps_give(time, go_backwards):
    random = np.random.default_rng(0)
    layer = MLSTM(4, heads=2, return_sequences=True, return_state=True, go_backwards=go_backwards)
    layer.build((None, None, 3))
    layer.set_weights([random.normal(size=weight.shape) for weight in layer.get_weights()])
    sequence, mask = random.normal(size=(2, time, 3)).astype("float32"), random.random((2, time)) < 0.7
    output, *last = layer(sequence, mask=mask)
    states, expected = [np.zeros((2, size), "float32") for size in layer.cell.state_sizes], []
    for step in range(time)[:: -1 if go_backwards else 1]:
        new = layer.cell(sequence[:, step], states)[1]
        states = [np.where(mask[:, step, None], after, before) for after, before in zip(new, states, strict=True)]
        expected.append(states[0])
    for actual, other in zip([output, *last], [np.stack(expected, axis=1), *states], strict=True):
        np.testing.assert_allclose(np.asarray(actual), other, rtol=1e-3, atol=1e-3 * np.abs(other).max())


@pytest.mark.parametrize("layer", [MLSTM, LRU])
def test_states_that_belong_together_take_no_zoneout(layer):
    with pytest.raises(ValueError, match="zoneout"):
        layer(4, zoneout=0.1)


def test_the_window_of_a_convolution_takes_no_zoneout():
    assert QRNN(4, zoneout=0.1).zoneout == [0.1, 0.1, 0.0]
    with pytest.raises(ValueError, match="zoneout"):
        QRNN(4, zoneout=[0.1, 0.1, 0.1])
