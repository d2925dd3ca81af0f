"""Entropy models of the kind "context": integer context networks code the subbands of a picture into segments.

Levels are coded from coarse to fine, one segment each. A level codes one component after the other, a component codes
HL, LH and HH, and a subband one wavefront after the other (`j2klearn.neural.entropy.wavefront`). LL has no context: the
first segment begins with the differences of consecutive samples.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ...core.subbands import Subbands
from ..coefficients.expectation import WEIGHT
from ..coefficients.pyramid import Pyramid, check_pyramids, default_levels
from ..coefficients.reconstruction_points import Points
from ..config import check_context_config
from ..entropy.backends import mixture
from ..entropy_model import StoredModel
from ..integer.backends import kernels
from .rdo_choice import Chooser
from .segments import Counter, Reader, Writer
from .walk import Walk

if TYPE_CHECKING:
    from .integer_network import IntegerNetwork

__all__ = ["ContextModel"]

#: Most samples of the longer side of LL.
_COARSEST = 4

Report = Callable[[float], None]


class ContextModel(StoredModel):
    """An entropy model with two context networks: for independent components, and for those conditioned on others.

    Parameters
    ----------
    config : dict
        ``kind`` is ``"context"``. ``transform``, ``learned_levels`` and ``dequantiser`` are those of
        `j2klearn.neural.entropy_model.EntropyModel`. ``mixtures`` is the number of components of a mixture. The flag
        ``adaptive`` (optional) says whether scales have offsets (`j2klearn.neural.context.offsets`), the flag
        ``corrected`` (optional, only for the 5/3) whether means have corrections
        (`j2klearn.neural.context.correction`). ``first`` and ``second`` are tables with ``width``, ``blocks`` and
        ``layers`` of `j2klearn.neural.context.network.ContextNetwork`. ``second`` has the flag ``conditioned`` too,
        whether earlier components are inputs, and the flag ``predicted`` (optional), whether predictions from these
        are inputs (`j2klearn.neural.context.prediction`).
    tensors : mapping of str to ndarray
        The integers of `j2klearn.neural.context.integer_network.rounded`, with the prefixes ``first.`` and ``second.``.
    card : dict, optional
        Information for people, such as the name of the model. It is not part of the id.

    Raises
    ------
    ModelError
        If the configuration is invalid, or the weights do not fit it.
    """

    parts = ("first", "second")

    def __init__(
        self, config: dict[str, Any], tensors: Mapping[str, NDArray[Any]], card: dict[str, Any] | None = None
    ) -> None:
        super().__init__(check_context_config(config), tensors, card)

    @property
    def lossless(self) -> bool:
        """Whether the model is for lossless pictures."""
        return bool(self.config["transform"] == "5-3")

    @property
    def adaptive(self) -> bool:
        """Whether files store offsets of the scales of subbands (`j2klearn.neural.context.offsets`)."""
        return bool(self.config.get("adaptive", False))

    @property
    def corrected(self) -> bool:
        """Whether files store corrections of the means of subbands (`j2klearn.neural.context.correction`)."""
        return bool(self.config.get("corrected", False))

    @functools.cached_property
    def first(self) -> IntegerNetwork:
        """The network of components that are coded independently."""
        return self._network("first")

    @functools.cached_property
    def second(self) -> IntegerNetwork:
        """The network of components that have earlier components as context."""
        return self._network("second")

    def _network(self, part: str) -> IntegerNetwork:
        from . import inputs
        from .integer_network import IntegerNetwork

        options = self.config[part]
        return IntegerNetwork(
            self.tensors_of(part),
            inputs=inputs.count(options),
            width=options["width"],
            blocks=options["blocks"],
            layers=options["layers"],
            mixtures=self.config["mixtures"],
        )

    def levels(self, shape: tuple[int, int]) -> int:
        """Return the number of levels of a picture of this height and width, with which LL is at most 4x4 samples."""
        return default_levels(shape, _COARSEST)

    def encode(
        self,
        pyramids: Sequence[Pyramid],
        step_code: int,
        *,
        related: bool = True,
        threads: int = 1,
        progress: Report | None = None,
        backend: str | None = None,
    ) -> list[bytes]:
        """Code the components of a picture; see `j2klearn.neural.entropy_model.EntropyModel.encode`.

        Raises
        ------
        InputError
            If the pyramids differ in shape or do not have the levels of `levels`, or a coefficient is 2**30 or more in
            magnitude.
        """
        shape = pyramids[0].shape
        levels = self.levels(shape)
        check_pyramids(pyramids, levels)
        writer = Writer(pyramids, mixture(backend=backend, threads=threads))
        walk = Walk(self, kernels(backend, threads=threads), shape, len(pyramids), step_code, related)
        walk.through(writer, levels, progress)
        writer.close()
        return writer.segments

    def cost(self, pyramids: Sequence[Pyramid], step_code: int, *, related: bool = True) -> float:
        """Return the bits of pyramids, from the frequencies with which they are coded: the model's cross-entropy."""
        shape = pyramids[0].shape
        counter = Counter(pyramids, mixture())
        Walk(self, kernels(), shape, len(pyramids), step_code, related).through(
            counter, self.levels(shape), None
        )
        return counter.total

    def choose(
        self,
        coefficients: Sequence[Subbands],
        step: float,
        step_code: int,
        *,
        related: bool = True,
        weight: float = WEIGHT,
        threads: int = 1,
        progress: Report | None = None,
        backend: str | None = None,
        points: Points | None = None,
    ) -> list[Pyramid]:
        """Quantise with rate-distortion optimisation; see `j2klearn.neural.entropy_model.EntropyModel.choose`.

        Parameters
        ----------
        coefficients, step, step_code, related, threads, progress, backend, points
            As there.
        weight : float
            Lagrange weight of a bit, in squared quantiser steps.
        """
        chooser = Chooser(coefficients, step, mixture(backend=backend, threads=threads), weight, points)
        computes = kernels(backend, threads=threads)
        shape = coefficients[0].area.shape
        walk = Walk(self, computes, shape, len(coefficients), step_code, related)
        return walk.through(chooser, coefficients[0].levels, progress)

    def decode(
        self,
        segments: Sequence[bytes],
        shape: tuple[int, int],
        components: int,
        step_code: int,
        *,
        related: bool = True,
        threads: int = 1,
        progress: Report | None = None,
        backend: str | None = None,
        points: Points | None = None,
    ) -> list[Pyramid]:
        """Decode the components of a picture; see `j2klearn.neural.entropy_model.EntropyModel.decode`."""
        reader = Reader(segments, mixture(backend=backend, threads=threads), points)
        walk = Walk(self, kernels(backend, threads=threads), shape, components, step_code, related)
        return walk.through(reader, min(self.levels(shape), len(segments)), progress)
