"""Entropy models of the kind "cross-component": the context model of P2 with integer networks."""

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

#: The kind of the mixtures.
MIXTURES = "gaussian"

Report = Callable[[float], None]


class CrossComponentModel(StoredModel):
    """An entropy model with two networks: one for independent components, one for those with others as context (P2).

    Parameters
    ----------
    config : dict
        ``kind`` is ``"cross-component"``. ``transform``, ``learned_levels`` and ``dequantiser`` are those of
        `j2klearn.neural.entropy_model.EntropyModel`, ``gains`` is that of
        `j2klearn.neural.subband_transform.transform_of`. ``levels`` is the number of decomposition levels (D in P2),
        ``mixtures`` the number of components of a mixture (K). ``features`` and ``blocks`` are the channels and the
        residual blocks of both paths of context fusion, which has 2 + 2 x ``blocks`` masked convolutions. ``dense`` is
        the number of its 1x1 convolutions before the last one, ``hidden`` the channels of the first two LSTMs. Three
        flags: with ``shared`` the levels share their fusion modules, with ``conditioned`` luma is context for chroma,
        and with ``told`` the quantiser step is a plane of every context.
    tensors : mapping of str to ndarray
        The integers of `j2klearn.neural.cross.integer_network.rounded`, with the prefixes ``luma.`` and ``chroma.``.
    card : dict, optional
        Information for people, such as the name of the model. It is not part of the id.

    Raises
    ------
    ModelError
        If the configuration is invalid, or the weights do not fit it.
    """

    parts = ("luma", "chroma")

    def __init__(
        self, config: dict[str, Any], tensors: Mapping[str, NDArray[Any]], card: dict[str, Any] | None = None
    ) -> None:
        super().__init__(check_cross_component_config(config), tensors, card)

    @functools.cached_property
    def luma(self) -> IntegerCrossNetwork:
        """The network of components that are coded independently."""
        return self._network("luma", ROLES[:1])

    @functools.cached_property
    def chroma(self) -> IntegerCrossNetwork:
        """The network of components that have earlier components as context."""
        return self._network("chroma", ROLES[1:])

    def _network(self, part: str, roles: Sequence[int]) -> IntegerCrossNetwork:
        from .integer_network import IntegerCrossNetwork

        return IntegerCrossNetwork(self.tensors_of(part), self.config, roles)

    def levels(self, shape: tuple[int, int]) -> int:
        """Return the number of decomposition levels of a picture, which is the same for every shape."""
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
            If the pyramids differ in shape or do not have the levels of `levels`, or if a coefficient or a difference
            of LL is 2**30 or more in magnitude.
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
        """Quantise with a dead zone, without points; see `j2klearn.neural.entropy_model.EntropyModel.choose`."""
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
