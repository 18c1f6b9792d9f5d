"""Features, captions and training steps of the captioning application: photographs a second, milliseconds of one caption, beside PyTorch.

- `features`: photographs a second on the way from JPEG bytes to stored features of the encoder of the preset `photos`, and of
  it the decoding and the encoder alone. Without `--data` they are made up, in the sizes of `--sizes`.
- `caption`: milliseconds from the bytes of one photograph to its caption with a loaded SavedModel, `--model`: `first_ms` is the
  first call, `median_ms` that of later ones with other photographs. Without `--model` this section is left out.
- `training`: milliseconds of a step of `fit` of the default network and of the preset `photos`, whose encoder stays as it is and
  whose features are read, on random tokens without padding; with its metrics and without. Beside it the same network in
  PyTorch, written as for PyTorch, with the same sizes, dropout, Adam and clipped gradient, in processes of their own with as
  many threads: `eager`, and `compiled`, the decoder by `torch.compile`. In each round every one of them takes its steps in turn,
  after a first turn in which it is compiled. `times_torch` is the median of the ratios of the rounds to the fastest of them.

A run replaces only the sections it measured.
"""

import contextlib
import importlib.util
import itertools
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from apps.captioning.config import PRESETS, Config
from benchmarks import results
from benchmarks.torch_captioning import VARIANTS
from common.config import resolve_config

SECTIONS = ("features", "caption", "training")
FEATURES_GOAL = 30.0  # photographs a second, on two cores
CAPTION_GOAL = 150.0  # milliseconds, with a beam of 5


@dataclass(frozen=True)
class Shape:
    """What is trained: a preset, pictures, captions of each, tokens of each, and vocabulary."""

    preset: str
    batch: int
    captions: int
    time: int
    vocabulary: int

    @classmethod
    def of(cls, preset: str, time: int, vocabulary: int) -> "Shape":
        """As many pictures and captions as the preset has in a batch."""
        train = resolve_config(Config, PRESETS, preset).train
        return cls(preset, train.batch_size, train.captions_per_picture, time, vocabulary)

    @classmethod
    def parse(cls, text: str) -> "Shape":
        """Reads `photos=64x1x16x1500`."""
        preset, _, sizes = text.partition("=")
        batch, captions, steps, vocabulary = map(int, sizes.split("x"))
        return cls(preset, batch, captions, steps, vocabulary)

    def __str__(self) -> str:
        preset, *sizes = astuple(self)
        return f"{preset}={'x'.join(map(str, sizes))}"


# Tokens and vocabulary as of the English scenes, and of the photographs of `captioning_flickr8k`.
SHAPES = (Shape.of("base", 12, 180), Shape.of("photos", 16, 1_500))


def main() -> int:
    parser = results.make_parser("captioning_speed", __doc__)
    parser.add_argument(
        "--sections", nargs="+", choices=SECTIONS, help="what to measure; all of them where a model is given"
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="a folder of JPEG photographs; none = made up")
    parser.add_argument(
        "--sizes", nargs="+", default=["320x240", "500x375"], help="WIDTHxHEIGHT of made-up photographs"
    )
    parser.add_argument(
        "--photographs",
        type=int,
        default=256,
        help="of each size, or of the folder at most; they are read in batches of 16",
    )
    parser.add_argument("--model", type=Path, metavar="DIR", help="an exported model, such as saved_models/captioning")
    parser.add_argument("--beam", type=int, default=5, help="candidates that the search keeps at each step")
    parser.add_argument("--calls", type=int, default=40, help="captions after the first")
    parser.add_argument(
        "--shapes",
        nargs="+",
        type=Shape.parse,
        default=list(SHAPES),
        help="PRESET=PICTURESxCAPTIONSxTOKENSxVOCABULARY of training",
    )
    parser.add_argument("--variants", nargs="*", choices=VARIANTS, default=list(VARIANTS), help="of PyTorch")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each")
    parser.add_argument("--steps", type=int, default=10, help="training steps in a turn")
    arguments = parser.parse_args()
    sections = arguments.sections or [name for name in SECTIONS if name != "caption" or arguments.model]
    if "caption" in sections and not arguments.model:
        parser.error("the section caption needs a model; give --model DIR")

    # Here and not above: --help does not wait for TensorFlow, and it takes the number of threads before its first operation only.
    import tensorflow as tf

    from benchmarks.layer_steps import thread_count
    from common.errors import UserError

    tf.config.threading.set_intra_op_parallelism_threads(thread_count())
    for name in sections:
        counts = {"rounds": arguments.rounds}
        try:
            if name == "features":
                rows = features(arguments.data, arguments.sizes, arguments.photographs, arguments.rounds)
            elif name == "caption":
                rows = caption(arguments.model, arguments.data, arguments.sizes, arguments.beam, arguments.calls)
                counts = {"calls": arguments.calls}
            else:
                rows = training(arguments.shapes, arguments.rounds, arguments.steps, arguments.variants)
                counts["steps"] = arguments.steps
        except UserError as error:
            parser.error(str(error))
        print(f"\n{name}")
        results.print_columns(rows)
        section = {**counts, "made": time.strftime("%Y-%m-%d"), "machine": results.machine(), "rows": rows}
        results.save_section(arguments.output, "captioning_speed", name, section)
    return 0


