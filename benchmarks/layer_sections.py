"""The sections of `benchmarks.layers`. Each takes shapes, names of cells, rounds and peers, and gives rows and goals.

A goal is a sentence and whether it was met. All times of a row were measured in turns.
"""

import math
from collections.abc import Sequence

import tensorflow as tf

from benchmarks.janet import JANET, JANETCell
from benchmarks.layer_memory import memory
from benchmarks.layer_shapes import GATES, STANDARD, Shape, roofline_seconds
from benchmarks.layer_steps import (
    PRODUCT,
    gradient_function,
    inference_step,
    keras_steps,
    operations_of_products,
    ours,
    product_step,
    thread_count,
    training_step,
    with_attention,
)
from benchmarks.stopwatch import Times, alternating_times
from benchmarks.torch_peer import torch_steps
from common import layers
from common.layers.attention_cell import FORMS
from common.layers.recurrent_layer import RecurrentLayer

SHAPES = {
    "gated": STANDARD,
    "inference": STANDARD,
    "bidirectional": STANDARD,
    "custom": ["64x128x128x256", "64x400x128x128", "32x256x64x64"],
    "scans": ["8x4096x64x128"],
    "growth": [f"8x{time}x64x64" for time in (128, 256, 512, 1024, 2048, 4096, 8192)],
    "cells": ["32x200x128x128"],
    "attention": ["64x30x256x256"],
    "memory": STANDARD,
}
SCANS = ("MinGRU", "MinLSTM", "LRU", "RGLRU", "QRNN", "MLSTM")
Goals = list[tuple[str, bool]]


def cell_layers() -> list[str]:
    """Names of all layers over a sequence in `common.layers`."""
    found = [getattr(layers, name) for name in layers.__all__]
    return [each.__name__ for each in found if isinstance(each, type) and issubclass(each, RecurrentLayer)]


def gated(shapes: Sequence[Shape], cells: Sequence[str], rounds: int, peers: Sequence[str]) -> tuple[list, Goals]:
    rows = []
    for shape in shapes:
        for name in filter(GATES.get, cells):
            steps = {"ours": ours(name, shape), "product": product_step()}
            times = _times_with_peers(steps, rounds, name, shape, peers)
            roofline = roofline_seconds(shape.operations(GATES[name]), PRODUCT, times["product"].median)
            row = {"cell": name, "shape": str(shape), **_row(times)}
            rows.append({**row, "roofline_share": roofline / times["ours"].median})
    goals = _goals_of(rows, "keras_ratio", 1.6, rows)
    goals += _goals_of(rows, "torch_ratio", 1.15, [row for row in rows if Shape.parse(row["shape"]).batch > 1])
    for row in rows:
        shape = Shape.parse(row["shape"])
        if shape.units >= 128 and shape.batch >= 32:
            share = row["roofline_share"]
            goals.append((f"{row['cell']} {shape}: {share:.0%} of the roofline, goal 85 %", share >= 0.85))
    return rows, goals


def inference(shapes: Sequence[Shape], cells: Sequence[str], rounds: int, peers: Sequence[str]) -> tuple[list, Goals]:
    rows = []
    for shape in shapes:
        for name in filter(GATES.get, cells):
            steps = {"ours": ours(name, shape, step=inference_step)}
            times = _times_with_peers(steps, rounds, name, shape, peers, step=inference_step)
            rows.append({"cell": name, "shape": str(shape), **_row(times)})
    goals = _goals_of(rows, "keras_ratio", 1.0, rows)
    return rows, goals + _goals_of(rows, "torch_ratio", 1.0, rows)


