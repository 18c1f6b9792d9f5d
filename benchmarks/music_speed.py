"""Training and composing of the music application: steps per second beside PyTorch, seconds of sixteen bars.

- `training`: steps of `fit` of the default network on random symbols without padding, with its metrics and without; once
  without looking ahead, and once with voices given in half of the pieces. Beside it the same network in PyTorch, written as
  for PyTorch, with the same sizes, dropout, Adam and clipped gradient, in processes of their own with as many threads: `eager`
  and `compiled` by `torch.compile`. In each round every one of them takes its steps in turn, after a first turn in which it is
  compiled. `times_torch` is the median of the ratios of the rounds to the fastest of them.
- `composing`: seconds of pieces from a loaded SavedModel, `--model`, or that of a run, `--run`. `first_s` is the first call,
  `s` the median of later ones with other seeds. Without either of the two this section is left out.

A run replaces only the sections it measured.
"""

import contextlib
import importlib.util
import sys
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from benchmarks import results
from benchmarks.torch_music import VARIANTS

SECTIONS = ("training", "composing")


@dataclass(frozen=True)
class Shape:
    """What is trained: pieces, steps of time, slots of a step, symbols, and sizes of a symbol, a state and the stack."""

    batch: int
    time: int
    slots: int
    vocabulary: int
    embedding: int
    units: int
    layers: int

    @classmethod
    def parse(cls, text: str) -> "Shape":
        """Reads `4x256x4x52x32x192x1`."""
        batch, steps, slots, vocabulary, embedding, units, layers = map(int, text.split("x"))
        return cls(batch, steps, slots, vocabulary, embedding, units, layers)

    def __str__(self) -> str:
        return "x".join(map(str, astuple(self)))


SHAPES = (Shape(4, 256, 4, 52, 32, 192, 1),)


def main() -> int:
    parser = results.make_parser("music_speed", __doc__)
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, help="what to measure; both where a model is given")
    parser.add_argument(
        "--shapes",
        nargs="+",
        type=Shape.parse,
        default=list(SHAPES),
        help="BATCHxTIMExSLOTSxVOCABULARYxEMBEDDINGxUNITSxLAYERS of training",
    )
    parser.add_argument("--given", nargs="+", type=float, default=[0.0, 0.5], help="train.given_fraction, 0 to 1")
    parser.add_argument("--variants", nargs="*", choices=VARIANTS, default=list(VARIANTS), help="of PyTorch")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each")
    parser.add_argument("--steps", type=int, default=20, help="training steps in a turn")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--model", type=Path, metavar="DIR", help="an exported model, such as saved_models/music")
    which.add_argument("--run", type=Path, metavar="DIR", help="a trained run, which is exported for it")
    parser.add_argument("--bars", type=int, default=16, help="of a piece that is composed, 16 steps each")
    parser.add_argument("--pieces", nargs="+", type=int, default=[1, 50], help="composed at once")
    parser.add_argument("--temperature", type=float, default=1.0, help="of the composing")
    arguments = parser.parse_args()
    has_model = bool(arguments.model or arguments.run)
    sections = arguments.sections or (SECTIONS if has_model else SECTIONS[:1])
    if "composing" in sections and not has_model:
        parser.error("the section composing needs a model; give --model DIR or --run DIR")

    # Here and not above: --help does not wait for TensorFlow, and it takes the number of threads before its first operation only.
    import tensorflow as tf

    from benchmarks.layer_steps import thread_count
    from common.errors import UserError

    tf.config.threading.set_intra_op_parallelism_threads(thread_count())
    for name in sections:
        counts = {"rounds": arguments.rounds}
        try:
            if name == "training":
                rows = training(
                    arguments.shapes, arguments.given, arguments.rounds, arguments.steps, arguments.variants
                )
                counts["steps"] = arguments.steps
            else:
                rows = composing(
                    arguments.run,
                    arguments.model,
                    16 * arguments.bars,
                    arguments.pieces,
                    arguments.temperature,
                    arguments.rounds,
                )
        except UserError as error:
            parser.error(str(error))
        print(f"\n{name}")
        results.print_columns(rows)
        section = {**counts, "made": time.strftime("%Y-%m-%d"), "machine": results.machine(), "rows": rows}
        results.save_section(arguments.output, "music_speed", name, section)
    return 0


