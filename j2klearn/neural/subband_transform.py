"""The transforms of the profile: the 9/7, learned lifting on the finest levels, or the 5/3 for lossless pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.geometry import Rect
from ..core.subbands import Subbands
from ..core.timing import stage
from ..errors import CodestreamError, ModelError
from ..native import wavelet
from ..transform.levels import compose, decompose
from .coefficients.pyramid import Pyramid, area_of
from .coefficients.quantisation import component_norms, normalise, subband_norms

if TYPE_CHECKING:
    from ..models.model import Model

__all__ = ["Transform", "analyse_reversible", "is_lossless", "synthesise_reversible", "transform_of"]

REVERSIBLE, BASE = "5-3", "9-7"

#: Default number of levels with learned steps.
_LEARNED_LEVELS = 5

#: Coefficients of the 5/3 are smaller than this in magnitude: samples after the RCT have 17 bits, each direction adds
#: one bit at most, and low-pass samples grow a little.
_COEFFICIENT_LIMIT = 1 << 22

Planes = NDArray[np.float32]

#: HL, LH and HH of one level.
Details = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]


def is_lossless(config: Mapping[str, Any]) -> bool:
    """Return whether an entropy model of this configuration codes lossless pictures."""
    return bool(config.get("transform") == REVERSIBLE)


class Transform:
    """The transform of lossy pictures: planes to normalised coefficients, and the inverse.

    Parameters
    ----------
    model : Model, optional
        The learned transform. Without it all levels use the 9/7.
    learned_levels : int
        Number of the finest levels that use the learned transform. All other levels use the 9/7.
    ict : bool
        Whether the first three components are those of the ICT. They share the opacities of the first one.
    nominal : bool
        Whether coefficients are normalised by the norms of the 9/7, and not by those of the learned transform. Some
        models were trained in this way.
    threads : int
        Number of threads for the wavelets of T.800.
    """

    def __init__(
        self,
        model: Model | None,
        learned_levels: int = _LEARNED_LEVELS,
        *,
        ict: bool,
        nominal: bool = False,
        threads: int = 1,
    ) -> None:
        self.model, self.learned_levels = model, learned_levels if model is not None else 0
        self.nominal = nominal
        self.ict, self.threads = ict, threads

    def _groups(self, components: int) -> list[slice]:
        """Return the groups of components that the learned transform processes together."""
        first = 3 if self.ict else 1
        return [slice(0, first), *(slice(at, at + 1) for at in range(first, components))]

    def _norms(self, levels: int) -> list[float]:
        learned = min(levels, self.learned_levels)
        scales: tuple[float, ...] = ()
        if self.model is not None and not self.nominal:
            from ..models.transport_scales import transport_scales

            scales = transport_scales(self.model, learned)
        return subband_norms(levels, scales, learned)

    @stage("analysis")
    def analyse(
        self, planes: Planes, levels: int, progress: Callable[[float], None] | None = None
    ) -> list[Subbands]:
        """Return the normalised coefficients of every component.

        Parameters
        ----------
        planes : ndarray, shape (C, H, W), float32
            Samples in units of 8-bit grey levels, after the DC level shift.
        levels : int
            Number of decomposition levels.
        progress : callable, optional
            Called with the share of the work that is done, 0 to 1.
        """
        count = len(planes)
        area = area_of(planes.shape[1:])
        out: list[Subbands] = []
        for group in self._groups(count):
            parts = self._learned_analysis(planes[group], area, min(levels, self.learned_levels))
            out += [self._further_levels(part, levels) for part in parts]
            if progress:
                progress(len(out) / count)
        norms = self._norms(levels)
        for bands, norm in zip(out, component_norms(count, ict=self.ict), strict=True):
            normalise(bands, norms, norm)
        return out

    def _learned_analysis(self, planes: Planes, area: Rect, levels: int) -> list[Subbands]:
        if self.model is None or not levels:
            return [Subbands(area, plane, []) for plane in planes]
        return self.model.transform.analyse(planes, area, levels, self.threads)

    def _further_levels(self, bands: Subbands, levels: int) -> Subbands:
        low, further = decompose(bands.ll, levels - bands.levels, _split(self.threads))
        return Subbands(bands.area, low if levels else low.copy(), [*bands.details, *further])

    @stage("synthesis")
    def synthesise(self, components: Sequence[Subbands], reduce: int, levels: int) -> Planes:
        """Return the planes of normalised coefficients, (C, h, w), float32: the inverse of `analyse`.

        Parameters
        ----------
        components : sequence of Subbands
            The coefficients of each component, without the `reduce` finest levels. They are overwritten.
        reduce : int
            Number of levels that are left out.
        levels : int
            Number of decomposition levels of the whole picture.
        """
        norms = self._norms(levels)[: 1 + 3 * (levels - reduce)]
        learned = max(0, self.learned_levels - reduce)
        component_norm = component_norms(len(components), ict=self.ict)
        planes = []
        for group in self._groups(len(components)):
            parts = []
            for bands, norm in zip(components[group], component_norm[group], strict=True):
                bands.divide([each * norm for each in norms])
                parts.append(self._merged(bands, learned))
            planes.append(self._learned_synthesis(parts))
        return planes[0] if len(planes) == 1 else np.concatenate(planes)

    def _merged(self, bands: Subbands, learned: int) -> Subbands:
        """Undo the levels that use the 9/7."""
        area = bands.area.resolution(learned)
        low = compose(bands.ll, bands.details[learned:], _join(area, self.threads))
        return Subbands(bands.area, low, bands.details[:learned])

    def _learned_synthesis(self, parts: list[Subbands]) -> Planes:
        if self.model is None or not parts[0].levels:
            return np.stack([bands.ll for bands in parts])
        return self.model.transform.synthesise(parts, self.threads)


def _split(threads: int) -> Callable[[NDArray[Any], int], tuple[NDArray[Any], Details]]:
    """Return the analysis of one level by a wavelet of T.800, for `decompose`."""

    def split(plane: NDArray[Any], level: int) -> tuple[NDArray[Any], Details]:
        ll, hl, lh, hh = wavelet.analyse(plane, threads=threads)
        return ll, (hl, lh, hh)

    return split


def _join(area: Rect, threads: int) -> Callable[[NDArray[Any], Details, int], NDArray[Any]]:
    """Return the synthesis of one level of a plane that covers `area`, for `compose`."""

    def join(ll: NDArray[Any], details: Details, level: int) -> NDArray[Any]:
        return wavelet.synthesise(ll, *details, area.resolution(level - 1), threads)

    return join


@stage("analysis")
def analyse_reversible(planes: NDArray[np.int32], levels: int, threads: int = 1) -> list[Pyramid]:
    """Return the coefficients of planes by the reversible 5/3 (T.800 F.4.8.1).

    Parameters
    ----------
    planes : ndarray, shape (C, H, W), int32
        Samples after the DC level shift and the RCT.
    levels : int
        Number of decomposition levels.
    threads : int
        Number of threads to use.

    Returns
    -------
    list of Pyramid
        One per component.
    """
    out = []
    for plane in planes:
        out.append(Pyramid(*decompose(plane, levels, _split(threads))))
    return out


@stage("synthesis")
def synthesise_reversible(pyramids: Sequence[Pyramid], threads: int = 1) -> NDArray[np.int32]:
    """Return the planes of coefficients, shape (C, H, W), int32: the inverse of `analyse_reversible`.

    Raises
    ------
    CodestreamError
        If a coefficient is larger than the 5/3 can produce from any picture.
    """
    out = []
    for pyramid in pyramids:
        for band in pyramid.bands():
            if band.size and max(int(band.max()), -int(band.min())) >= _COEFFICIENT_LIMIT:
                raise CodestreamError("the payload holds coefficients that no picture has")
        out.append(compose(pyramid.ll, pyramid.details, _join(area_of(pyramid.shape), threads)))
    return np.stack(out)


def transform_of(
    config: Mapping[str, Any], extra: Sequence[Model] = (), *, ict: bool, threads: int = 1
) -> Transform:
    """Return the transform that the configuration of an entropy model names.

    Parameters
    ----------
    config : mapping
        See `j2klearn.neural.entropy_model.EntropyModel`. If ``gains`` is ``"nominal"``, coefficients are normalised by
        the norms of the 9/7, otherwise by those of the learned transform.
    extra : sequence of Model
        Transform models to search before the shipped ones.
    ict, threads
        As in `Transform`.

    Raises
    ------
    ModelNotFoundError
        If the transform is not installed.
    ModelError
        If the configuration names no transform.
    """
    named = config.get("transform")
    if named == BASE:
        return Transform(None, ict=ict, threads=threads)
    learned = config.get("learned_levels", _LEARNED_LEVELS)
    if not isinstance(learned, int) or not 0 <= learned <= 32:
        raise ModelError(
            "the number of learned levels of the entropy model is out of range: it has to be 0 to 32"
        )
    nominal = config.get("gains") == "nominal"
    return Transform(named_model(named, extra), learned, ict=ict, nominal=nominal, threads=threads)


def named_model(named: object, extra: Sequence[Model] = ()) -> Model:
    """Return the transform model that a table of ``name`` and ``id`` names.

    Raises
    ------
    ModelNotFoundError
        If it is not installed.
    ModelError
        If `named` is not such a table.
    """
    from ..models.registry import find

    try:
        model_id = bytes.fromhex(named["id"])  # type: ignore[index]
    except (TypeError, KeyError, ValueError):
        raise ModelError("the entropy model does not say which transform it is for") from None
    return find(model_id, extra)