def bidirectional(
    shapes: Sequence[Shape], cells: Sequence[str], rounds: int, peers: Sequence[str]
) -> tuple[list, Goals]:
    rows, goals = [], []
    for shape in shapes:
        for name in filter(GATES.get, cells):
            steps = {"ours": ours(name, shape, True), "one": ours(name, shape)}
            times = _times_with_peers(steps, rounds, name, shape, peers, True)
            ratio = times["ours"].median / (2 * times["one"].median)
            row = {"cell": name, "shape": str(shape), **_row(times), "one_ms": 1e3 * times["one"].median}
            rows.append({**row, "one_min_ms": 1e3 * times["one"].minimum, "ratio": ratio})
            goals.append((f"{name} {shape}: {ratio:.2f} of twice one direction, goal 1.05", ratio <= 1.05))
    return rows, goals


def custom(shapes: Sequence[Shape], cells: Sequence[str], rounds: int, peers: Sequence[str]) -> tuple[list, Goals]:
    rows, goals = [], []
    for shape in shapes:
        steps = {
            "ours": training_step(JANET(shape.units, return_sequences=True), shape),
            "lstm": ours("LSTM", shape),
        }
        times = alternating_times(steps, rounds)
        operations = {"ours": shape.operations(JANETCell.gate_count), "lstm": shape.operations(GATES["LSTM"])}
        cost = {each: times[each].median / operations[each] for each in steps}
        ratio = cost["ours"] / cost["lstm"]
        row = {"cell": "JANET", "shape": str(shape), **_row(times), "lstm_ms": 1e3 * times["lstm"].median}
        rows.append({**row, "lstm_min_ms": 1e3 * times["lstm"].minimum, "ratio": ratio})
        goals.append((f"JANET {shape}: {ratio:.2f} times an LSTM's cost of an operation, goal 1.2", ratio <= 1.2))
    return rows, goals


def scans(shapes: Sequence[Shape], cells: Sequence[str], rounds: int, peers: Sequence[str]) -> tuple[list, Goals]:
    rows = _beside_lstm(shapes, [name for name in SCANS if name in cells], rounds, {"product": product_step()})
    goals = []
    for row in rows:
        shape, seconds = Shape.parse(row["shape"]), 1e-3 * row.pop("product_ms")
        operations = operations_of_products(row["cell"], shape)
        row["lstm_operations_ratio"] = operations_of_products("LSTM", shape) / operations
        row["roofline_share"] = roofline_seconds(operations, PRODUCT, seconds) / (1e-3 * row["ms"])
        if row["cell"] != "LSTM":
            faster, fewer = row["lstm_ratio"], row["lstm_operations_ratio"]
            goal = f"{faster:.1f} times as fast as LSTM, goal 3; it has {fewer:.1f} times fewer operations in products"
            goals.append((f"{row['cell']} {shape}: {goal}", faster >= 3))
    return rows, goals


def growth(shapes: Sequence[Shape], cells: Sequence[str], rounds: int, peers: Sequence[str]) -> tuple[list, Goals]:
    traces = []
    layer = layers.LSTM(shapes[0].units, return_sequences=True)
    layer.build((None, None, shapes[0].features))
    step = gradient_function(layer, on_trace=lambda: traces.append(1))
    inputs = {str(shape): tf.constant(shape.sequence()) for shape in shapes}
    times = alternating_times({key: _bound(step, value) for key, value in inputs.items()}, rounds)
    rows = [
        {
            "cell": "LSTM",
            "shape": str(shape),
            **_columns(times[str(shape)]),
            "us_per_step": 1e6 * times[str(shape)].median / shape.time,
        }
        for shape in shapes
    ]
    ratio = rows[-1]["us_per_step"] / rows[0]["us_per_step"]
    goals = [
        (f"a step of the longest sequence takes {ratio:.2f} of one of the shortest, goal 1.1", ratio <= 1.1),
        (f"{len(traces)} traces for {len(inputs)} lengths, each met again", len(traces) == len(inputs)),
    ]
    return rows, goals


def cells(shapes: Sequence[Shape], cells: Sequence[str], rounds: int, peers: Sequence[str]) -> tuple[list, Goals]:
    rows = _beside_lstm(shapes, cells, rounds)
    for row in rows:
        layer = getattr(layers, row["cell"])(128)
        layer.build((None, None, 128))
        row["parameters_per_unit"] = layer.count_params() / 128
    return rows, []


