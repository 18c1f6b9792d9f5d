"""Training and decoding of the translation application: tokens per second beside PyTorch, seconds of a test set, padding.

- `training`: steps of `fit` of the network of the preset `multi30k`, with its metrics and without, on random tokens without
  padding. Beside it the same network in PyTorch, written as for PyTorch, with the same sizes, dropout, Adam and clipped
  gradient, in processes of their own with as many threads: `eager`; `packed`, which would leave padding out; and `compiled`,
  the decoder by `torch.compile`. In each round every one of them takes its steps in turn, after a first turn in which it is
  compiled. `times_torch` is the median of the ratios of the rounds to the fastest of them.
- `decoding`: all sentences of a test set, greedily and by beam search, after a first turn in which they are compiled. An
  untrained network never ends a sentence, so that its seconds are those of sentences as long as may be: `--run` loads a trained one.
- `padding`: the share of padded steps in an epoch of the bundled phrase book, and with `--data` of Multi30k, beside batches of
  as many sentences in random order, each padded to its own longest, and everything padded to one length.

A run replaces only the sections it measured.
"""

import contextlib
import importlib.util
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from benchmarks import results
from benchmarks.torch_translation import VARIANTS

SECTIONS = ("training", "decoding", "padding")


@dataclass(frozen=True)
class Shape:
    """What is trained: sentences, tokens of the source and of the target, vocabulary, and sizes of a token and a state."""

    batch: int
    source: int
    target: int
    vocabulary: int
    embedding: int
    units: int

    @classmethod
    def parse(cls, text: str) -> "Shape":
        """Reads `48x20x21x6000x128x256`."""
        batch, source, target, vocabulary, embedding, units = map(int, text.split("x"))
        return cls(batch, source, target, vocabulary, embedding, units)

    def __str__(self) -> str:
        return "x".join(map(str, astuple(self)))


SHAPES = (Shape(48, 20, 21, 6_000, 128, 256), Shape(48, 20, 21, 6_000, 256, 512))


def main() -> int:
    parser = results.make_parser("translation_speed", __doc__)
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="what to measure")
    parser.add_argument(
        "--shapes",
        nargs="+",
        type=Shape.parse,
        default=list(SHAPES),
        help="BATCHxSOURCExTARGETxVOCABULARYxEMBEDDINGxUNITS of training",
    )
    parser.add_argument("--variants", nargs="*", choices=VARIANTS, default=list(VARIANTS), help="of PyTorch")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each")
    parser.add_argument("--steps", type=int, default=20, help="training steps in a turn")
    parser.add_argument("--data", type=Path, metavar="DIR", help="Multi30k, with the folder tok")
    parser.add_argument("--run", type=Path, metavar="DIR", help="a trained run, whose test sentences are translated")
    parser.add_argument("--widths", nargs="+", type=int, default=[1, 5], help="of the beam; 1 = greedy")
    parser.add_argument("--sentences", type=int, default=1_000, help="translated at most")
    parser.add_argument("--sizes", nargs=2, type=int, default=[128, 256], help="embedding, units; without --run")
    arguments = parser.parse_args()

    # Here and not above: --help does not wait for TensorFlow, and it takes the number of threads before its first operation only.
    import tensorflow as tf

    from benchmarks.layer_steps import thread_count
    from common.errors import UserError

    tf.config.threading.set_intra_op_parallelism_threads(thread_count())
    for name in arguments.sections:
        try:
            if name == "training":
                rows = training(arguments.shapes, arguments.rounds, arguments.steps, arguments.variants)
                counts = {"rounds": arguments.rounds, "steps": arguments.steps}
            elif name == "decoding":
                rows = [
                    decoding(
                        arguments.run,
                        arguments.data,
                        arguments.sizes,
                        arguments.sentences,
                        arguments.widths,
                        arguments.rounds,
                    )
                ]
                counts = {"rounds": arguments.rounds}
            else:
                rows, counts = padding(arguments.data), {}
        except UserError as error:
            parser.error(str(error))
        print(f"\n{name}")
        results.print_columns(rows)
        section = {**counts, "made": time.strftime("%Y-%m-%d"), "machine": results.machine(), "rows": rows}
        results.save_section(arguments.output, "translation_speed", name, section)
    return 0


def training(shapes: list, rounds: int, steps: int, variants: list[str]) -> list[dict]:
    """Rows of the section: tokens of both sides per second of training, and ours over each of PyTorch's."""
    from benchmarks import translation_parts as parts
    from benchmarks.fit_steps import training_steps
    from benchmarks.layer_steps import thread_count
    from benchmarks.stopwatch import alternating_seconds
    from benchmarks.torch_translation import Settings, torch_training

    if variants and not importlib.util.find_spec("torch"):
        print("note: PyTorch is not installed (pip install -e '.[bench]'), so it is left out", file=sys.stderr)
    found = []
    for shape in shapes:
        config = parts.configured(shape.embedding, shape.units)
        network = parts.network_of(shape.vocabulary, config)
        batch = parts.batch_of(shape.batch, shape.source, shape.target, shape.vocabulary)
        turns = {
            "unroll": training_steps(network, batch, steps),
            "unroll_without_metrics": training_steps(parts.network_of(shape.vocabulary, config, False), batch, steps),
        }
        row = {"shape": str(shape), "parameters": network.count_params()}
        with contextlib.ExitStack() as stack:
            for variant in variants:
                settings = Settings(
                    shape.vocabulary,
                    shape.embedding,
                    shape.units,
                    config.model.embedding_dropout,
                    config.model.context_dropout,
                    config.model.output_dropout,
                    config.train.label_smoothing,
                    config.train.learning_rate,
                    config.train.clip_norm,
                    shape.batch,
                    shape.source,
                    shape.target,
                    steps,
                    thread_count(),
                    variant,
                )
                peer = stack.enter_context(torch_training(settings))
                if peer:
                    turns[f"torch_{variant}"] = peer.steps
                    row["torch_parameters"] = peer.parameters
            seconds = alternating_seconds(turns, rounds)
        found.append({**row, **compared(seconds, shape.batch * (shape.source + shape.target) * steps)})
    return found