def photographs(data: Path | None, sizes: Sequence[str], count: int) -> dict[str, list[bytes]]:
    """Name of each set to its photographs: those of a folder, or made-up ones of each size.

    Raises:
        UserError: there are none in the folder.
    """
    from benchmarks import captioning_parts as parts

    if data:
        return {data.name: parts.photographs_of(data, count)}
    return {
        size: [parts.made_up_photograph(*map(int, size.split("x")), seed) for seed in range(count)] for size in sizes
    }


def features(data: Path | None, sizes: Sequence[str], count: int, rounds: int, **settings: str) -> list[dict]:
    """Rows of the section, one for each set of photographs.

    Args:
        data: their folder; None for made-up ones.
        sizes: of made-up ones.
        count: of each size, or of the folder at most.
        rounds: turns of each.
        settings: of the application, over those of the preset `photos`.

    Raises:
        UserError: there are no photographs in the folder, or the weights of the encoder are not there.
    """
    from benchmarks import captioning_parts as parts

    config = parts.configured("photos", **settings)
    found = []
    for name, pictures in photographs(data, sizes, count).items():
        maker = parts.FeatureMaker(config, pictures)
        times = feature_times(maker, rounds)
        rates = {part: len(pictures) / each.median for part, each in times.items()}
        found.append(
            {
                "photographs": name,
                "count": len(pictures),
                "mean_kib": sum(map(len, pictures)) / len(pictures) / 1024,
                "encoder": config.model.encoder,
                "picture_size": maker.size,
                "per_s": rates["whole"],
                "goal_per_s": FEATURES_GOAL,
                "decoding_per_s": rates["decoding"],
                "encoder_per_s": rates["encoder"],
                "first_s": times["whole"].first,
            }
        )
    return found


def feature_times(maker, rounds: int) -> dict:
    """`Times` of the way from bytes to stored features, `whole`, and of its parts.

    Args:
        maker: a `captioning_parts.FeatureMaker`.
        rounds: turns of each.
    """
    from benchmarks.stopwatch import alternating_times

    pixels, numbers = maker.decode(), itertools.count()
    with tempfile.TemporaryDirectory() as folder:
        turns = {
            "whole": lambda: maker.store(Path(folder, str(next(numbers)))),
            "decoding": maker.decode,
            "encoder": lambda: maker.encode(pixels),
        }
        return alternating_times(turns, rounds)


