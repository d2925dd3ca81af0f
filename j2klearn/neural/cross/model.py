"""Entropy models of the kind "cross-component": the context model of P2 in integers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ...core.subbands import Subbands
from ..coefficients.pyramid import Pyramid, check_pyramids
from ..coefficients.quantisation import quantised
from ..coefficients.reconstruction_points import Points
from ..config import check_cross_component_config
from ..entropy.backends import mixture
from ..entropy_model import StoredModel
from ..integer.backends import kernels
from .bands import ROLES

if TYPE_CHECKING:
    from .integer_network import IntegerCrossNetwork

__all__ = ["MIXTURES", "CrossComponentModel"]

#: The kind of its mixtures.
MIXTURES = "gaussian"

Report = Callable[[float], None]


class CrossComponentModel(StoredModel):
    """An entropy model: the modules of components on their own, and of those that know others (P2).

    Parameters
    ----------
    config : dict
        ``kind`` is ``"cross-component"``; ``transform``, ``learned_levels`` and ``dequantiser`` are as
        `j2klearn.neural.entropy_model.EntropyModel` has them, ``gains`` as
        `j2klearn.neural.subband_transform.transform_of`; ``levels`` is the number of decompositions, D in P2;
        ``mixtures`` that of the components of a mixture, K; ``features`` and ``blocks`` are the channels and the
        residual blocks of either path of context fusion, which has 2 + 2 x ``blocks`` masked convolutions, and
        ``dense`` its 1x1 convolutions before the last; ``hidden`` the channels of the first two LSTMs; ``shared``
        says that the levels share their fusion modules, ``conditioned`` that chroma knows luma, and ``told`` that a
        plane of every context is the quantiser step.
    tensors : mapping of str to ndarray
        The integers of `j2klearn.neural.cross.integer_network.rounded`, under ``luma.`` and ``chroma.``.
    card : dict, optional
        Whatever a person wants to know. It does not enter the id.

    Raises
    ------
    ModelError
        If the configuration is not one that can be, or the weights do not fit it.
    """

    parts = ("luma", "chroma")

    def __init__(
        self, config: dict[str, Any], tensors: Mapping[str, NDArray[Any]], card: dict[str, Any] | None = None
    ) -> None:
        super().__init__(check_cross_component_config(config), tensors, card)

    @functools.cached_property
    def luma(self) -> IntegerCrossNetwork:
        """The modules of components that are coded on their own."""
        return self._network("luma", ROLES[:1])

    @functools.cached_property
    def chroma(self) -> IntegerCrossNetwork:
        """The modules of components that are coded with others known."""
        return self._network("chroma", ROLES[1:])

    def _network(self, part: str, roles: Sequence[int]) -> IntegerCrossNetwork:
        from .integer_network import IntegerCrossNetwork

        return IntegerCrossNetwork(self.tensors_of(part), self.config, roles)

    def levels(self, shape: tuple[int, int]) -> int:
        """Return the decompositions of a picture: as many of any."""
        return int(self.config["levels"])

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
            If pyramids are not of one shape, with the levels that `levels` says, or a coefficient, or a difference in
            LL, is 2**30 or more.
        """
        from .walk import CrossWalk, Writer

        shape = pyramids[0].shape
        levels = self.levels(shape)
        check_pyramids(pyramids, levels)
        writer = Writer(pyramids, mixture(MIXTURES, backend, threads=threads))
        walk = CrossWalk(self, kernels(backend, threads=threads), shape, len(pyramids), step_code, related)
        walk.through(writer, levels, progress)
        writer.close()
        return writer.segments

    def choose(
        self,
        coefficients: Sequence[Subbands],
        step: float,
        step_code: int,
        *,
        related: bool = True,
        threads: int = 1,
        progress: Report | None = None,
        points: Points | None = None,
    ) -> list[Pyramid]:
        """Quantise with a dead zone, and tell no points; see `j2klearn.neural.entropy_model.EntropyModel.choose`."""
        return [quantised(bands, step) for bands in coefficients]

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
        from .walk import CrossWalk, Reader

        reader = Reader(segments, mixture(MIXTURES, backend, threads=threads))
        walk = CrossWalk(self, kernels(backend, threads=threads), shape, components, step_code, related)
        return walk.through(reader, min(self.levels(shape), len(segments)), progress)
