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
from apps.music.compose import compose_pieces
from apps.music.likelihood import figures
from apps.music.pieces import voice_names
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
        `note_accuracy` is the share of those symbols, of chord tokens none, to which the model gave the highest probability.

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
    first_note = 0
    if preprocessor.has_voices:
        first_note = int(preprocessor.vocabulary.chord)
        chain = ChordMarkov.fit(splits.train.pieces)
        notes = len(scores.nats) * config.data.voices
        beside = baselines(splits.train, pieces, chain)
    else:
        notes = sum(map(len, pieces))
        beside = _event_baselines(splits.train, pieces, preprocessor, notes)
    seconds["baselines"] = time.perf_counter() - started

    started = time.perf_counter()
    steps = BARS * preprocessor.steps_per_bar if preprocessor.has_voices else EVENTS
    samples = compose_pieces(model, preprocessor, config.sampling.pieces, steps, config.train.seed)
    seconds["compose"] = time.perf_counter() - started

    started = time.perf_counter()
    table, groups = {}, {}
    if samples and preprocessor.has_voices:
        drawn = chain.sample(len(samples[0]), config.train.seed, len(samples))
        table = compare(samples, pieces.pieces, drawn, splits.train.pieces)
        groups = {"held_out": pieces.pieces, "model": samples, "chain": drawn}
    report.save_groups(run, split, groups)
    report.save_samples(run, split, samples)
    result = {
        "app": run.app,
        "split": split,
        "examples": len(pieces),
        "metrics": figures(float(scores.nats.sum() / notes), float(scores.hits[:, first_note:].mean())),
        "baselines": beside,
        "notes": notes,
        "by_voice": by_voice(scores, preprocessor) if preprocessor.has_voices else {},
        "samples": table,
        "undefined": {},
        "seconds": seconds,
        "parameters": int(model.count_params()),
        "config": config.model_dump(mode="json"),
    }
    seconds["statistics"] = time.perf_counter() - started
    write_json(run.metrics_path(split), result)
    report.draw_pictures(run, split)
    _show(result)
    return result


def by_voice(scores: Scores, preprocessor: Preprocessor) -> dict[str, dict[str, float | None]]:
    """How well each slot is foreseen, the highest voice first: the mean of all its steps, and of those at which it does not hold.

    Returns:
        Of the chord, if there is one, and each voice `nats_per_note` and `note_accuracy`; and `beginning_nats` and
        `beginning_accuracy`, None for a voice that only holds.
    """
    words = preprocessor.vocabulary
    slots = {"chord": 0} if words.chord else {}
    places = np.argsort(words.order) + words.chord
    slots |= dict(zip(voice_names(words.voices), places.tolist(), strict=True))
    rows = {}
    for name, slot in slots.items():
        begins = ~scores.holds[:, slot]
        nats, hits = scores.nats[:, slot], scores.hits[:, slot]
        rows[name] = {
            "nats_per_note": float(nats.mean()),
            "note_accuracy": float(hits.mean()),
            "beginning_nats": float(nats[begins].mean()) if begins.any() else None,
            "beginning_accuracy": float(hits[begins].mean()) if begins.any() else None,
        }
    return rows


def _event_baselines(
    train: Pieces, pieces: Pieces, preprocessor: Preprocessor, notes: int
) -> dict[str, dict[str, float]]:
    """Those of events, with their nats divided by notes."""
    known, held_out = ([preprocessor.encode(piece)[:, 0] for piece in each] for each in (train, pieces))
    events_per_note = sum(map(len, held_out)) / notes
    return {
        name: figures(scores["nats_per_token"] * events_per_note, scores["token_accuracy"])
        for name, scores in token_baselines(known, held_out, preprocessor.vocabulary.size).items()
    }


def _show(result: dict[str, Any]) -> None:
    """Writes what stands beside the table of metrics, which the verb writes."""
    console = get_console()
    console.line(f"  {result['examples']:,} {result['split']} pieces, {result['notes']:,} notes")
    if result["by_voice"]:
        console.heading("By voice; beginnings are the steps at which it does not hold")
        voices = dict(result["by_voice"])
        first = next(iter(voices))
        console.metrics(voices.pop(first), voices, name=first)
    if result["samples"]:
        count = result["config"]["sampling"]["pieces"]
        console.heading(f"{count} composed pieces of {BARS} bars beside real ones and a Markov chain of chords")
        groups = dict(result["samples"])
        console.metrics(groups.pop("model"), groups)
