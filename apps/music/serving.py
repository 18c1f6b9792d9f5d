"""What the SavedModel answers: a length, a seed and what is known of a piece in, the piece out, the drawing inside.

TensorFlow operations alone; no code of this repository is needed.
"""

import numpy as np
import tensorflow as tf

from apps.music.compose import Composer
from apps.music.event_notes import event_notes
from apps.music.pieces import GIVEN_SILENCE, LONGEST, NOT_GIVEN
from apps.music.vocabulary import FREE, HOLD

DRAWING = (
    tf.TensorSpec([None], tf.int32, name="seed"),
    tf.TensorSpec([None], tf.float32, name="temperature"),
    tf.TensorSpec([None], tf.float32, name="top_p"),
)
LENGTH = tf.TensorSpec([None], tf.int32, name="length")


def endpoints(model, preprocessor):
    """The signatures of the SavedModel.

    Args:
        model: the trained network, from `train`.
        preprocessor: the `Preprocessor` it was trained with.

    Returns:
        Name to (function, input signature). Both take `seed` int32 `[batch]`, on which alone a row depends, `temperature` float32
        `[batch]`, 0 for the likeliest at each place, and `top_p` float32 `[batch]`.

        `serving_default` composes freely, and also takes `length` int32 `[batch]`, steps of the grid or events.

        `complete` takes what is known. Of voices `pitches` int32 `[batch, time, voices]`, the highest voice first: MIDI pitches,
        -1 where the model is to find one, -2 for silence that is given; `onsets` bool of the same shape, whether a note begins
        although the one before has the same pitch; and `positions` int32 `[batch, time]`, steps since the bar line. Of events
        `events` int32 `[batch, time]`, their numbers, 0 where the model is to find one.

        They return `log_probability` float32 `[batch]`. For voices: `pitches` int32 `[batch, time, voices]`, -1 where silent, and
        `onsets` bool, whether a note begins. For events: `events` int32 `[batch, time]`, 0 behind the end, and what they mean, each
        note in the place of its first event: `pitch` int32 `[batch, time]`, -1 where no note begins, `start` and `end` float32,
        seconds, `velocity` int32 and `is_drum` bool.
    """
    composer, words = Composer(model, preprocessor), preprocessor.vocabulary
    voices = preprocessor.has_voices

    def same_shape(values, others, sentence):
        return tf.debugging.Assert(tf.reduce_all(tf.equal(tf.shape(values), tf.shape(others))), [sentence])

    pieces = tf.TensorSpec([None, None, words.slots], tf.int32), tf.TensorSpec([None, None], tf.int32)

    # A graph of its own, which all endpoints share: it is traced and saved once.
    @tf.function(input_signature=(*pieces, LENGTH, *DRAWING), autograph=False)
    def composed(given, positions, length, seed, temperature, top_p):
        checks = [
            tf.debugging.Assert(
                tf.reduce_all((length >= 1) & (length <= LONGEST)), [f"length must be 1 to {LONGEST}, for each piece"]
            ),
            tf.debugging.Assert(tf.reduce_all(temperature >= 0), ["temperature must be 0 or more, for each piece"]),
            tf.debugging.Assert(
                tf.reduce_all((top_p > 0) & (top_p <= 1)), ["top_p must be above 0 and at most 1, for each piece"]
            ),
            *(
                tf.debugging.Assert(
                    tf.equal(tf.size(each), tf.size(length)),
                    ["seed, temperature and top_p need a value for each piece"],
                )
                for each in (seed, temperature, top_p)
            ),
        ]
        with tf.control_dependencies(checks):  # before anything else can fail of the same mistake
            given, positions, length, seed, temperature, top_p = map(
                tf.identity, (given, positions, length, seed, temperature, top_p)
            )
        steps = tf.range(tf.shape(given)[1])[None]
        remaining = tf.maximum(length[:, None] - steps, 0)
        symbols, log_probability = composer.compose(given, positions, remaining, length, seed, temperature, top_p)
        found = preprocessor.invert(symbols)
        if not voices:
            found |= event_notes(found["events"], words)
        else:
            inside = (steps < length[:, None])[..., None]
            found = {
                "pitches": tf.where(inside, found["pitches"], -1),
                "onsets": found["onsets"] & inside,
            }
        return {**found, "log_probability": log_probability}

    def compose(length, seed, temperature, top_p):
        longest = tf.clip_by_value(tf.reduce_max(tf.concat([length, [1]], axis=0)), 1, LONGEST)
        given = tf.fill([tf.size(length), longest, words.slots], FREE)
        positions = tf.zeros([tf.size(length), longest], tf.int32)
        if voices:
            positions += tf.range(longest) % preprocessor.steps_per_bar
        return composed(given, positions, length, seed, temperature, top_p)

    def complete_voices(pitches, onsets, positions, seed, temperature, top_p):
        length = tf.fill([tf.shape(pitches)[0]], tf.shape(pitches)[1])
        checks = [
            tf.debugging.Assert(
                tf.reduce_all(
                    (pitches == NOT_GIVEN)
                    | (pitches == GIVEN_SILENCE)
                    | ((pitches >= words.lowest) & (pitches <= words.highest))
                ),
                [f"pitches must be {words.lowest} to {words.highest}, -1 or -2"],
            ),
            tf.debugging.Assert(tf.reduce_all(positions >= 0), ["positions must be 0 or more"]),
            same_shape(onsets, pitches, "onsets must have a value for each of the pitches"),
            same_shape(positions, pitches[:, :, 0], "positions must have a value for each step of each piece"),
        ]
        with tf.control_dependencies(checks):
            given = preprocessor(pitches, onsets)
        return composed(given, positions, length, seed, temperature, top_p)

    def complete_events(events, seed, temperature, top_p):
        length = tf.fill([tf.shape(events)[0]], tf.shape(events)[1])
        check = tf.debugging.Assert(
            tf.reduce_all((events >= 0) & (events < words.size) & (events != HOLD)),
            [f"events must be 0, 1, or {words.first_on} to {words.size - 1}"],
        )
        with tf.control_dependencies([check]):
            given = events[:, :, None]
        return composed(given, tf.zeros_like(events), length, seed, temperature, top_p)

    if voices:
        shape = [None, None, preprocessor.data.voices]
        known = (
            tf.TensorSpec(shape, tf.int32, name="pitches"),
            tf.TensorSpec(shape, tf.bool, name="onsets"),
            tf.TensorSpec([None, None], tf.int32, name="positions"),
        )
        complete = (complete_voices, (*known, *DRAWING))
    else:
        complete = (complete_events, (tf.TensorSpec([None, None], tf.int32, name="events"), *DRAWING))
    return {"serving_default": (compose, (LENGTH, *DRAWING)), "complete": complete}