def attention(shapes: Sequence[Shape], cells: Sequence[str], rounds: int, peers: Sequence[str]) -> tuple[list, Goals]:
    rows = []
    for shape in shapes:
        steps = {form: with_attention(form, shape) for form in FORMS}
        steps |= {f"{form}, inference": with_attention(form, shape, inference_step) for form in FORMS}
        times = alternating_times(steps, rounds)
        for form in FORMS:
            inference = {f"inference_{key}": value for key, value in _columns(times[f"{form}, inference"]).items()}
            rows.append({"form": form, "shape": str(shape), **_columns(times[form]), **inference})
    return rows, []


def _beside_lstm(shapes: Sequence[Shape], names: Sequence[str], rounds: int, others: dict | None = None) -> list[dict]:
    """A row for LSTM and each name; `others` are steps timed in the same turns, `NAME_ms` in every row."""
    rows = []
    for shape in shapes:
        each = dict.fromkeys(["LSTM", *names])
        times = alternating_times({name: ours(name, shape) for name in each} | (others or {}), rounds)
        lstm = times["LSTM"].median
        for name in each:
            row = {"cell": name, "shape": str(shape), **_columns(times[name])}
            row |= {f"{other}_ms": 1e3 * times[other].median for other in others or ()}
            rows.append({**row, "lstm_ratio": lstm / times[name].median, "relative_time": times[name].median / lstm})
    return rows


def _times_with_peers(
    steps: dict, rounds: int, name: str, shape: Shape, peers: Sequence[str], both: bool = False, step=training_step
) -> dict[str, Times]:
    if "keras" in peers:
        steps |= keras_steps(name, shape, both, step)
    if "torch" not in peers:
        return alternating_times(steps, rounds)
    sizes = (shape.batch, shape.time, shape.features, shape.units)
    with torch_steps(name, sizes, thread_count(), both, step is training_step) as of_torch:
        return alternating_times({**steps, **of_torch}, rounds)


def _bound(step, inputs):
    return lambda: [gradient.numpy() for gradient in step(inputs)]


def _columns(times: Times) -> dict[str, float]:
    return {"ms": 1e3 * times.median, "min_ms": 1e3 * times.minimum, "compile_s": max(0.0, times.first - times.median)}


def _row(times: dict[str, Times]) -> dict:
    """Columns of our layer and of the peers that were timed; of Keras's two settings the better one."""
    row = _columns(times["ours"])
    candidates = [name for name in times if name.startswith("keras")]
    best = min(candidates, key=lambda name: times[name].median, default=None)
    for peer, name in (("keras", best), ("torch", "torch")):
        if name in times:
            row |= {f"{peer}_{key}": value for key, value in _columns(times[name]).items()}
            if peer == "torch":
                del row["torch_compile_s"]  # it compiles nothing
            row[f"{peer}_ratio"] = times[name].median / times["ours"].median
    return {**row, "keras_setting": best} if best else row


def _goals_of(rows: list[dict], ratio: str, mean_goal: float, each: list[dict]) -> Goals:
    """At least as fast at each shape, and by `mean_goal` in the geometric mean of all of them."""
    values = [row[ratio] for row in rows if ratio in row]
    if not values:
        return []
    peer, mean = ratio.partition("_")[0], math.exp(sum(map(math.log, values)) / len(values))
    goals = [(f"{peer} / ours, geometric mean: {mean:.2f}, goal {mean_goal}", mean >= mean_goal)]
    for row in each:
        goals.append((f"{peer} / ours, {row['cell']} {row['shape']}: {row[ratio]:.2f}, goal 1.0", row[ratio] >= 1))
    return goals


SECTIONS = {
    each.__name__: each for each in (gated, inference, bidirectional, custom, scans, growth, cells, attention, memory)
}
