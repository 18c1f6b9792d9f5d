"""What a LiteRT or ONNX file of a composer holds: what is known of a few bars in, the bars out, the drawing of symbols inside.

The random numbers come from whoever asks, because the hash that makes them of a seed shifts bits, for which LiteRT has no operation.
"""

import numpy as np
import tensorflow as tf

from apps.music import serving
from apps.music.compose import Composer
from apps.music.pieces import NOT_GIVEN
from common.decoding.sampling import random_numbers
from common.export_formats.numeric_core import NumericCore

BARS = 4
EVENTS = 64
_SEEDS = (0, 1)
_TEMPERATURES = (1.0, 0.0)
_TOP_P = (0.9, 1.0)


def numeric_core(model, preprocessor) -> NumericCore:
    """What `complete` of `serving.endpoints` answers for `BARS` bars, or `EVENTS` events, with `random` in place of `seed`.

    What is given has names of its own, because ONNX knows no output that is called as an input is. `random` is float32 `[batch, steps * slots]`, from 0 to below 1: one number for each symbol that may have to be drawn.

    Args:
        model: the trained network, from `train`.
        preprocessor: the `Preprocessor` it was trained with.
    """
    composer, words = Composer(model, preprocessor), preprocessor.vocabulary
    voices = preprocessor.has_voices
    steps = BARS * preprocessor.steps_per_bar if voices else EVENTS

    def composed(given, positions, random, temperature, top_p):
        length = tf.zeros_like(positions[:, 0]) + steps  # its shape is known, where that of `tf.fill` would not be
        remaining = tf.range(steps, 0, -1)[None] + tf.zeros_like(positions)
        symbols, log_probability = composer.compose(given, positions, remaining, length, random, temperature, top_p)
        found = preprocessor.invert(symbols)
        return {**found, "log_probability": log_probability}

    def complete_voices(given_pitches, given_onsets, positions, random, temperature, top_p):
        return composed(preprocessor(given_pitches, given_onsets), positions, random, temperature, top_p)

    def complete_events(given_events, random, temperature, top_p):
        return composed(given_events[:, :, None], tf.zeros_like(given_events), random, temperature, top_p)

    drawing = (
        tf.TensorSpec([None, steps * words.slots], tf.float32, name="random"),
        *(tf.TensorSpec([None], tf.float32, name=name) for name in ("temperature", "top_p")),
    )
    if voices:
        shape = [None, steps, preprocessor.data.voices]
        known = (
            tf.TensorSpec(shape, tf.int32, name="given_pitches"),
            tf.TensorSpec(shape, tf.bool, name="given_onsets"),
            tf.TensorSpec(shape[:2], tf.int32, name="positions"),
        )
    else:
        known = (tf.TensorSpec([None, steps], tf.int32, name="given_events"),)
    return NumericCore(
        complete_voices if voices else complete_events,
        (*known, *drawing),
        _questions(model, preprocessor, steps),
        notes={**serving.metadata(model, preprocessor), "steps": steps, "not_given": NOT_GIVEN if voices else 0},
        left_out=f"other lengths than {steps} steps, and the seed: `random` takes numbers from 0 to below 1 in its place"
        + ("" if voices else "; which notes the events mean"),
    )


def _questions(model, preprocessor, steps):
    """Nothing given, and what `serving.questions` gives, made as long as the core is."""
    asked = serving.questions(model, preprocessor)["a melody and an opening"]
    known = {name: np.asarray(asked[name]) for name in asked if name not in ("seed", "temperature", "top_p")}
    free = {"pitches": NOT_GIVEN, "onsets": False, "events": 0}
    cases = {"nothing given": {}, "a melody and an opening": {}}
    for name, values in known.items():
        if name == "positions":
            row = np.arange(steps) % preprocessor.steps_per_bar
            cases["nothing given"][name] = cases["a melody and an opening"][name] = np.stack([row, row])
            continue
        nothing = np.full((len(values), steps, *values.shape[2:]), free[name])
        name = f"given_{name}"
        cases["nothing given"][name] = nothing
        cases["a melody and an opening"][name] = np.concatenate([values, nothing[:, values.shape[1] :]], axis=1)
    random = random_numbers(np.array(_SEEDS, np.int32), steps * preprocessor.vocabulary.slots).numpy()
    drawing = {"random": random, "temperature": np.array(_TEMPERATURES), "top_p": np.array(_TOP_P)}
    return {case: inputs | drawing for case, inputs in cases.items()}
