"""Time of de-quantisation by PyTorch and by the integer twin, in nanoseconds per sample.

    python benchmarks/dequantisation.py [--sizes 32x2 32x2x4] [--side 1024] [--runs 5] [--threads 1]

A size is the width of a network, its pairs and, if it is not 2, the side of its positions. Networks have random
weights: the time does not depend on them. Every figure is the best of several runs. PyTorch runs as the decoder runs
it: in bfloat16 where the processor has it, unless J2KLEARN_CPU=avx2 is set.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

from j2klearn.core.geometry import Rect
from j2klearn.dequantisation.apply import NoiseMap, dequantise
from j2klearn.dequantisation.networks import Dequantiser
from j2klearn.dequantisation.twin.network import DequantiserTwin
from j2klearn.dequantisation.twin.quantise import quantise_dequantiser
from j2klearn.native.instructions import available_instructions
from j2klearn.transform.precision import fast_bfloat16

LEVEL = 2.0


def best(body: Callable[[], None], runs: int, threads: int) -> float:
    """Return the least time of some runs, in seconds: that of the processor for one thread, else that of a clock."""
    clock = time.process_time if threads == 1 else time.perf_counter
    times = []
    for _ in range(runs):
        start = clock()
        body()
        times.append(clock() - start)
    return min(times)


def networks(
    width: int, pairs: int, positions: int, plane: np.ndarray
) -> tuple[Dequantiser, DequantiserTwin]:
    """Return a network with random weights, and its twin."""
    torch.manual_seed(0)
    network = Dequantiser(width, pairs, positions).eval().requires_grad_(False)
    network.tail.weight.normal_(0, 0.05)
    twin = quantise_dequantiser(network, [(plane[None, :256, :256], np.array([LEVEL]))])
    return network.to(torch.bfloat16) if fast_bfloat16() else network, twin


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--sizes", nargs="+", default=["32x2", "16x2", "16x1", "8x2", "8x1"], metavar="WIDTHxPAIRS[xSIDE]"
    )
    parser.add_argument("--side", type=int, default=1024, help="side of the picture")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--no-torch", action="store_true", help="only the twin")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    side = options.side
    plane = np.random.default_rng(0).normal(0, 20, (side, side)).cumsum(1).astype(np.float32) / 8
    zero = np.zeros(1)
    noise = NoiseMap(np.full((1, 1), LEVEL, np.float32), zero, zero)
    codes = noise.codes(Rect(0, 0, *plane.shape))
    target = np.empty_like(plane)
    sets = [name for name in available_instructions() if name != "best"]
    kind = "PyTorch, bfloat16" if fast_bfloat16() else "PyTorch, float32"
    print(f"{'network':8} {kind:>18}" + "".join(f"{name:>14}" for name in sets) + "  ns per sample")
    for size in options.sizes:
        width, pairs, positions = (*map(int, size.split("x")), 2)[:3]
        network, twin = networks(width, pairs, positions, plane)
        row = f"{size:8}"
        if options.no_torch:
            row += f" {'-':>18}"
        else:
            copy = plane[None].copy()

            def torch_run(copy: np.ndarray = copy, network: Dequantiser = network) -> None:
                dequantise(copy, Rect(0, 0, *plane.shape), network, [noise], ict=False)

            row += f" {best(torch_run, options.runs, options.threads) / plane.size * 1e9:18.1f}"
        for name in sets:

            def native_run(name: str = name, twin: DequantiserTwin = twin) -> None:
                area = Rect(0, 0, *plane.shape)
                twin.native.apply(
                    [plane], [target], area, [codes], threads=options.threads, instructions=name
                )

            row += f"{best(native_run, options.runs, options.threads) / plane.size * 1e9:14.1f}"
        print(row, flush=True)


if __name__ == "__main__":
    main()
