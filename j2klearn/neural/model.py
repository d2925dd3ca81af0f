"""Entropy models: context networks in integers, and how they walk through a picture.

Levels are coded from coarse to fine, a segment each; at every level one component after the other, of each of these
the four stages of `j2klearn.neural.context`, of a stage the positions row by row, and of a position HL, LH and HH. LL
has no context: its samples are coded as differences to the one before, in the first segment.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .. import weights
from ..configuration import check_context_config
from ..errors import CodestreamError, InputError, ModelError
from ..geometry import ORIENTATIONS
from ..limits import MAX_ENTROPY_MODEL_BYTES
from .kernels import Kernels, kernels
from .mixture import LOG_SCALE_RANGE, Mixture, mixture
from .pyramid import Pyramid, area_of
from .symbols import MAX_MAGNITUDE, Decoder, Encoder

if TYPE_CHECKING:
    from torch import Tensor

    from .lowpass import LowPass
    from .network import IntegerNetwork

__all__ = ["ContextModel"]

#: The longer side of LL at most.
_COARSEST = 4

_SCALE_BITS = 8  # of the code of the scale of LL's differences
_PER_SCALE = 3  # log-scale units between two codes
_RAW_BITS = 5  # of the number of low bits that are coded as they are

#: Mean magnitude of the finest details from which on low bits are coded as they are.
_LOUD = 16

Report = Callable[[float], None]
Values = NDArray[np.int32]
Parameters = NDArray[np.int16]


class _Coder(Protocol):
    """What a walk asks at its stations: an encoder knows the answers, a decoder reads them."""

    def open(self, segment: int) -> None:
        """Begin a segment."""

    def bits(self, component: int, name: str, count: int) -> int:
        """Return a number of `count` bits that holds for a whole component: "scale" or "raw"."""

    def low(self, component: int, shape: tuple[int, int], parameters: Callable[[int], Parameters]) -> Values:
        """Return LL."""

    def stage(
        self,
        component: int,
        level: int,
        stage: int,
        inside: NDArray[np.bool_],
        parameters: Parameters,
        raw: int,
    ) -> Values:
        """Return the coefficients of a stage, those `inside` the picture, each in its place."""


def _differences(ll: Values) -> NDArray[np.int64]:
    return np.diff(ll.astype(np.int64).ravel(), prepend=0)


def _low_parameters(code: int, count: int) -> Parameters:
    """Return the mixtures of LL's differences: one component around zero."""
    parameters = np.zeros((count, 3, 1), np.int16)
    parameters[:, 2] = LOG_SCALE_RANGE[0] + _PER_SCALE * code
    return parameters


def _scale_code(differences: NDArray[np.int64]) -> int:
    """Return the code of the scale that suits differences: that of a logistic distribution of their mean magnitude."""
    mean = max(float(np.abs(differences).mean()), 0.05) / 1.386 if differences.size else 1.0
    code = round((64 * float(np.log(mean)) - LOG_SCALE_RANGE[0]) / _PER_SCALE)
    return min(max(code, 0), (1 << _SCALE_BITS) - 1)


def _raw_bits(pyramid: Pyramid) -> int:
    """Return how many low bits of a component's details are noise that no context tells anything about."""
    if not pyramid.details:
        return 0
    finest = [band.ravel() for band in pyramid.details[0] if band.size]
    mean = float(np.abs(np.concatenate(finest)).mean()) if finest else 0.0
    return min(max(0, int(mean / _LOUD).bit_length()), (1 << _RAW_BITS) - 1)


def _quarters(bands: Values, stage: int) -> Values:
    """Return what a stage codes of details (3, h, w) on an even grid: (h / 2, w / 2, 3)."""
    return bands[:, stage >> 1 :: 2, stage & 1 :: 2].transpose(1, 2, 0)