def questions(model, preprocessor):
    """What an export is tried with, by what each batch tries."""

    def drawing(count):
        return {
            "seed": list(range(count)),
            "temperature": [(1.0, 0.0, 0.7)[index % 3] for index in range(count)],
            "top_p": [(1.0, 0.9)[index % 2] for index in range(count)],
        }

    bar = preprocessor.steps_per_bar if preprocessor.has_voices else 32
    cases = {
        "two bars": {"length": [2 * bar]},
        "pieces of several lengths": {"length": [3, bar, 2 * bar + 1, 1, bar, 7, 2]},
    }
    if preprocessor.has_voices:
        voices = preprocessor.data.voices
        pitches = np.full((2, 2 * bar, voices), NOT_GIVEN)
        low, high = preprocessor.ranges[0]
        pitches[0, :, 0] = np.linspace(low, high, 2 * bar).astype(int)  # a melody
        pitches[1, : bar // 2] = [[sum(pair) // 2 for pair in preprocessor.ranges]]  # an opening
        pitches[1, bar // 2 : bar // 2 + 2] = GIVEN_SILENCE
        known = {
            "pitches": pitches.tolist(),
            "onsets": np.zeros(pitches.shape, bool).tolist(),
            "positions": [[step % bar for step in range(2 * bar)]] * 2,
        }
    else:
        words = preprocessor.vocabulary
        events = np.zeros((2, 2 * bar), int)
        events[:, :3] = words.first_velocity, words.first_on + preprocessor.ranges[0][0], words.first_shift
        known = {"events": events.tolist()}
    cases["a melody and an opening"] = known
    return {name: inputs | drawing(len(next(iter(inputs.values())))) for name, inputs in cases.items()}


def metadata(model, preprocessor):
    """What goes with the SavedModel for `predict`."""
    data, sampling = preprocessor.data, preprocessor.sampling
    about = {
        "representation": data.representation,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "ranges": preprocessor.ranges,
        "tempo": preprocessor.tempo,
    }
    if preprocessor.has_voices:
        return about | {
            "voices": data.voices,
            "steps_per_quarter": data.steps_per_quarter,
            "metre": list(preprocessor.metre),
            "lowest": preprocessor.vocabulary.lowest,
            "highest": preprocessor.vocabulary.highest,
            "looks_ahead": "ahead" in {layer.name for layer in model.layers},
        }
    words = preprocessor.vocabulary
    return about | {
        "events_per_second": preprocessor.events_per_second,
        "velocity_bins": words.velocity_bins,
        "max_shift": words.max_shift,
        "time_step": words.time_step,
    }
