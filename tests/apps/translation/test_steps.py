"""If these fail, the network that translates is another one than the network that was trained."""

import numpy as np
import pytest
import tensorflow as tf

from apps.translation.steps import StepwiseDecoder
from common.data.token_vocabulary import PAD_ID, START_ID
from common.layers.by_name import LAYERS
from tests.apps.translation.small_model import SENTENCES, make_config, make_network, make_preprocessor

CELLS = sorted(set(LAYERS) - {"qrnn"})  # which the configuration refuses
FORMS = ("conditional", "input_feeding", "bahdanau")
STEPS = 5


@pytest.fixture(scope="module")
def shared():
    return make_preprocessor(make_config())


@pytest.fixture(scope="module")
def separate():
    return make_preprocessor(make_config(shared=False, unit="word"))


def compare(preprocessor, copies=1, **model):
    """Compares the logits of single steps with those of teacher forcing, and returns these."""
    network = make_network(make_config(model=model, shared=preprocessor.config.shared), preprocessor)
    source_ids = preprocessor(tf.constant(SENTENCES))["source_ids"]
    random = np.random.default_rng(1)
    targets = random.integers(3, preprocessor.target_size, (len(SENTENCES), STEPS)).astype(np.int32)
    targets[:, 0] = START_ID
    whole = network({"source_ids": source_ids, "target_inputs": tf.constant(targets)}).numpy()
    step, *parts = StepwiseDecoder(network).start(source_ids)
    state, context = tf.nest.map_structure(lambda each: tf.repeat(each, copies, axis=0), parts)
    found = []
    for index in range(STEPS):
        logits, state = step(tf.repeat(targets[:, index], copies), state, context)
        found.append(logits.numpy()[::copies])
    looked = state["attention_sum"].numpy()[::copies]
    np.testing.assert_allclose(looked.sum(axis=1), STEPS, rtol=1e-5)
    assert not looked[source_ids.numpy() == PAD_ID].any(), "it looked at padding"
    found = np.stack(found, axis=1)
    assert found.shape == whole.shape and found.dtype == np.float32
    np.testing.assert_allclose(found, whole, atol=1e-4, rtol=1e-4)
    return whole


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("coverage", [False, True], ids=["", "coverage"])
@pytest.mark.parametrize("attention", ["additive", "multiplicative"])
def test_every_form_of_attention(shared, form, attention, coverage):
    whole = compare(shared, form=form, attention=attention, coverage=coverage)
    assert np.abs(np.diff(whole, axis=1)).max() > 0.1, "it does not read what came before"
    assert np.abs(whole[0] - whole[2]).max() > 0.1, "it does not read the source"


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell(shared, cell):
    compare(shared, cell=cell)


@pytest.mark.parametrize("form", FORMS)
def test_a_cell_with_two_states_in_every_form(shared, form):
    compare(shared, cell="lstm", form=form, encoder_layers=2, coverage=True)


@pytest.mark.parametrize("tied", ["none", "decoder", "all"])
def test_vectors_that_are_one_and_the_same(shared, tied):
    compare(shared, tied=tied, encoder_layers=2)


@pytest.mark.parametrize("tied", ["none", "decoder"])
def test_a_vocabulary_for_each_language(separate, tied):
    assert separate.source_size != separate.target_size or separate.source_model != separate.target_model
    assert compare(separate, tied=tied).shape[-1] == separate.target_size


def test_as_many_rows_as_a_beam_is_wide(shared):
    compare(shared, copies=3, form="input_feeding")