def training(
    shapes: Sequence[Shape], fractions: Sequence[float], rounds: int, steps: int, variants: Sequence[str]
) -> list[dict]:
    """Rows of the section: training steps per second, and ours over each of PyTorch's; one for each shape and fraction."""
    from benchmarks import music_parts as parts
    from benchmarks.fit_steps import training_steps
    from benchmarks.layer_steps import thread_count
    from benchmarks.stopwatch import alternating_seconds
    from benchmarks.torch_music import torch_training
    from benchmarks.translation_speed import compared

    if variants and not importlib.util.find_spec("torch"):
        print("note: PyTorch is not installed (pip install -e '.[bench]'), so it is left out", file=sys.stderr)
    found = []
    for shape, fraction in ((shape, fraction) for shape in shapes for fraction in fractions):
        config = parts.configured(shape.embedding, shape.units, shape.layers, fraction)
        sizes = parts.Sizes.of(shape.vocabulary, shape.slots)
        batch = parts.batch_of(shape.batch, shape.time, sizes, fraction)
        network = parts.network_of(config, sizes)
        turns = {
            "unroll": training_steps(network, batch, steps),
            "unroll_without_metrics": training_steps(parts.network_of(config, sizes, False), batch, steps),
        }
        row = {"shape": str(shape), "given_fraction": fraction, "parameters": network.count_params()}
        with contextlib.ExitStack() as stack:
            for variant in variants:
                peer = stack.enter_context(
                    torch_training(torch_settings(shape, config, steps, thread_count(), variant))
                )
                if peer:
                    turns[f"torch_{variant}"] = peer.steps
                    row["torch_parameters"] = peer.parameters
            seconds = alternating_seconds(turns, rounds)
        row |= compared(seconds, steps, "steps")
        row["unroll_symbols_per_s"] = row["unroll_steps_per_s"] * shape.batch * shape.time * shape.slots
        found.append(row)
    return found


def torch_settings(shape: Shape, config, steps: int, threads: int, variant: str):
    """What PyTorch's network must know to be that of the configuration."""
    from benchmarks.torch_music import Settings

    return Settings(
        vocabulary=shape.vocabulary,
        embedding=shape.embedding,
        units=shape.units,
        layers=shape.layers,
        voice_units=config.model.voice_units,
        lookahead_units=config.model.lookahead_units,
        input_dropout=config.model.input_dropout,
        dropout=config.model.dropout,
        learning_rate=config.train.learning_rate,
        clip_norm=config.train.clip_norm,
        given_fraction=config.train.given_fraction,
        end_fraction=config.train.end_fraction,
        batch=shape.batch,
        time=shape.time,
        slots=shape.slots,
        steps=steps,
        threads=threads,
        variant=variant,
    )


def composing(
    run: Path | None, model: Path | None, steps: int, pieces: Sequence[int], temperature: float, rounds: int
) -> list[dict]:
    """Rows of the section, one for each number of pieces at once.

    Args:
        run: a trained one; None where `model` is given.
        model: an exported one; None where `run` is given.
        steps: of the grid, of each piece.
        pieces: how many at once.
        temperature: of the composing.
        rounds: calls of each after the first.

    Raises:
        UserError: it is no model of this application, or refuses the request.
    """
    from benchmarks import music_parts as parts
    from benchmarks.stopwatch import alternating_times

    with parts.exported(run, model) as loaded:
        turns = {count: parts.composing(loaded, count, steps, temperature) for count in pieces}
        times = alternating_times(turns, rounds)
    return [
        {
            "pieces": count,
            "steps": steps,
            "temperature": temperature,
            "first_s": each.first,
            "s": each.median,
            "fastest_s": each.minimum,
            "s_per_piece": each.median / count,
        }
        for count, each in times.items()
    ]


if __name__ == "__main__":
    sys.exit(main())
