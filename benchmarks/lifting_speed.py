"""Time the integer operators of lifting steps, in nanoseconds per cell of the grid.

    python benchmarks/lifting_speed.py [--side N] [--threads N ...] [--instructions NAME ...] [--repeat N]

An operator is written as inputs>outputs, channels, residual blocks, proposals, side of the proposals. The column
"blocks" is what the residual blocks add to the time, and "proposals" is what proposals larger than 1x1 add; "rest" is
the first and the last layer, the opacities and the samples. Every time is the smallest of several runs: the time of the
processor for one thread, so that other programs disturb it little, and the elapsed time for several threads.
"""

from __future__ import annotations

import argparse
import time
from typing import NamedTuple

import numpy as np

from j2klearn.core.geometry import Rect
from j2klearn.native.instructions import available_instructions
from j2klearn.native.lifting import IntegerOperator


class Shape(NamedTuple):
    """The shape of an operator; see `IntegerOperator`."""

    inputs: int
    outputs: int
    width: int
    blocks: int
    count: int
    side: int

    def __str__(self) -> str:
        return f"{self.inputs}>{self.outputs} C{self.width} B{self.blocks} K{self.count} S{self.side}"


SHAPES = [
    Shape(*maps, *rest)
    for maps in ((1, 3), (3, 1))
    for rest in ((16, 2, 9, 13), (16, 2, 9, 7), (16, 2, 16, 7), (8, 1, 8, 7), (32, 2, 32, 9))
]


def operator(shape: Shape) -> IntegerOperator:
    """Make an operator with random weights of the magnitude of trained ones."""
    rng = np.random.default_rng(0)

    def weights(*dimensions: int) -> np.ndarray:
        return np.clip(rng.normal(0, 150, dimensions), -600, 600).astype(np.int16)

    first = 1 if shape.inputs == 1 else 3
    return IntegerOperator(
        first=weights(shape.width, shape.inputs, first, first),
        blocks=weights(2 * shape.blocks, shape.width, shape.width, 3, 3),
        last=weights(shape.count, shape.width, 3, 3),
        proposals=weights(shape.outputs * shape.count, shape.inputs, shape.side, shape.side),
        input_bits=6,
        first_shift=8,
        block_shifts=[11] * (2 * shape.blocks),
        last_shift=11,
        proposal_shift=11,
        offset=10,
        output_bits=6,
    )


def nanoseconds(
    shape: Shape, side: int, components: int, instructions: str, threads: int, repeat: int
) -> float:
    """Return the smallest time of a lifting step, per cell."""
    rng = np.random.default_rng(1)
    rect = Rect(0, 0, side, side)

    def planes(count: int) -> list[list[tuple[np.ndarray, Rect]]]:
        return [
            [(rng.normal(0, 30, rect.shape).astype(np.float32), rect) for _ in range(count)]
            for _ in range(components)
        ]

    sources, targets, step = planes(shape.inputs), planes(shape.outputs), operator(shape)
    clock = time.process_time if threads == 1 else time.perf_counter
    times = []
    for _ in range(repeat):
        start = clock()
        step.lift(sources, targets, 1, shared=True, threads=threads, instructions=instructions)
        times.append(clock() - start)
    return min(times) / rect.size * 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=256, help="rows and columns of the grid")
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    fast = [name for name in available_instructions() if name not in ("best", "portable")]
    parser.add_argument("--instructions", nargs="+", default=fast, choices=available_instructions())
    parser.add_argument("--repeat", type=int, default=20)
    options = parser.parse_args()
    print(
        f"{'operator':24} {'instructions':12} threads components   whole  blocks proposals    rest   ns per cell"
    )
    for shape in SHAPES:
        for instructions in options.instructions:
            for threads in options.threads:
                for components in (1, 3):
                    rest = (options.side, components, instructions, threads, options.repeat)
                    whole = nanoseconds(shape, *rest)
                    blocks = whole - nanoseconds(shape._replace(blocks=0), *rest)
                    proposals = whole - nanoseconds(shape._replace(side=1), *rest)
                    print(
                        f"{shape!s:24} {instructions:12} {threads:7} {components:10} {whole:7.1f} {blocks:7.1f} "
                        f"{proposals:9.1f} {whole - blocks - proposals:7.1f}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
