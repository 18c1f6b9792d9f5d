"""If these fail, what is searched for is not what was trained, or the attention is not where the network looked."""

import numpy as np
import pytest
import tensorflow as tf

from apps.captioning.decoder import CaptionDecoder, unevenness
from common.data.token_vocabulary import END_ID, PAD_ID
from tests.apps.captioning.small_model import forced

PLACES, CHANNELS, VOCABULARY, BATCH, CAPTIONS, TIME = 9, 5, 17, 3, 2, 7
VARIANTS = [
    ("show_attend_tell", "lstm", True),
    ("show_attend_tell", "slstm", True),
    ("show_attend_tell", "gru", False),
    ("up_down", "lstm", True),
    ("up_down", "lru", False),
]


def made(form="show_attend_tell", cell="lstm", context_gate=True, **options):
    """A decoder whose weights are all different."""
    decoder = CaptionDecoder(VOCABULARY, cell, 8, 8, 6, form, context_gate, **options)
    decoder.build((None, PLACES, CHANNELS), (None, None, None))
    random = np.random.default_rng(0)
    decoder.set_weights([weight + random.normal(scale=0.5, size=weight.shape) for weight in decoder.get_weights()])
    return decoder


def asked(seed=1):
    """Features, and captions of different lengths: of the first picture one is missing."""
    random = np.random.default_rng(seed)
    ids = random.integers(4, VOCABULARY, (BATCH, CAPTIONS, TIME))
    lengths = random.integers(2, TIME, (BATCH, CAPTIONS))
    lengths[0, 1], lengths[1, 0] = 0, TIME
    ids[np.arange(TIME) >= lengths[..., None]] = PAD_ID
    return random.normal(size=(BATCH, PLACES, CHANNELS)).astype(np.float32), forced(ids)


@pytest.mark.parametrize(("form", "cell", "gate"), VARIANTS)
def test_one_token_at_a_time_is_as_the_whole_caption(form, cell, gate):
    decoder, (features, inputs) = made(form, cell, gate, lexicon=0.1 if gate else 0.0), asked()
    logits = decoder(features, inputs).numpy()
    assert logits.shape == (BATCH, CAPTIONS, TIME, VOCABULARY)
    step, *parts = decoder.start(tf.constant(features))
    state, context = tf.nest.map_structure(lambda each: tf.repeat(each, CAPTIONS, axis=0), parts)
    rows, found = inputs.reshape(-1, TIME), []
    for index in range(TIME):
        one, state = step(tf.constant(rows[:, index]), state, context)
        found.append(one.numpy())
    found = np.stack(found, axis=1).reshape(logits.shape)
    real = inputs != PAD_ID
    np.testing.assert_allclose(found[real], logits[real], atol=1e-4)
    assert found.dtype == np.float32


@pytest.mark.parametrize(("form", "cell", "gate"), [VARIANTS[index] for index in (1, 3, 4)])
def test_padding_and_neighbours_change_nothing(form, cell, gate):
    decoder, (features, inputs) = made(form, cell, gate, lexicon=0.1 if gate else 0.0), asked()
    real, logits = inputs != PAD_ID, decoder(features, inputs).numpy()
    wider = decoder(features, np.pad(inputs, [(0, 0), (0, 2), (0, 5)])).numpy()[:, :CAPTIONS, :TIME]
    np.testing.assert_allclose(wider[real], logits[real], atol=1e-5)
    alone = decoder(features[2:], inputs[2:, -1:]).numpy()[0, 0]
    np.testing.assert_allclose(alone[real[2, -1]], logits[2, -1][real[2, -1]], atol=1e-5)


@pytest.mark.parametrize("form", ["show_attend_tell", "up_down"])
def test_the_order_of_the_captions_is_theirs(form):
    decoder, (features, inputs) = made(form), asked()
    logits, turned = decoder(features, inputs).numpy(), decoder(features, inputs[:, ::-1]).numpy()
    np.testing.assert_allclose(turned[:, ::-1][inputs != PAD_ID], logits[inputs != PAD_ID], atol=1e-5)


@pytest.mark.parametrize("form", ["show_attend_tell", "up_down"])
def test_attention_is_spread_over_the_places_and_zero_behind_the_end(form):
    decoder, (features, inputs) = made(form), asked()
    for column in range(CAPTIONS):
        attention = decoder.attention(features, tf.constant(inputs[:, column])).numpy()
        assert attention.shape == (BATCH, TIME, PLACES) and attention.dtype == np.float32
        assert (attention >= 0).all()
        np.testing.assert_allclose(attention.sum(axis=2), inputs[:, column] != PAD_ID, atol=1e-5)
    assert attention[2, 0].std() > 1e-3, "it looks everywhere alike, so this shows nothing"


def test_unevenness_is_that_of_numpy():
    random = np.random.default_rng(0)
    attention = random.dirichlet(np.ones(4), (5, 6)).astype(np.float32)
    lengths = np.array([6, 3, 0, 1, 4])
    real = np.arange(6) < lengths[:, None]
    attention *= real[..., None]
    each = [
        np.mean([(1 - sum(attention[row, step, place] for step in range(6))) ** 2 for place in range(4)])
        for row in range(5)
        if lengths[row]
    ]
    assert float(unevenness(attention, real)) == pytest.approx(np.mean(each), rel=1e-5)
    assert float(unevenness(attention * 0, real & False)) == 0


def test_the_loss_asks_that_every_place_is_looked_at():
    features, inputs = asked()
    decoder = made(doubly_stochastic=0.7)
    decoder(features, inputs, training=True)
    attention = np.stack(
        [decoder.attention(features, tf.constant(inputs[:, column])).numpy() for column in range(CAPTIONS)], axis=1
    )
    real = (inputs != PAD_ID).any(axis=2)
    uneven = ((1 - attention.sum(axis=2)) ** 2).mean(axis=2)
    (loss,) = decoder.losses
    assert float(loss) == pytest.approx(0.7 * uneven[real].mean(), rel=1e-4)
    decoder(features, inputs)  # not in an evaluation
    assert not decoder.losses
    decoder.demands = False
    decoder(features, inputs, training=True)
    assert not decoder.losses


def test_the_loss_asks_that_the_places_explain_the_words():
    features, inputs = asked()
    decoder = made(lexicon=0.3)
    decoder(features, inputs, training=True)
    logits = decoder.words(decoder.memory(features)).numpy()  # [batch, places, vocabulary]
    exponentials = np.exp(logits)
    probability = (exponentials / exponentials.sum(axis=-1, keepdims=True)).mean(axis=1)
    each = [
        -sum(np.log(probability[row, word]) for word in set(inputs[row].ravel()) if word > END_ID)
        for row in range(BATCH)
    ]
    (loss,) = decoder.losses
    assert float(loss) == pytest.approx(0.3 * np.mean(each), rel=1e-4)


def test_words_that_are_not_read_are_drawn_anew_in_training_alone():
    features, inputs = asked()
    decoder = made(word_dropout=0.5)
    one, other = (decoder(features, inputs, training=True).numpy() for _ in range(2))
    np.testing.assert_array_equal(one[:, :, 0], other[:, :, 0])  # the start is always read
    assert not np.allclose(one, other)
    np.testing.assert_array_equal(decoder(features, inputs), decoder(features, inputs))


def test_a_grid_that_is_no_square_is_refused():
    with pytest.raises(ValueError, match="must be a square grid, got 6 of them"):
        CaptionDecoder(VOCABULARY, "gru", 8, 8, 6).build((None, 6, CHANNELS), (None, None, None))
