"""The network: numbers in, numbers out, compiled by XLA.

what sounded before each step -> recurrent layers through time -+
place in the bar, steps to the end -----------------------------+-> context of the step
what is given later -> recurrent layer back through time -------+        |
                                                                         v
symbols said before at this step, what each voice did before, intervals -> recurrent layer across the slots -> logits

A piece that is composed, continued or harmonised is one and the same thing: of some slots the symbol is known. `steps.py` takes
the same layers one symbol at a time.
"""

import keras
from keras import ops

from apps.music.config import Config
from apps.music.intervals import INTERVALS, IntervalNumbers
from apps.music.layers import AcrossSlots, OnlyAllowed, more_is_given
from apps.music.preprocessing import Preprocessor
from apps.music.vocabulary import FREE, HOLD
from common.layers import Dropout, StackedRNN
from common.layers.by_name import LAYERS

LONGEST_AGE = 31  # steps that something has sounded; more is as much
LONGEST_BAR = 64  # places in the bar that are told apart
FARTHEST_END = 64  # steps before the end from which on it is told
SMALL = 8  # features of ages and slots, of which there are few


def build_model(config: Config, preprocessor: Preprocessor) -> keras.Model:
    """Builds the network for teacher forcing.

    Args:
        config: `config.model` is read, the seed, and whether pieces are trained on with voices given and the end told.
        preprocessor: adapted; gives the vocabulary and its slots.

    Returns:
        A model from int32 tensors to logits float32 `[batch, time, slots, vocabulary]`. It reads, all by name, 0 is padding:

        `symbols` `[batch, time, slots]`: what is said; a slot sees those before it.
        `sounding` `[batch, time, slots]`: the last symbol before the step that is not `HOLD`.
        `ages` `[batch, time, slots]`: how many steps ago that was.
        `positions` `[batch, time]`: steps since the bar line.
        `remaining` `[batch, time]`: steps to the end, from 1; 0 where that is not told.
        `given` `[batch, time, slots]`: symbols that are known beforehand, `FREE` where none is.
    """
    settings, seed, vocabulary = config.model, config.train.seed, preprocessor.vocabulary
    slots = vocabulary.slots
    symbols = keras.Input((None, slots), dtype="int32", name="symbols")
    sounding = keras.Input((None, slots), dtype="int32", name="sounding")
    ages = keras.Input((None, slots), dtype="int32", name="ages")
    positions = keras.Input((None,), dtype="int32", name="positions")
    remaining = keras.Input((None,), dtype="int32", name="remaining")
    given = keras.Input((None, slots), dtype="int32", name="given")
    real = ops.any(ops.not_equal(symbols, FREE), axis=-1)  # [batch, time]
    join = keras.layers.Concatenate()

    symbol_vectors = keras.layers.Embedding(vocabulary.size, settings.embedding_dim, name="symbol_vectors")
    age_vectors = keras.layers.Embedding(LONGEST_AGE + 1, SMALL, name="age_vectors")
    slot_vectors = keras.layers.Embedding(slots, SMALL, name="slot_vectors")
    position_vectors = keras.layers.Embedding(LONGEST_BAR, settings.embedding_dim, name="position_vectors")
    same_at_each_step = (None, 1, None)

    place = position_vectors(ops.minimum(positions, LONGEST_BAR - 1))
    if config.train.end_fraction and preprocessor.has_voices:
        end_vectors = keras.layers.Embedding(FARTHEST_END + 1, settings.embedding_dim, name="end_vectors")
        place = join([place, end_vectors(ops.where(remaining > FARTHEST_END, 0, remaining))])
    before = join([symbol_vectors(sounding), age_vectors(ops.minimum(ages, LONGEST_AGE))])
    all_before = keras.layers.Reshape((-1, slots * before.shape[-1]), name="all_before")(before)
    past_inputs = Dropout(settings.input_dropout, same_at_each_step, seed=seed, name="past_inputs")(
        join([all_before, place])
    )
    past, *_ = past_layers(settings, seed)(past_inputs, mask=real)  # [batch, time, units]
    contexts = [Dropout(settings.dropout, same_at_each_step, seed=seed + 1, name="past_dropout")(past), place]
    if config.train.given_fraction and preprocessor.has_voices:
        given_vectors = keras.layers.Embedding(vocabulary.size, settings.embedding_dim, name="given_vectors")(given)
        given_vectors = keras.layers.Reshape((-1, slots * settings.embedding_dim), name="all_given")(given_vectors)
        ahead = lookahead_layer(settings, seed)(given_vectors, mask=real)  # [batch, time, units], the last step first
        contexts.append(ops.where(more_is_given(given), ops.flip(ahead, axis=1), 0.0))
    context = join(contexts)

    # What a slot sees of its own step: what the slot before it does, what it did itself, and how far the others are.
    now = ops.where(ops.equal(symbols, HOLD), sounding, symbols)
    begins = ops.cast(ops.not_equal(symbols, HOLD), "float32")[..., None]
    said = ops.pad(join([symbol_vectors(now), begins]), ((0, 0), (0, 0), (1, 0), (0, 0)))[:, :, :slots]
    seen = [said, before]
    if slots > 1:
        numbers = IntervalNumbers(vocabulary.first_chord, name="interval_numbers")(sounding, now)
        interval_vectors = keras.layers.Embedding(INTERVALS, SMALL, name="interval_vectors")(numbers)
        seen.append(keras.layers.Reshape((-1, slots, 2 * slots * SMALL), name="intervals")(interval_vectors))
    slot_numbers = ops.zeros_like(symbols) + ops.arange(slots, dtype="int32")
    of_step = keras.layers.Dense(settings.voice_units, name="of_step")(context)
    of_slot = keras.layers.Dense(settings.voice_units, use_bias=False, name="of_slot")(
        join([*seen, slot_vectors(slot_numbers)])
    )
    voices_layer = LAYERS[settings.cell](
        settings.voice_units, return_sequences=True, seed=seed + 20, name="voices_cell"
    )
    first_state = keras.layers.Dense(sum(voices_layer.state_sizes), activation="tanh", name="first_state")(context)
    voices = AcrossSlots(voices_layer, name="voices")(
        ops.expand_dims(of_step, 2) + of_slot, initial_state=split_state(first_state, voices_layer.state_sizes)
    )
    readout = keras.layers.Dense(settings.voice_units, activation="relu", name="readout")
    readouts = readout(Dropout(settings.dropout, seed=seed + 2, name="voices_dropout")(join([voices, before])))
    scores = keras.layers.Dense(vocabulary.size, name="scores", dtype="float32")
    logits = scores(Dropout(settings.dropout, seed=seed + 3, name="readout_dropout")(readouts))
    logits = OnlyAllowed(vocabulary.allowed(), name="logits", dtype="float32")(logits)
    inputs = {each.name: each for each in (symbols, sounding, ages, positions, remaining, given)}
    return keras.Model(inputs, logits, name="network")


def past_layers(settings, seed):
    """The layers through time."""
    return StackedRNN.of(
        LAYERS[settings.cell],
        settings.units,
        settings.layers,
        return_sequences=True,
        return_state=True,
        residual=settings.layers > 1,
        dropout=settings.dropout,
        recurrent_dropout=settings.recurrent_dropout,
        seed=seed + 10,
        name="past",
    )


def lookahead_layer(settings, seed):
    """The layer from the end of what is given to its beginning."""
    return LAYERS[settings.cell](
        settings.lookahead_units, return_sequences=True, go_backwards=True, seed=seed + 5, name="ahead"
    )


def split_state(joined, sizes):
    """Float `[..., sum of sizes]` to a list of `[..., size]`."""
    starts = [sum(sizes[:index]) for index in range(len(sizes))]
    return [joined[..., start : start + size] for start, size in zip(starts, sizes)]
