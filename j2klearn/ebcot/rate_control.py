"""Files of what a coder codes: of one size, or tried until a PSNR is met; boxes, comments and markers included."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..codestream.main_header import insert_comments
from ..codestream.tile_parts import EOC, arrange
from ..core.targets import Targets
from ..jp2 import boxes
from ..jp2.boxes import wrapped
from ..layers import plt_bytes
from ..native import library
from .coders import Coder
from .made_file import MadeFile

__all__ = ["PSNR_TOLERANCE", "RateControl", "header_overhead"]

#: A file for `psnr` is right within this many dB.
PSNR_TOLERANCE = 0.05
_PSNR_ROUNDS = 12
_PSNR_STEP = 5e-4


class RateControl:
    """Makes files of what a coder codes: of one size, or tried until a PSNR is met.

    Parameters
    ----------
    coder : Coder
        What codes the picture.
    jp2 : bool
        Make JP2 files; else bare codestreams.
    note : str
        A comment for people.
    """

    def __init__(self, coder: Coder, *, jp2: bool = True, note: str = "") -> None:
        self.coder, self.jp2, self.note = coder, jp2, note
        self.picture, self.layout, self.run = coder.picture, coder.layout, coder.run
        self.area = self.layout.area(self.picture.height, self.picture.width)

    def finished(self, codestream: bytes) -> MadeFile:
        """Return the file of a codestream: with comments, marker segments and boxes."""
        payloads = self.coder.payloads(self.coder.noise(codestream))
        if self.layout.divided:
            codestream = arrange(codestream, plt=self.layout.plt, tlm=self.layout.tlm)
        codestream = insert_comments(codestream, payloads, self.note)
        data = wrapped(codestream, self.picture) if self.jp2 else codestream
        return MadeFile(data, self.coder.model)

    def overhead(self, layers: int, size: float) -> int:
        """Bytes of a file of about `size` bytes that OpenJPEG's rate control does not count."""
        head = len(wrapped(b"", self.picture)) if self.jp2 else 0
        parts = self.layout.overhead(self.area, self.picture.components, layers, size)
        tiles = len(self.layout.tiles(self.area))
        note = len(self.note) + 6 if self.note else 0
        return head + header_overhead(self.coder, layers, tiles) + note + parts

    def code(self, layer_bytes: Sequence[float], *, again: bool) -> MadeFile:
        """Return the file whose layers end at the given sizes; `again` where it will be asked for once more."""
        overhead = self.overhead(len(layer_bytes), layer_bytes[-1])
        budget = [max(1.0, size - overhead) if size else 0.0 for size in layer_bytes]
        return self.finished(self.coder.code(budget, again=again))

    def reached(self, file: MadeFile, layers: int) -> float:
        """Return the PSNR in dB that a reader gets from the first `layers` layers."""
        return file.psnr(self.picture, layers, self.run.threads)

    def made(self, targets: Targets) -> MadeFile:
        """Return a file that meets the targets."""
        return self.at_size(targets.values) if targets.kind == "bytes" else self.at_psnr(targets.values)

    def at_size(self, layer_bytes: Sequence[float]) -> MadeFile:
        """Return a file whose layers end at the given sizes in bytes; 0 for everything."""
        again = self.layout.plt and not self.layout.divided
        file = self.code(layer_bytes, again=again)
        if again and layer_bytes[-1] and len(file) > layer_bytes[-1]:
            # its size is known once it is written; the highest layer makes room, for files of fewer go without it
            most = max(1.0, layer_bytes[-1] - plt_bytes(boxes.find_codestream(file.data)))
            return self.code([min(size, most) for size in layer_bytes], again=False)
        return file

    def at_psnr(self, wanted: Sequence[float]) -> MadeFile:
        """Find the sizes at which the layers reach the PSNRs wanted.

        PSNR is close to linear in the logarithm of the size, so every layer is led to its target by the line through
        its two best tries.
        """
        raw = self.picture.samples.size * self.picture.bit_depth / 8
        smallest, largest = float(self.overhead(len(wanted), 0.0) + 200), 2.0 * raw
        tries: list[list[tuple[float, float]]] = [[] for _ in wanted]
        sizes = [min(largest, max(smallest, raw * 2.0 ** ((db - 62) / 6))) for db in wanted]
        best, best_miss = None, math.inf
        for round_ in range(_PSNR_ROUNDS):
            self.run.progress(round_ / _PSNR_ROUNDS, f"search for PSNR, try {round_ + 1}")
            file = self.code(sizes, again=True)
            reached = [self.reached(file, layer) for layer in range(1, len(wanted) + 1)]
            misses = [abs(db - goal) for db, goal in zip(reached, wanted, strict=True)]
            if max(misses) < best_miss:
                best, best_miss = file, max(misses)
            if best_miss <= PSNR_TOLERANCE:
                break
            for layer, (size, db) in enumerate(zip(sizes, reached, strict=True)):
                tries[layer].append((math.log2(size), db))
            following = [
                2.0 ** _towards(tries[layer], goal, math.log2(smallest), math.log2(largest))
                for layer, goal in enumerate(wanted)
            ]
            for layer in range(1, len(following)):  # layers have to rise
                following[layer] = max(following[layer], following[layer - 1] * 1.001)
            if all(abs(new / old - 1) < _PSNR_STEP for new, old in zip(following, sizes, strict=True)):
                break  # the layers of a small picture come in steps: there is nothing between the last two tries
            sizes = following
        assert best is not None
        return best


def header_overhead(coder: Coder, layers: int, tiles: int) -> int:
    """Return by how much the main header and the end of the codestream exceed what OpenJPEG counts."""
    payloads = coder.payloads(np.zeros((coder.picture.components, layers, tiles), np.uint8))
    if not payloads:
        return len(EOC)
    comment = 6 + len("Created by OpenJPEG version ") + len(library.openjpeg_version())
    return sum(len(payload) + 6 for payload in payloads) - comment + len(EOC)


def _towards(tries: list[tuple[float, float]], goal: float, low: float, high: float) -> float:
    """Return the next log2(size) to try for `goal` dB, from the (log2(size), dB) tried so far."""
    below = [t for t in tries if t[1] <= goal]
    above = [t for t in tries if t[1] > goal]
    if below and above:
        (x0, y0), (x1, y1) = max(below), min(above)
        share = (goal - y0) / (y1 - y0) if y1 > y0 else 0.5
        return x0 + (x1 - x0) * min(0.95, max(0.05, share))
    x, y = max(below) if below else min(above)
    # six decibels per bit and sample at high rates, less per doubling of the size at low ones: step out boldly
    step = (goal - y) / 3.0
    step = math.copysign(max(abs(step), 0.05), step)
    return min(high, max(low, x + step))
