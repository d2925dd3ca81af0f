"""Rate control: files of a given size or of a given PSNR, including boxes, comments and marker segments."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..codestream.main_header import insert_comments, replace_comments
from ..codestream.subband_weights import weights_overhead
from ..codestream.tile_parts import EOC, arrange, plt_bytes
from ..core.geometry import Rect
from ..core.targets import Targets
from ..jp2 import boxes
from ..jp2.boxes import wrapped
from ..native import library
from .coders import Coder
from .layout import Layout
from .made_file import MadeFile
from .missed import distance

__all__ = ["PSNR_TOLERANCE", "RateControl", "header_overhead"]

#: The search for a PSNR stops when it is met within this many dB.
PSNR_TOLERANCE = 0.05

#: The search also stops after this many files, and when the sizes change by less than this share.
_PSNR_ROUNDS = 14
_PSNR_STEP = 5e-4

#: A try above the goal counts as at most this many dB above it.
_MOST_LEAD = 12.0

#: The size changes by at most this many octaves from one try to the next.
_MOST_OCTAVES = 2.0

#: The search stops when one file has been made more often than this.
_MOST_REPEATS = 2


class RateControl:
    """Makes files of a given size or of a given PSNR from the codestreams of a coder.

    Parameters
    ----------
    coder : Coder
        The coder of the picture.
    jp2 : bool
        True for JP2 files, False for bare codestreams.
    note : str
        Text for a comment (COM marker segment with Rcom = 1) of a file with a wavelet of T.800. It replaces the comment
        of OpenJPEG, which is about as long. Empty for none.
    """

    def __init__(self, coder: Coder, *, jp2: bool = True, note: str = "") -> None:
        self.coder, self.jp2, self.note = coder, jp2, note
        self.picture, self.layout, self.run = coder.picture, coder.layout, coder.run
        self.area = self.layout.area(self.picture.height, self.picture.width)

    def finished(self, codestream: bytes) -> MadeFile:
        """Make a file from a codestream of the coder: add comments, marker segments and boxes."""
        payloads = self.coder.payloads(self.coder.noise(codestream))
        if self.layout.divided:
            codestream = arrange(codestream, plt=self.layout.plt, tlm=self.layout.tlm)
        codestream = insert_comments(codestream, payloads)
        if self.note:
            codestream = replace_comments(codestream, self.note)
        data = wrapped(codestream, self.picture) if self.jp2 else codestream
        return MadeFile(data, self.coder.model)

    def noted(self, file: MadeFile) -> MadeFile:
        """Return a file of the same coder with the note."""
        codestream = replace_comments(boxes.find_codestream(file.data), self.note)
        return MadeFile(wrapped(codestream, self.picture) if self.jp2 else codestream, self.coder.model)

    def overhead(self, layers: int, size: float) -> int:
        """Return the bytes in a file that OpenJPEG's rate control does not count.

        Parameters
        ----------
        layers : int
            Number of quality layers.
        size : float
            Approximate size of the file in bytes.
        """
        head = len(wrapped(b"", self.picture)) if self.jp2 else 0
        parts = self.layout.overhead(self.area, self.picture.components, layers, size)
        note = len(self.note) + 6 - _comment_bytes() if self.note else 0
        return head + header_overhead(self.coder, self.layout, self.area, layers) + note + parts

    def code(self, layer_bytes: Sequence[float], *, again: bool) -> MadeFile:
        """Make a file once.

        Parameters
        ----------
        layer_bytes : sequence of float
            Size of the file in bytes at the end of each layer; 0 for no limit (last layer only).
        again : bool
            Whether the picture will be coded again; see `j2klearn.ebcot.coders.Coder.code`.
        """
        overhead = self.overhead(len(layer_bytes), layer_bytes[-1])
        budget = [max(1.0, size - overhead) if size else 0.0 for size in layer_bytes]
        return self.finished(self.coder.code(budget, again=again))

    def reached(self, file: MadeFile, layers: int) -> float:
        """Return the PSNR in dB of a file, decoded with its first `layers` layers.

        Where the coder is tuned for what people see, its errors have visual weights.
        """
        return file.psnr(self.picture, layers, self.run.threads, self.coder.tune)

    def made(self, targets: Targets) -> MadeFile:
        """Return a file that meets the targets."""
        return self.at_size(targets.values) if targets.kind == "bytes" else self.at_psnr(targets.values)

    def at_size(self, layer_bytes: Sequence[float]) -> MadeFile:
        """Return a file whose layers end at the given sizes.

        Parameters
        ----------
        layer_bytes : sequence of float
            Size of the file in bytes at the end of each layer, rising; 0 for no limit (last layer only).
        """
        again = self.layout.plt and not self.layout.divided
        file = self.code(layer_bytes, again=again)
        if again and layer_bytes[-1] and len(file) > layer_bytes[-1]:
            # The size of PLT is only known after coding. Its bytes are taken from the last layer, because a file with
            # fewer layers has no PLT.
            limit = max(1.0, layer_bytes[-1] - plt_bytes(boxes.find_codestream(file.data)))
            return self.code([min(size, limit) for size in layer_bytes], again=False)
        return file

    def at_psnr(self, wanted: Sequence[float]) -> MadeFile:
        """Return a file whose layers have the given PSNRs.

        PSNR is almost linear in the logarithm of the size. So the next size of a layer is found on the line through the
        two best tries so far. If no try meets all PSNRs within the tolerance, the nearest one is returned; see
        `j2klearn.ebcot.missed.distance`.

        Parameters
        ----------
        wanted : sequence of float
            PSNR of each layer in dB, rising.
        """
        raw = self.picture.samples.size * self.picture.bit_depth / 8
        headers = self.overhead(len(wanted), 0.0)  # the sizes below are those of the rest
        # pictures of few bits are coded with many fraction bits
        smallest, largest = 200.0, 200 + 2.0 * max(raw, self.picture.samples.size)
        tries: list[list[tuple[float, float]]] = [[] for _ in wanted]
        sizes = [min(largest, max(smallest, raw * 2.0 ** ((db - 62) / 6))) for db in wanted]
        seen: list[int] = []
        best: MadeFile | None = None
        best_order, best_miss = (math.inf, math.inf, 0), math.inf
        for round_ in range(_PSNR_ROUNDS):
            self.run.progress(round_ / _PSNR_ROUNDS, f"search for PSNR, try {round_ + 1}")
            file = self.code([headers + size for size in sizes], again=True)
            seen.append(len(file))
            reached = [self.reached(file, layer) for layer in range(1, len(wanted) + 1)]
            miss = max(abs(db - goal) for db, goal in zip(reached, wanted, strict=True))
            order = (*distance(reached, wanted), len(file))
            if miss <= PSNR_TOLERANCE or (order < best_order and best_miss > PSNR_TOLERANCE):
                best, best_order, best_miss = file, order, miss
            if best_miss <= PSNR_TOLERANCE:
                break
            for layer, (size, db) in enumerate(zip(sizes, reached, strict=True)):
                tries[layer].append((math.log2(size), db))
            enclosed = all(_bracket(own, goal) for own, goal in zip(tries, wanted, strict=True))
            if seen.count(len(file)) > _MOST_REPEATS and enclosed:
                break  # small pictures have few truncation points: there is none between the best tries
            following = [
                2.0 ** _towards(tries[layer], goal, math.log2(smallest), math.log2(largest))
                for layer, goal in enumerate(wanted)
            ]
            for layer in range(1, len(following)):  # layers have to rise
                following[layer] = max(following[layer], following[layer - 1] * 1.001)
            if all(abs(new / old - 1) < _PSNR_STEP for new, old in zip(following, sizes, strict=True)):
                break  # small pictures have few possible layer sizes: there is none between the last two tries
            sizes = following
        assert best is not None
        return best


def header_overhead(coder: Coder, layout: Layout, area: Rect, layers: int) -> int:
    """Return the bytes in the main header, of visual weights and of EOC that OpenJPEG's rate control does not count.

    Parameters
    ----------
    coder : Coder
        The coder of the picture, or of a part of it.
    layout : Layout
        The layout of the picture.
    area : Rect
        Area of the picture on the reference grid.
    layers : int
        Number of quality layers.
    """
    tiles = len(layout.tiles(area))
    payloads = coder.payloads(np.zeros((coder.picture.components, layers, tiles), np.uint8))
    size = len(EOC)
    if coder.weights:
        size += weights_overhead(coder.weights, layout.precinct_counts(area))
    if not payloads:
        return size
    return sum(len(payload) + 6 for payload in payloads) - _comment_bytes() + size


def _comment_bytes() -> int:
    """Return the bytes of the COM marker segment that OpenJPEG writes."""
    return 6 + len("Created by OpenJPEG version ") + len(library.openjpeg_version())


def _towards(tries: list[tuple[float, float]], goal: float, low: float, high: float) -> float:
    """Return the next log2(size) to try for `goal` dB, from the (log2(size), dB) tried so far."""
    bracket = _bracket(tries, goal)
    if bracket is not None:
        (x0, y0), (x1, y1) = bracket
        y1 = min(y1, goal + _MOST_LEAD)  # an exact picture has no PSNR that a line could lead to
        share = (goal - y0) / (y1 - y0) if y1 > y0 else 0.5
        before = _bracket(tries[:-1], goal)
        if before is not None and x1 - x0 > 0.5 * (before[1][0] - before[0][0]):
            share = 0.5  # the line leads to the same side again and again
        return x0 + (x1 - x0) * min(0.95, max(0.05, share))
    x, y = max(tries) if tries[0][1] <= goal else min(tries)
    # PSNR rises by 6 dB per bit and sample at high rates, and by less per doubling of the size at low rates: assume
    # 3 dB per doubling, which gives large steps; small pictures have few truncation points, so the steps grow
    step = (goal - y) / 3.0
    step = math.copysign(min(max(abs(step), 0.05 * 2 ** (len(tries) - 1)), _MOST_OCTAVES), step)
    return min(high, max(low, x + step))


def _bracket(
    tries: list[tuple[float, float]], goal: float
) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Return the largest try that does not exceed `goal` dB and the smallest one that does; None if one is missing."""
    below = [t for t in tries if t[1] <= goal]
    above = [t for t in tries if t[1] > goal]
    return (max(below), min(above)) if below and above else None
