"""Measures a trained model on one split: how well it foresees real pieces, and what its own are like, beside baselines.

After training and for the verb `evaluate`: raw pieces in; `metrics.json`, composed pieces and pictures in the run directory
out.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from apps.music import report
from apps.music.baselines import baselines, token_baselines
from apps.music.chord_markov import ChordMarkov
from apps.music.pieces import VoicePiece, voice_names
from apps.music.scoring import Scores, score
from apps.music.statistics import compare
from common.console import get_console
from common.errors import UserError
from common.evaluation import split_examples
from common.files import write_json

if TYPE_CHECKING:
    import keras

    from apps.music.config import Config
    from apps.music.pieces import Pieces, Splits
    from apps.music.preprocessing import Preprocessor
    from common.runs import Run

BARS = 16  # of each piece that is composed for the statistics
EVENTS = 512  # likewise of events


def evaluate(
    config: Config, run: Run, splits: Splits, split: str, preprocessor: Preprocessor, model: keras.Model
) -> dict[str, Any]:
    """Measures `model` on one split, and writes metrics, composed pieces and pictures into the run.

    Args:
        config: effective configuration of the run; `sampling` says how pieces are composed.
        run: where to write.
        splits: raw pieces.
        split: `train`, `validation` or `test`.
        preprocessor: adapted on `splits.train`.
        model: in its final form, as `train` returns it.

    Returns:
        What was written to `run.metrics_path(split)`: `app`, `split`, `examples`, `metrics`, `baselines`, `notes` (how many notes
        the nats are divided by), `by_voice` (for voices: nats, accuracy, and both of beginnings alone), `samples` (for voices: of
        the model, of the real pieces and of a Markov chain of chords, what `apps.music.statistics` counts), `undefined`,
        `seconds`, `parameters`, `config`.

        `nats_per_note` is the negative logarithm of the probability of the pieces divided by their notes. Of voices each voice
        at each step is one note, as is usual for chorales; a chord token is charged for. Of events only notes that begin are.

    Raises:
        UserError: unknown split, an empty split, or a model that predicts NaN.
    """
    pieces = split_examples(splits, split)
    seconds = {}

    started = time.perf_counter()
    scores = score(model, preprocessor, pieces)
    seconds["score"] = time.perf_counter() - started
    if not np.isfinite(scores.nats).all():
        raise UserError(
            f"the model of {run.path} predicts NaN for {split} pieces; train again with a smaller --train.learning_rate"
        )

    started = time.perf_counter()
    if preprocessor.has_voices:
        chain = ChordMarkov.fit(splits.train.pieces)
        metrics, beside = _voice_metrics(scores, config), baselines(splits.train, pieces, chain)
        notes = len(scores.nats) * config.data.voices
    else:
        notes = sum(map(len, pieces))
        metrics, beside = _event_metrics(scores, splits.train, pieces, preprocessor)
    seconds["baselines"] = time.perf_counter() - started

    started = time.perf_counter()
    samples = compose_samples(config, preprocessor, model)
    seconds["compose"] = time.perf_counter() - started

    started = time.perf_counter()
    table = {}
    if samples and preprocessor.has_voices:
        drawn = chain.sample(len(samples[0]), config.train.seed, len(samples))
        table = compare(samples, pieces.pieces, drawn, splits.train.pieces)
        report.save_groups(run, split, {"held_out": pieces.pieces, "model": samples, "chain": drawn})
    report.save_samples(run, split, samples)
    result = {
        "app": run.app,
        "split": split,
        "examples": len(pieces),
        "metrics": metrics,
        "baselines": beside,
        "notes": notes,
        "by_voice": _by_voice(scores, config, preprocessor),
        "samples": table,
        "undefined": {},
        "seconds": seconds,
        "parameters": int(model.count_params()),
        "config": config.model_dump(mode="json"),
    }
    seconds["statistics"] = time.perf_counter() - started
    write_json(run.metrics_path(split), result)
    report.draw_pictures(run, split)
    _show(result, config)
    return result


def compose_samples(config: Config, preprocessor: Preprocessor, model: keras.Model) -> list:
    """Pieces of the model, as many as `sampling.pieces` says: `VoicePiece`s of 16 bars, or `NotePiece`s of 512 events."""
    from apps.music.serving import endpoints

    count = config.sampling.pieces
    if not count:
        return []
    compose, _ = endpoints(model, preprocessor)["serving_default"]
    steps = BARS * preprocessor.steps_per_bar if preprocessor.has_voices else EVENTS
    found = report.drawn(
        compose,
        np.full(count, steps),
        np.arange(count) + config.train.seed,
        config.sampling.temperature,
        config.sampling.top_p,
    )
    if not preprocessor.has_voices:
        words = preprocessor.vocabulary
        return [words.decode(events, f"sample {1 + index}") for index, events in enumerate(found["events"])]
    positions = np.arange(steps) % preprocessor.steps_per_bar
    return [
        VoicePiece(
            f"sample {1 + index}",
            found["pitches"][index].astype(np.int16),
            found["onsets"][index],
            positions,
            config.data.steps_per_quarter,
            preprocessor.metre,
            tempo=preprocessor.tempo,
        )
        for index in range(count)
    ]