class _Writer:
    """Answers from pyramids, and writes the answers down."""

    def __init__(self, pyramids: Sequence[Pyramid], mixtures: Mixture) -> None:
        self._pyramids, self._mixtures = pyramids, mixtures
        self._encoder = Encoder(mixtures)
        self.segments: list[bytes] = []

    def open(self, segment: int) -> None:
        if segment:
            self.close()

    def close(self) -> None:
        self.segments.append(self._encoder.finish())
        self._encoder = Encoder(self._mixtures)

    def bits(self, component: int, name: str, count: int) -> int:
        pyramid = self._pyramids[component]
        value = _raw_bits(pyramid) if name == "raw" else _scale_code(_differences(pyramid.ll))
        self._encoder.raw(np.array([value]), count)
        return value

    def low(self, component: int, shape: tuple[int, int], parameters: Callable[[int], Parameters]) -> Values:
        ll = self._pyramids[component].ll
        self._encoder.encode(_differences(ll), parameters(ll.size))
        return ll

    def stage(
        self,
        component: int,
        level: int,
        stage: int,
        inside: NDArray[np.bool_],
        parameters: Parameters,
        raw: int,
    ) -> Values:
        bands = self._pyramids[component].details[level - 1]
        values = np.zeros(inside.shape, np.int32)
        for at, band in enumerate(bands):
            part = band[stage >> 1 :: 2, stage & 1 :: 2]
            values[: part.shape[0], : part.shape[1], at] = part
        chosen = values[inside]
        self._encoder.encode(chosen >> raw, parameters)
        if raw:
            self._encoder.raw(chosen & ((1 << raw) - 1), raw)
        return values


class _Reader:
    """Reads the answers."""

    def __init__(self, segments: Sequence[bytes], mixtures: Mixture) -> None:
        self._segments, self._mixtures = segments, mixtures

    def open(self, segment: int) -> None:
        self._decoder = Decoder(self._segments[segment], self._mixtures)

    def bits(self, component: int, name: str, count: int) -> int:
        return int(self._decoder.raw(1, count)[0])

    def low(self, component: int, shape: tuple[int, int], parameters: Callable[[int], Parameters]) -> Values:
        count = shape[0] * shape[1]
        values = np.cumsum(self._decoder.decode(parameters(count)).astype(np.int64))
        if count and np.abs(values).max() >= MAX_MAGNITUDE:
            raise CodestreamError("the segment is damaged: it has a coefficient of 2^30 or more")
        return values.astype(np.int32).reshape(shape)

    def stage(
        self,
        component: int,
        level: int,
        stage: int,
        inside: NDArray[np.bool_],
        parameters: Parameters,
        raw: int,
    ) -> Values:
        values = np.zeros(inside.shape, np.int32)
        found = self._decoder.decode(parameters).astype(np.int64) << raw
        if raw:
            found |= self._decoder.raw(len(found), raw)
            if len(found) and np.abs(found).max() >= MAX_MAGNITUDE:
                raise CodestreamError("the segment is damaged: it has a coefficient of 2^30 or more")
        values[inside] = found
        return values


class _Component:
    """What is decoded of a component: its pyramid so far, and its low-pass plane."""

    def __init__(self, low: LowPass, raw: int, levels: int) -> None:
        self.low, self.raw = low, raw
        #: HL, LH and HH by level on the grid of the level's LL, finest first, low bits left out: (1, 3, h, w).
        self.grids: list[Tensor | None] = [None] * levels


