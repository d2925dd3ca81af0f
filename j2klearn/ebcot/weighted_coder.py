"""The coder of ordinary pictures with visual weights: the 9/7, with quantiser steps for each component."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..core.picture import Picture
from ..core.run import Run
from ..core.subbands import Subbands, subband_rects
from ..core.targets import Targets
from ..transform.colour import planes
from .coders import CarrierCoder, Coder, OrdinaryCoder, carrier_fraction_bits
from .layout import Layout
from .probe import Probe
from .visual_error import decomposed
from .visual_weights import visual_weights

__all__ = ["WeightedCoder", "wavelet_coder"]

_DEFAULT_RUN = Run()


class WeightedCoder(CarrierCoder):
    """Codes a picture by the 9/7 with visual weights. Any reader decodes it.

    OpenJPEG weights all errors alike. So the subbands are multiplied before it codes them, as those of a learned
    transform are coded, and the header divides them again; see `j2klearn.codestream.subband_weights`.

    Parameters
    ----------
    picture, layout, run
        As in `Coder`.
    targets : Targets
        Rates of the layers. They determine the precision of the carrier.
    probe : Probe, optional
        The probe of the whole picture. Default: that of `picture`.
    """

    def __init__(
        self,
        picture: Picture,
        layout: Layout,
        targets: Targets,
        run: Run = _DEFAULT_RUN,
        *,
        probe: Probe | None = None,
    ) -> None:
        super().__init__(picture, layout, run)
        self.tune = targets.tune
        self.weights = visual_weights(picture, layout.levels)
        self.scale_bits = carrier_fraction_bits(picture, targets, probe or Probe.of(picture))

    def _flat(self, plane: NDArray[np.float32], index: int) -> NDArray[np.float32]:
        """Return the weighted coefficients of a component in the transport's order: each tile is transformed alone."""
        layout = self.layout
        area = layout.area(self.picture.height, self.picture.width)
        out = Subbands.from_flat(np.empty(area.size, np.float32), area, layout.levels)
        for tile in layout.tiles(area):
            part = decomposed(
                np.ascontiguousarray(plane[tile.slices_in(area)]), tile, layout.levels, self.run.threads
            )
            places = zip(subband_rects(area, layout.levels), subband_rects(tile, layout.levels), strict=True)
            for band, own, ((_, _, whole), (_, _, rect)) in zip(
                out.bands(), part.bands(), places, strict=True
            ):
                band[rect.slices_in(whole)] = own
        out.multiply(self.weights[index])
        return out.to_flat()

    def code(self, budget: Sequence[float], *, again: bool = False) -> bytes:
        flat = (self._flat(plane, index) for index, plane in enumerate(planes(self.picture)))
        return self.carried(flat, budget, share=0.1)


def wavelet_coder(
    picture: Picture,
    layout: Layout,
    name: str,
    targets: Targets,
    run: Run = _DEFAULT_RUN,
    *,
    probe: Probe | None = None,
) -> Coder:
    """Return the coder for a wavelet of T.800.

    Parameters
    ----------
    picture, layout, targets, run, probe
        As in `WeightedCoder`.
    name : {"9-7", "5-3"}
        The wavelet. Visual weights need quantiser steps, so the 5/3 has none.
    """
    if name == "9-7" and targets.tune == "visual":
        return WeightedCoder(picture, layout, targets, run, probe=probe)
    return OrdinaryCoder(picture, layout, run, reversible=name == "5-3", targets=targets, probe=probe)
