"""The coder of lossless learned files: the reversible transform, and OpenJPEG's reversible path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..codestream.guard_bits import to_declared
from ..codestream.learned_segment import Colour, Descriptor, Opacities, Transport, split_weights
from ..codestream.main_header import HEADROOM, MOST_HEADROOM, read_main_header
from ..codestream.quantisation_segments import QuantisationStyle
from ..core.geometry import Rect
from ..core.picture import Picture
from ..core.reversible_steps import Steps
from ..core.run import Run
from ..core.subbands import Subbands
from ..errors import InputError
from ..native import transport
from ..transform.colour import reversible_planes
from ..transform.strips import StripAnalysis
from .coders import Coder
from .layout import Layout
from .reversible_choice import choose_steps, every_step

if TYPE_CHECKING:
    from ..models.model import Model

__all__ = ["CarrierError", "ReversibleCoder"]

_DEFAULT_RUN = Run()


class CarrierError(InputError):
    """The carrier needs more bits than a file can declare, as it may happen with noise at full contrast."""


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
    steps : Steps, optional
        The steps of the transform. Default: they are chosen for the picture.
    green : bool
        Whether steps that are chosen replace Y by the green component, which saves bits. Lower layers are better with
        Y.
    headroom : int, optional
        Bits per sample of the carrier in addition to those of the picture. Default: as few as it needs, from `HEADROOM`
        to `MOST_HEADROOM`.
    """

    def __init__(
        self,
        picture: Picture,
        layout: Layout,
        model: Model,
        run: Run = _DEFAULT_RUN,
        *,
        embed_model: bool = False,
        steps: Steps | None = None,
        green: bool = False,
        headroom: int | None = None,
    ) -> None:
        super().__init__(picture, layout, run)
        self._headrooms = list(range(HEADROOM, MOST_HEADROOM + 1)) if headroom is None else [headroom]
        self.model: Model = model
        self.embed_model = embed_model
        self._steps, self._coefficients = steps, list[NDArray[np.int32]]()
        self._green = green and picture.ict
        self._saving = 0.0
        self._layers = 0  # of the codestream that was coded last, if it is exact

    def _transform(self) -> None:
        """Choose the steps, unless they are given, and compute the coefficients in the transport's order."""
        picture, levels, threads = self.picture, self.layout.levels, self.run.threads
        engine = self.model.reversible_engine
        area = self.layout.area(picture.height, picture.width)
        planes = list(self.planes(picture))
        depth, steps = picture.bit_depth, self._steps
        every = steps or every_step([planes], depth, green=self._green)
        exploration = engine.explore(planes, area, levels, every, depth, threads)
        if steps is None:
            choice = choose_steps([exploration], every, rct=picture.ict)
            steps, self._saving = choice.steps, choice.saving
        self._steps = steps
        self.use(exploration.taking(steps))
        self.run.progress(0.5, "lifting")

    @property
    def steps(self) -> Steps:
        """The steps of the transform."""
        if self._steps is None:
            self._transform()
        assert self._steps is not None
        return self._steps

    @property
    def saving(self) -> float:
        """The share of the bits of the details that the steps save, by an estimate; 0 if the steps were given."""
        if self._steps is None:
            self._transform()
        return self._saving

    @property
    def headroom(self) -> int:
        """Bits per sample of the carrier in addition to those of the picture: the least number not found too small."""
        return self._headrooms[0]

    @property
    def groups(self) -> list[slice]:
        """Groups of components that are transformed together: all."""
        return [slice(0, self.picture.components)]

    def planes(self, picture: Picture) -> NDArray[np.int32]:
        """Return the components of a part of the picture, shape (C, H, W)."""
        return reversible_planes(picture)

    def strip_analysis(self, area: Rect) -> StripAnalysis:
        """Return a new analysis, by strips, of all components of a picture with this area."""
        engine, steps = self.model.reversible_engine, self.steps
        depth, threads = self.picture.bit_depth, self.run.threads

        def split(planes: NDArray[np.int32], part: Rect, level: int) -> Any:
            return engine.split(planes, part, level, steps, depth, threads)

        return StripAnalysis.by(split, engine.reach, area, self.layout.levels)

    def use(self, components: Sequence[Subbands]) -> None:
        """Take the subbands of every component. `code` then does not transform the samples."""
        self._coefficients = [bands.to_flat() for bands in components]

    def part(self, picture: Picture, layout: Layout, area: Rect, run: Run) -> ReversibleCoder:
        """Return a coder of a part of the picture that has the coefficients of the whole.

        Parameters
        ----------
        picture, layout, run
            As in `Coder`, for the part; the layout has as many levels as that of the whole.
        area : Rect
            The part. Its corner is at multiples of ``2 ** levels``.
        """
        part = ReversibleCoder(picture, layout, self.model, run, steps=self.steps)
        whole, levels = self.layout.area(self.picture.height, self.picture.width), self.layout.levels
        part.use([Subbands.from_flat(flat, whole, levels).part(area) for flat in self._coefficients])
        return part

    @property
    def descriptor(self) -> Descriptor:
        """The learned-transform segment of the codestream."""
        picture = self.picture
        return Descriptor(
            transport=Transport.REVERSIBLE,
            precision=picture.bit_depth,
            fraction_bits=0,
            layers=self._layers,
            levels=self.layout.levels,
            colour=(Colour.GREEN if self.steps.green else Colour.RCT) if picture.ict else Colour.NONE,
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
        CarrierError
            If the carrier needs more bits than there may be in addition to those of the samples.
        """
        if not self._coefficients:
            self._transform()
        while True:
            try:
                codestream = self._carrier(budget)
                break
            except CarrierError:
                if len(self._headrooms) == 1:
                    raise
                del self._headrooms[0]  # not tried again for the next budget
        self._layers = 0 if budget[-1] else len(budget)
        header = read_main_header(codestream)
        return to_declared(
            codestream,
            header,
            self.picture.bit_depth,
            self.picture.signed,
            QuantisationStyle.NONE,
            self._headrooms[0],
        )

    def _carrier(self, budget: Sequence[float]) -> bytes:
        """Return the carrier as OpenJPEG codes it, with the least headroom that is left to try."""
        picture = self.picture
        parameters = self.layout.parameters(
            picture,
            precision=picture.bit_depth + self._headrooms[0],
            signed=True,
            reversible=True,
            layer_bytes=tuple(budget),
            threads=self.run.threads,
        )
        try:
            with transport.Encoder(parameters) as encoder:
                for index, flat in enumerate(self._coefficients):
                    encoder.put_subbands(index, flat)
                self.run.progress(0.6, "coding")
                return encoder.finish()
        except InputError as error:
            raise CarrierError(str(error)) from error