class ContextModel:
    """An entropy model: two context networks, for the first component and for those that know the ones before.

    Parameters
    ----------
    config : dict
        ``kind`` is ``"context"``; ``transform``, ``learned_levels`` and ``dequantiser`` are as
        `j2klearn.neural.entropy.EntropyModel` has them; ``mixtures`` is the number of components of a mixture;
        ``first`` and ``second`` have ``width``, ``blocks`` and ``shared`` of
        `j2klearn.neural.context.ContextNetwork`, and ``second`` whether it is ``conditioned`` on the components
        before.
    tensors : mapping of str to ndarray
        The integers of `j2klearn.neural.network.rounded`, under ``first.`` and ``second.``.
    card : dict, optional
        Whatever a person wants to know. It does not enter the id.

    Raises
    ------
    ModelError
        If the configuration is not one that can be, or the weights do not fit it.
    """

    def __init__(
        self, config: dict[str, Any], tensors: Mapping[str, NDArray[Any]], card: dict[str, Any] | None = None
    ) -> None:
        self.config = check_context_config(config)
        self.card = dict(card or {})
        self._tensors = dict(tensors)
        if any(not key.startswith(("first.", "second.")) for key in tensors):
            raise ModelError("the model's weights are not those that its configuration asks for")

    @property
    def name(self) -> str:
        return str(self.card.get("name", "unnamed"))

    @functools.cached_property
    def id(self) -> bytes:
        """SHA-256 over the configuration and the weights, 32 bytes."""
        return weights.digest(self.config, self._tensors)

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(tensor.size for key, tensor in self._tensors.items() if not key.endswith("shift"))

    def to_bytes(self) -> bytes:
        """Return the model as a safetensors file."""
        return weights.write(self.config, self._tensors, self.card)

    @classmethod
    def from_bytes(cls, data: bytes) -> ContextModel:
        """Read a model file; `ModelError` if it is none."""
        config, tensors, card = weights.read(data, MAX_ENTROPY_MODEL_BYTES)
        return cls(config, tensors, card)

    @property
    def lossless(self) -> bool:
        return bool(self.config["transform"] == "5-3")

    @functools.cached_property
    def first(self) -> IntegerNetwork:
        """The network of components that are coded on their own."""
        return self._network("first")

    @functools.cached_property
    def second(self) -> IntegerNetwork:
        """The network of components that are coded with others known."""
        return self._network("second")

    def _network(self, part: str) -> IntegerNetwork:
        from .features import inputs
        from .network import IntegerNetwork

        options = dict(self.config[part])
        count = inputs(conditioned=options.pop("conditioned", False))
        tensors = {
            k.removeprefix(f"{part}."): v for k, v in self._tensors.items() if k.startswith(f"{part}.")
        }
        return IntegerNetwork(tensors, inputs=count, mixtures=self.config["mixtures"], **options)

    def levels(self, shape: tuple[int, int]) -> int:
        """Return the decompositions of pictures of that height and width: LL is at most four samples wide and high."""
        return max(0, -(-max(shape) // _COARSEST) - 1).bit_length()

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
        """Code the components of a picture; see `j2klearn.neural.entropy.EntropyModel.encode`.

        Raises
        ------
        InputError
            If pyramids are not of one shape, with the levels that `levels` says, or a coefficient is 2**30 or more.
        """
        shape = pyramids[0].shape
        levels = self.levels(shape)
        if any(pyramid.shape != shape or pyramid.levels != levels for pyramid in pyramids):
            raise InputError(f"pyramids of a picture have to be of one shape and have {levels} levels")
        writer = _Writer(pyramids, mixture(backend=backend, threads=threads))
        walk = _Walk(self, kernels(backend, threads=threads), shape, len(pyramids), step_code, related)
        walk.through(writer, levels, progress)
        writer.close()
        return writer.segments

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
    ) -> list[Pyramid]:
        """Decode the components of a picture; see `j2klearn.neural.entropy.EntropyModel.decode`."""
        reader = _Reader(segments, mixture(backend=backend, threads=threads))
        walk = _Walk(self, kernels(backend, threads=threads), shape, components, step_code, related)
        return walk.through(reader, min(self.levels(shape), len(segments)), progress)


class _Walk:
    """One walk through the subbands of a picture, in the order of the file."""

    def __init__(
        self,
        model: ContextModel,
        computes: Kernels,
        shape: tuple[int, int],
        components: int,
        step_code: int,
        related: bool,
    ) -> None:
        self._model, self._kernels = model, computes
        self._area, self._levels = area_of(shape), model.levels(shape)
        self._count, self._step_code = components, step_code
        #: The components that know those before them.
        self._informed = range(1, 3) if related and components >= 3 else range(0)

    def through(self, coder: _Coder, levels: int, progress: Report | None) -> list[Pyramid]:
        """Go through the `levels` coarsest levels; return what is there then."""
        coder.open(0)
        parts = [self._start(coder, component) for component in range(self._count)]
        pyramids = [Pyramid(low, []) for low, _ in parts]
        components = [component for _, component in parts]
        done, total = 0, sum(self._size(self._levels - at) for at in range(levels))
        for at in range(levels):
            level = self._levels - at
            if at:
                coder.open(at)
            for index, pyramid in enumerate(pyramids):
                pyramid.details.insert(0, self._level(coder, components, index, level))
            done += self._size(level)
            if progress:
                progress(done / max(1, total))
        return pyramids

    def _size(self, level: int) -> int:
        return self._area.resolution(level - 1).size

    def _start(self, coder: _Coder, component: int) -> tuple[Values, _Component]:
        import torch

        from .lowpass import Irreversible, Reversible

        scale = coder.bits(component, "scale", _SCALE_BITS)
        raw = coder.bits(component, "raw", _RAW_BITS) if self._model.lossless else 0
        shape = self._area.resolution(self._levels).shape
        ll = coder.low(component, shape, functools.partial(_low_parameters, scale))
        plane = torch.from_numpy(ll.astype(np.int64))[None]
        lossless = self._model.lossless
        low = Reversible(plane, self._levels, raw) if lossless else Irreversible(plane, self._levels)
        return ll, _Component(low, raw, self._levels)

    def _features(self, components: list[_Component], index: int, level: int) -> Tensor:
        import torch

        from . import features as seen

        component = components[index]
        shape = self._area.resolution(level).shape
        above = component.grids[level] if level < self._levels else None
        step_code = torch.tensor([self._step_code])
        planes = [seen.known(component.low, above), seen.scalar_planes(step_code, level, shape)]
        if index in self._informed and self._model.config["second"]["conditioned"]:
            before = [components[0].grids[level - 1], components[1].grids[level - 1] if index == 2 else None]
            planes.append(seen.others(before, shape, 1))
        return torch.cat(planes, 1)

    def _level(
        self, coder: _Coder, components: list[_Component], index: int, level: int
    ) -> tuple[Values, Values, Values]:
        import torch

        from . import features as seen
        from .network import Walk

        component = components[index]
        rects = [self._area.subband(name, level) for name in ORIENTATIONS]
        height, width = self._area.resolution(level).shape
        grid = np.zeros((3, height + (height & 1), width + (width & 1)), np.int32)
        network = self._model.second if index in self._informed else self._model.first
        features = seen.quarters(self._features(components, index, level))[0]
        walk = Walk(network, self._kernels, _channels_last(features))
        for stage in range(4):
            mixtures = walk.mixtures()
            inside = np.zeros(mixtures.shape[:3], np.bool_)
            for band, rect in enumerate(rects):
                inside[
                    : (rect.height + 1 - (stage >> 1)) // 2, : (rect.width + 1 - (stage & 1)) // 2, band
                ] = True
            values = coder.stage(
                component=index,
                level=level,
                stage=stage,
                inside=inside,
                parameters=mixtures[inside],
                raw=component.raw,
            )
            grid[:, stage >> 1 :: 2, stage & 1 :: 2] = values.transpose(2, 0, 1)
            compressed = seen.compress(torch.from_numpy(values.astype(np.int64) >> component.raw) << 4)
            walk.take(compressed.to(torch.int16).numpy())
        whole = torch.from_numpy(grid[:, :height, :width].astype(np.int64))
        bands = [whole[at, : rect.height, : rect.width] for at, rect in enumerate(rects)]
        component.grids[level - 1] = (whole >> component.raw)[None]
        if level < self._levels:
            component.grids[level] = None  # was needed for the last time
        component.low.refine([band[None] for band in bands])
        hl, lh, hh = (grid[at, : rect.height, : rect.width].copy() for at, rect in enumerate(rects))
        return hl, lh, hh


def _channels_last(planes: Tensor) -> NDArray[np.int16]:
    """Return planes (C, h, w) as int16 (h, w, C)."""
    import torch

    return np.ascontiguousarray(planes.to(torch.int16).permute(1, 2, 0).numpy())
