"""Sizes of the layers that are timed, and what they would take at the rate of a large matrix product."""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

STANDARD = [
    "64x128x128x256",
    "64x400x128x128",
    "32x256x64x64",
    "16x100x512x1024",
    "128x50x256x512",
    "1x1000x64x128",
]
GATES = {"LSTM": 4, "GRU": 3}


@dataclass(frozen=True)
class Shape:
    """Sizes of one layer and its input, written `BATCHxTIMExFEATURESxUNITS`."""

    batch: int
    time: int
    features: int
    units: int

    @classmethod
    def parse(cls, text: str) -> "Shape":
        return cls(*map(int, text.split("x")))

    def __str__(self) -> str:
        return f"{self.batch}x{self.time}x{self.features}x{self.units}"

    def operations(self, gates: int) -> float:
        """Floating-point operations of the products of a training step: forward, and twice as many backward."""
        return 3 * 2 * self.batch * self.time * (self.features + self.units) * gates * self.units

    def sequence(self) -> np.ndarray:
        return np.random.default_rng(0).standard_normal((self.batch, self.time, self.features), np.float32)


def add_options(parser: argparse.ArgumentParser, sections: Iterable[str]) -> None:
    """Adds what `benchmarks.layers` and `benchmarks.gpu_layers` both take."""
    names = list(sections)
    parser.add_argument("--sections", nargs="+", choices=names, default=names, help="what to measure")
    parser.add_argument(
        "--shapes", nargs="+", type=Shape.parse, help="BATCHxTIMExFEATURESxUNITS, in place of those of each section"
    )
    parser.add_argument("--rounds", type=int, default=9, help="turns in which each layer is timed")


def roofline_seconds(operations: float, product_size: int, product_seconds: float) -> float:
    """What so many operations take at the rate of the product of two square matrices of that size."""
    return operations * product_seconds / (2 * product_size**3)
