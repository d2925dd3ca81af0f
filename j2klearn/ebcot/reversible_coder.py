"""The coder of lossless learned files: the reversible transform, and OpenJPEG's reversible path."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..codestream.guard_bits import to_declared
from ..codestream.learned_segment import Colour, Descriptor, Opacities, Transport, split_weights
from ..codestream.main_header import HEADROOM, read_main_header
from ..codestream.quantisation_segments import QuantisationStyle
from ..core.picture import Picture
from ..core.reversible_steps import Steps
from ..core.run import Run
from ..native import transport
from ..transform.colour import reversible_planes
from .coders import Coder
from .layout import Layout
from .reversible_choice import choose_steps, rules

if TYPE_CHECKING:
    from ..models.model import Model

__all__ = ["ReversibleCoder"]

_DEFAULT_RUN = Run()


class ReversibleCoder(Coder):
    """Codes a picture without loss by a reversible learned transform.

    Parameters
    ----------
    picture, layout, run
        As in `Coder`.
    model : Model
        A reversible model.
    embed_model : bool
        Whether the file carries the weights of the model.
    """

    def __init__(
        self,
        picture: Picture,
        layout: Layout,
        model: Model,
        run: Run = _DEFAULT_RUN,
        *,
        embed_model: bool = False,
    ) -> None:
        super().__init__(picture, layout, run)
        self.model: Model = model
        self.embed_model = embed_model

    @functools.cached_property
    def _coefficients(self) -> tuple[Steps, list[NDArray[np.int32]]]:
        """The steps, and the coefficients of every component in the transport's order."""
        picture, levels, threads = self.picture, self.layout.levels, self.run.threads
        engine = self.model.reversible_engine
        area = self.layout.area(picture.height, picture.width)
        planes = list(reversible_planes(picture))
        depth = picture.bit_depth
        every = Steps((True,) * len(planes), normalisation=rules(planes, depth))
        exploration = engine.explore(planes, area, levels, every, depth, threads)
        steps = choose_steps(exploration, every.normalisation, rct=picture.ict)
        components = exploration.taking(steps)
        self.run.progress(0.5, "lifting")
        return steps, [bands.to_flat() for bands in components]

    @property
    def steps(self) -> Steps:
        """The steps that were chosen for the picture."""
        return self._coefficients[0]

    @property
    def descriptor(self) -> Descriptor:
        """The learned-transform segment of the codestream."""
        picture = self.picture
        return Descriptor(
            transport=Transport.REVERSIBLE,
            precision=picture.bit_depth,
            fraction_bits=0,
            levels=self.layout.levels,
            colour=Colour.RCT if picture.ict else Colour.NONE,
            components=picture.components,
            opacities=Opacities.FIRST if picture.components == 1 else Opacities.OWN,
            model_id=self.model.id,
            steps=self.steps,
        )

    def payloads(self, noise: NDArray[np.uint8] | None = None) -> list[bytes]:
        weights = split_weights(self.model.to_bytes()) if self.embed_model else []
        return [*weights, self.descriptor.to_bytes()]

    def code(self, budget: Sequence[float], *, again: bool = False) -> bytes:
        """Code the picture; see `Coder.code`.

        Raises
        ------
        InputError
            If the carrier needs more than `HEADROOM` bits in addition to those of the samples.
        """
        picture = self.picture
        parameters = self.layout.parameters(
            picture,
            precision=picture.bit_depth + HEADROOM,
            signed=True,
            reversible=True,
            layer_bytes=tuple(budget),
            threads=self.run.threads,
        )
        with transport.Encoder(parameters) as encoder:
            for index, flat in enumerate(self._coefficients[1]):
                encoder.put_subbands(index, flat)
            self.run.progress(0.6, "coding")
            codestream = encoder.finish()
        header = read_main_header(codestream)
        return to_declared(codestream, header, picture.bit_depth, picture.signed, QuantisationStyle.NONE)