def caption(model: Path, data: Path | None, sizes: Sequence[str], beam: int, calls: int) -> list[dict]:
    """The row of the section.

    Args:
        model: an exported one.
        data: folder of photographs; None for made-up ones.
        sizes: of made-up ones, in turn.
        beam: candidates that are kept at each step.
        calls: after the first.

    Raises:
        UserError: it is no model of this application, or the folder has no photographs.
    """
    import numpy as np

    from benchmarks.stopwatch import alternating_seconds
    from common.saved_model import load

    each = list(photographs(data, sizes, calls + 1 if data else -(-(calls + 1) // len(sizes))).values())
    pictures = itertools.cycle([picture for row in zip(*each) for picture in row])
    started = time.perf_counter()
    loaded = load(model, "captioning")
    load_ms = 1_000 * (time.perf_counter() - started)
    penalty = loaded.metadata["length_penalty"]

    def one(endpoint, **settings):
        return lambda: loaded.run(endpoint, {"image": np.array([next(pictures)], dtype=object), **settings})

    settings = {"beam_width": np.array([beam], np.int32), "length_penalty": np.array([penalty], np.float32)}
    turns = {"beam": one("beam", **settings), "greedy": one("greedy")}
    milliseconds = {name: [1_000 * s for s in times] for name, times in alternating_seconds(turns, calls).items()}
    first, *later = milliseconds["beam"]
    return [
        {
            "photographs": data.name if data else ", ".join(sizes),
            "beam": beam,
            "picture_size": loaded.metadata["picture_size"],
            "load_ms": load_ms,
            "first_ms": first,
            "median_ms": float(np.median(later)),
            "goal_ms": CAPTION_GOAL,
            "slowest_ms": max(later),
            "greedy_median_ms": float(np.median(milliseconds["greedy"][1:])),
        }
    ]


def training(shapes: Sequence[Shape], rounds: int, steps: int, variants: Sequence[str], **settings: str) -> list[dict]:
    """Rows of the section, one for each shape: milliseconds of a step, and ours over each of PyTorch's.

    Args:
        shapes: what is trained.
        rounds: turns of each.
        steps: in a turn.
        variants: of PyTorch.
        settings: of the application, over those of the preset.
    """
    from benchmarks import captioning_parts as parts
    from benchmarks.fit_steps import training_steps
    from benchmarks.layer_steps import thread_count
    from benchmarks.stopwatch import alternating_seconds
    from benchmarks.torch_captioning import torch_training
    from benchmarks.translation_speed import compared

    if variants and not importlib.util.find_spec("torch"):
        print("note: PyTorch is not installed (pip install -e '.[bench]'), so it is left out", file=sys.stderr)
    found = []
    for shape in shapes:
        config = parts.configured(shape.preset, **settings)
        network = parts.network_of(shape.vocabulary, config)
        batch = parts.batch_of(network, shape.batch, shape.captions, shape.time, shape.vocabulary)
        turns = {
            "unroll": training_steps(network, batch, steps),
            "unroll_without_metrics": training_steps(parts.network_of(shape.vocabulary, config, False), batch, steps),
        }
        trained = sum(weight.shape.num_elements() for weight in network.trainable_variables)
        row = {"shape": str(shape), "encoder": config.model.encoder, "parameters": trained}
        with contextlib.ExitStack() as stack:
            for variant in variants:
                peer = stack.enter_context(
                    torch_training(torch_settings(shape, config, network, steps, thread_count(), variant))
                )
                if peer:
                    turns[f"torch_{variant}"] = peer.steps
                    row["torch_parameters"] = peer.parameters
            seconds = alternating_seconds(turns, rounds)
        rates = compared(seconds, steps, "steps")
        milliseconds = {f"{name}_step_ms": 1_000 / rates.pop(f"{name}_steps_per_s") for name in seconds}
        found.append({**row, **milliseconds, **rates})
    return found


def torch_settings(shape: Shape, config, network, steps: int, threads: int, variant: str):
    """What PyTorch's network must know to be that of the configuration."""
    from apps.captioning.small_cnn import MOMENTUM, STAGES
    from benchmarks.torch_captioning import Settings

    trained, model = config.model.encoder_is_trained, config.model
    places, channels = (network.get_layer("encoder").output_shape if trained else network.input["features"].shape)[1:]
    return Settings(
        vocabulary=shape.vocabulary,
        embedding=model.embedding_dim,
        units=model.units,
        attention_units=model.attention_units,
        word_dropout=model.word_dropout,
        embedding_dropout=model.embedding_dropout,
        feature_dropout=model.feature_dropout,
        output_dropout=model.output_dropout,
        coverage=model.coverage,
        doubly_stochastic=model.doubly_stochastic,
        lexicon=model.lexicon,
        label_smoothing=config.train.label_smoothing,
        learning_rate=config.train.learning_rate,
        clip_norm=config.train.clip_norm,
        picture_size=network.input["pixels"].shape[1] if trained else 0,
        stages=STAGES if trained else (),
        epsilon=1e-3,  # Keras's default
        momentum=MOMENTUM,
        places=places,
        channels=channels,
        batch=shape.batch,
        captions=shape.captions,
        time=shape.time,
        steps=steps,
        threads=threads,
        variant=variant,
    )


if __name__ == "__main__":
    sys.exit(main())