def compared(seconds: dict[str, list[float]], amount: float, unit: str = "tokens") -> dict[str, float]:
    """Columns of the section `training`.

    Args:
        seconds: of each name those of the first turn, then of the rounds.
        amount: what is trained on in one turn.
        unit: of it.
    """
    rounds = {name: times[1:] for name, times in seconds.items()}
    medians = {name: statistics.median(times) for name, times in rounds.items()}
    row = {f"{name}_{unit}_per_s": amount / median for name, median in medians.items()}
    row |= {f"{name}_first_s": times[0] for name, times in seconds.items()}
    peers = [name for name in rounds if name.startswith("torch_")]
    ratios = {
        name: statistics.median(other / ours for ours, other in zip(rounds["unroll"], rounds[name])) for name in peers
    }
    row |= {f"times_{name}": ratio for name, ratio in ratios.items()}
    return row | ({"times_torch": min(ratios.values())} if ratios else {})


def decoding(
    run: Path | None, data: Path | None, sizes: Sequence[int], most: int, widths: Sequence[int], rounds: int
) -> dict:
    """The row of the section: seconds of all sentences, and how long the translations were.

    Args:
        run: with the trained network; None for an untrained one.
        data: the folder of Multi30k; None for the test sentences of the run, or made up ones.
        sizes: of a token and a state, where there is no run.
        most: sentences.
        widths: of the beam, 1 = greedy.
        rounds: turns of each.
    """
    from apps.translation.data import load_splits
    from benchmarks import translation_parts as parts
    from benchmarks.stopwatch import alternating_times

    if run:
        network, preprocessor, config = parts.trained(run)
        name = run.name
        test = (parts.multi30k_splits(data, config) if data else load_splits(config)).test
    else:
        config = parts.configured(*sizes)
        name = "untrained"
        if data:
            splits = parts.multi30k_splits(data, config)
            train, test = splits.train, splits.test
        else:
            train = test = parts.made_up_pairs(most)
        network, preprocessor = parts.untrained(config, train)
    sentences = [str(text) for text in test.sources[:most]]
    turns = parts.searches(network, preprocessor, sentences, widths)
    tokens = {}

    def counted(width, translate):
        def turn():
            tokens[width] = translate()

        return turn

    times = alternating_times({width: counted(width, each) for width, each in turns.items()}, rounds)
    row = {
        "network": name,
        "parameters": network.count_params(),
        "embedding": config.model.embedding_dim,
        "units": config.model.units,
        "vocabulary": preprocessor.target_size,
        "sentences": len(sentences),
    }
    for width, each in times.items():
        row |= {f"{width}_s": each.median, f"{width}_first_s": each.first}
        row |= {f"{width}_tokens_per_sentence": tokens[width] / len(sentences)}
        if width != "greedy" and "greedy" in times:
            row[f"{width}_over_greedy"] = each.median / times["greedy"].median
    return row


def padding(folder: Path | None) -> list[dict]:
    """Rows of the section: of the phrase book, and of Multi30k where its folder is given."""
    from apps.translation.batches import make_training_data, token_ids
    from apps.translation.config import Config
    from apps.translation.data import load_splits
    from apps.translation.preprocessing import Preprocessor
    from benchmarks import translation_parts as parts
    from common.config import resolve_config

    default = resolve_config(Config)
    sets = {"phrase book": (default, load_splits(default).train)}
    if folder:
        config = parts.configured(128, 256)
        sets["Multi30k"] = (config, parts.multi30k_splits(folder, config).train)
    rows = []
    for name, (config, train) in sets.items():
        preprocessor = Preprocessor.from_config(config)
        preprocessor.adapt(train)
        data, left_out = make_training_data(train, preprocessor, config)
        source, target = (ids.row_lengths().numpy() for ids in token_ids(train, preprocessor))
        kept = (source <= config.preprocessing.max_length) & (target <= config.preprocessing.max_length)
        source, target = source[kept], target[kept]
        sentences = max(1, len(source) // data.steps_per_epoch)
        rows.append(
            {
                "data": name,
                "pairs": len(source),
                "left_out": left_out,
                "padding_waste": data.padding_waste,
                "random_batches_waste": parts.random_batches_waste(source, target, sentences),
                "one_length_waste": 1 - float((source + target).mean() / (source.max() + target.max())),
                "pairs_of_lengths": ", ".join(f"{a}→{b}" for a, b in data.shapes),
                "steps_per_epoch": data.steps_per_epoch,
                "source_tokens": float(source.mean()),
                "target_tokens": float(target.mean()),
            }
        )
    return rows


if __name__ == "__main__":
    sys.exit(main())
