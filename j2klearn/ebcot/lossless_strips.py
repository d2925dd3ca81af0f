"""Lossless encoding of a picture larger than memory: with the reversible learned transform, or with the 5/3."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

from ..codestream.main_header import HEADROOM, MOST_HEADROOM
from ..core.picture import Picture
from ..core.progress import silent
from ..core.reversible_steps import Steps
from ..core.targets import Targets
from ..errors import OptionError
from ..models.model import Model
from .coders import Coder, OrdinaryCoder
from .layout import Layout, levels_fit
from .lossless_choice import is_drawn
from .lossless_file import reversibility_note
from .rate_control import RateControl
from .reversible_choice import steps_for
from .reversible_coder import CarrierError, ReversibleCoder
from .strip_writer import StripWriter

__all__ = ["LosslessStripWriter"]

#: No limit of size: all coding passes.
_EXACT = Targets("bytes", (0.0,))


class LosslessStripWriter(StripWriter):
    """Encodes one picture without loss into a file, one row of tiles at a time; see `StripWriter`.

    The steps of the learned transform are chosen from windows of the picture. With `fallback`, so is the transform: the
    windows are coded in both ways, and the smaller one decides. Small pictures are coded wholly in both ways, unless
    they are drawn. All rows of tiles have the same headroom, that of the windows. If the carrier of one needs more, a
    small picture, or one without `fallback`, is coded again with more headroom, and any other one with the 5/3: it has
    something that the windows do not show.
    """

    #: Bits per sample of the carrier in addition to those of the picture.
    _headroom = HEADROOM

    @functools.cached_property
    def _steps(self) -> Steps:
        """The steps of the learned transform."""
        assert isinstance(self.transform, Model)
        engine = self.transform.reversible_engine
        green = self.probe.parts[0].ict and len(self.targets.values) == 1
        return steps_for(engine, self.probe.parts, self.layout.levels, self.run.threads, green=green)

    def _coder(self, picture: Picture, layout: Layout, targets: Targets) -> Coder:
        if isinstance(self.transform, str):
            return super()._coder(picture, layout, targets)
        return ReversibleCoder(
            picture,
            layout,
            self.transform,
            self.run,
            embed_model=self.embed_model,
            steps=self._steps,
            headroom=self._headroom,
        )

    def _write_learned(self, path: Path, sample: Picture) -> int:
        """Write the file with the learned transform, and with as much headroom as it needs."""
        while True:
            try:
                return self._write(path, sample)
            except CarrierError:
                if self._headroom == MOST_HEADROOM:
                    raise
                self._headroom += 1

    def _chosen(self, path: Path, sample: Picture) -> int:
        layout = self.layout
        fits = levels_fit(self.area, layout.tile_offset, layout.tile_size, layout.levels, reversible=True)
        if not self.fallback:
            if not fits:
                raise OptionError(f"a tile is too small for {layout.levels} levels of the learned transform")
            return self._write_learned(path, sample)
        if not fits or (is_drawn(self.probe.picture) if self.probe.whole else self._loses()):
            return self._ordinary(path, sample)
        try:
            return self._smaller(path, sample) if self.probe.whole else self._write(path, sample)
        except CarrierError:
            return self._ordinary(path, sample)

    def _smaller(self, path: Path, sample: Picture) -> int:
        """Write a small file in both ways, and keep the smaller one."""
        size = self._write_learned(path, sample)
        learned, model, run = path.read_bytes(), self.transform, self.run
        self.run = replace(run, progress=silent)
        ordinary = self._ordinary(path, sample)
        self.run = run
        if ordinary < size:
            return ordinary
        self.transform, self.note = model, ""
        return path.write_bytes(learned)

    def _ordinary(self, path: Path, sample: Picture) -> int:
        """Write the file with the 5/3."""
        self.transform, self.overhead = "5-3", None
        self.note = reversibility_note(self.transform, self.targets)
        return self._write(path, sample)

    def _loses(self) -> bool:
        """Return whether the picture, judged by its windows side by side, is no smaller than with the 5/3.

        The carrier of the rows of tiles gets the headroom that the windows need.
        """
        assert isinstance(self.transform, Model)
        picture, run = self.probe.mosaic(), replace(self.run, progress=silent)
        layout = Layout.read(picture.height, picture.width, codeblock_size=self.layout.codeblock_size)
        coder = ReversibleCoder(picture, layout, self.transform, run, steps=self._steps)
        try:
            learned = len(RateControl(coder).made(_EXACT))
        except CarrierError:
            return True
        self._headroom = coder.headroom
        ordinary = len(
            RateControl(OrdinaryCoder(picture, layout, run, reversible=True, targets=_EXACT)).made(_EXACT)
        )
        weights = len(self.transform.to_bytes()) if self.embed_model else 0
        times = self.area.size / (picture.height * picture.width)
        return learned * times + weights >= ordinary * times
