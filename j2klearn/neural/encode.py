"""Encodes a picture: component transform, wavelet transform, quantisation, entropy model, payload and file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.normalisation import Normalisation, normalise
from ..core.normalisation import restore as restore_range
from ..core.picture import Picture
from ..core.run import Run
from ..core.subbands import Subbands
from ..core.targets import DEFAULT_RATIO, Number, Values, read_targets
from ..ebcot.missed import report_psnr, report_size
from ..ebcot.probe import Probe
from ..errors import OptionError
from ..metrics.psnr import psnr
from ..transform.colour import pixels, planes, reversible_planes
from .coefficients.quantisation import (
    COARSEST,
    PER_OCTAVE,
    centroids,
    check_step,
    component_norms,
    dequantised,
    model_code,
    quality_code,
    quantised,
    step_of,
)
from .coefficients.reconstruction_points import Details, Points
from .format.container import wrapped
from .format.payload import Header, write_payload
from .format.preview import make_preview, packet_budget
from .rate_search import Estimate, search_psnr, search_size
from .registry import resolve_entropy
from .restoration import choose_noise, restore
from .subband_transform import analyse_reversible, is_lossless, named_model, transform_of

if TYPE_CHECKING:
    from ..models.model import Model
    from .coefficients.pyramid import Pyramid
    from .entropy_model import EntropyModel

__all__ = ["DEFAULT_LOSSLESS", "DEFAULT_LOSSY", "Target", "encode_picture", "find_model", "read_target"]

#: The default entropy models.
DEFAULT_LOSSY, DEFAULT_LOSSLESS = "context97", "context53"

#: Shares of the work that are done once the transform ends, and once the indices are chosen.
_ANALYSIS_END, _CHOICE_END = 0.05, 0.5

#: PSNR in dB of a uniform quantiser with a step of one grey level, at high rates. The search for a PSNR starts from it.
_PSNR_AT_STEP_1 = 58.9

#: The search for a PSNR takes results above the target as at most this many dB above it: exact ones are infinite.
_MAX_LEAD = 20.0


@dataclass(frozen=True)
class Target:
    """The target of the encoder: a quantiser step, a file size, a PSNR, or lossless coding.

    Attributes
    ----------
    kind : str
        ``"step"``, ``"bytes"``, ``"psnr"`` or ``"lossless"``.
    value : float
        The step code, the bytes of the file, or the PSNR in dB; 0 for lossless coding.
    """

    kind: str
    value: float = 0.0


def read_target(
    *,
    pixels: int,
    raw_bytes: float,
    quality: Number | None,
    bpp: Values,
    ratio: Values,
    psnr: Number | Sequence[Number] | None,
    lossless: bool,
) -> Target:
    """Turn the options of `j2klearn.encode` into a target. Without any, it is the default compression ratio.

    Parameters
    ----------
    pixels : int
        Number of pixels of the picture.
    raw_bytes : float
        Bytes of its samples without compression.
    quality, bpp, ratio, psnr, lossless
        As in `j2klearn.encode`.

    Raises
    ------
    OptionError
        If options contradict each other or are out of range.
    """
    given = {"quality": quality, "bpp": bpp, "ratio": ratio, "psnr": psnr, "lossless": lossless or None}
    names = [name for name, value in given.items() if value is not None]
    if quality is not None:
        if len(names) > 1:
            raise OptionError(f"{' and '.join(names)} contradict each other: give one of them")
        return Target("step", quality_code(quality))
    if not names:
        ratio = DEFAULT_RATIO
    targets = read_targets(
        pixels=pixels,
        raw_bytes=raw_bytes,
        bpp=bpp,
        ratio=ratio,
        psnr=psnr,
        lossless=lossless,
        layers=1,
    )
    if len(targets.values) > 1:
        raise OptionError("the neural profile has one quality layer, so it takes one target only")
    return Target("lossless") if lossless else Target(targets.kind, targets.values[0])


def find_model(model: str | Path | Model | EntropyModel | None, *, lossless: bool) -> EntropyModel:
    """Return the entropy model for the ``model=`` of `j2klearn.encode`; ``"auto"`` is the default model.

    Raises
    ------
    OptionError
        If `model` is None, or is for lossy pictures and the picture is lossless, or the other way round.
    ModelError
        If it is not installed, or its file is damaged.
    """
    if model is None:
        raise OptionError("the neural profile needs an entropy model, but model is None")
    if isinstance(model, str) and model == "auto":
        model = DEFAULT_LOSSLESS if lossless else DEFAULT_LOSSY
    found = resolve_entropy(model)
    if is_lossless(found.config) != lossless:
        kinds = ("lossless", "lossy") if lossless else ("lossy", "lossless")
        raise OptionError(
            f"a {kinds[0]} picture is asked for, but the model {found.name} is for {kinds[1]} ones"
        )
    return found


def encode_picture(
    picture: Picture,
    model: EntropyModel,
    target: Target,
    run: Run,
) -> bytes:
    """Return the file of a picture.

    Parameters
    ----------
    picture : Picture
        The picture to code.
    model : EntropyModel
        The entropy model. It is for lossless pictures if the target is lossless coding.
    target : Target
        The target to meet.
    run : Run
        Threads and progress.

    Raises
    ------
    OptionError
        If the target needs a finer quantiser step than the coefficients allow.
    ModelError
        If the entropy model's transform is not installed.
    """
    from ..transform.threads import bounded

    with bounded(run.threads):
        job = (_Lossless if target.kind == "lossless" else _Lossy)(picture, model, run)
        data = job.made(target)
    run.progress(1.0, "done")
    return data


def _normalisation(picture: Picture) -> tuple[Normalisation, ...]:
    """Return the normalisation of every component, with one factor for all, because they share the quantiser step."""
    first = 3 if picture.ict else 1
    groups = [slice(0, first), *(slice(at, at + 1) for at in range(first, picture.components))]
    rules = Probe.of(picture).normalisation(groups)
    exponent = min((rule.exponent for rule in rules), default=0)
    return tuple(Normalisation(exponent, rule.offset) for rule in rules) if exponent else ()


class _Job:
    """The encoding of one picture."""

    def __init__(self, picture: Picture, model: EntropyModel, run: Run) -> None:
        self.picture, self.model = picture, model
        self.threads, self.progress = run.threads, run.progress
        self.shape = (picture.height, picture.width)
        self.levels = model.levels(self.shape)

    def header(self, **special: Any) -> Header:
        picture = self.picture
        return Header(
            height=picture.height,
            width=picture.width,
            components=picture.components,
            precision=picture.bit_depth,
            is_signed=picture.signed,
            component_transform=picture.ict,
            levels=self.levels,
            model_prefix=self.model.id[:8],
            **special,
        )

    def segments(
        self, pyramids: Sequence[Pyramid], code: int, begin: float = _ANALYSIS_END, end: float = 0.98
    ) -> list[bytes]:
        """Return the segments; progress goes from `begin` to `end`, shares of all work."""

        def advance(share: float) -> None:
            self.progress(begin + (end - begin) * share, "coding")

        related = self.picture.ict
        return self.model.encode(pyramids, code, related=related, threads=self.threads, progress=advance)

    def file(self, header: Header, segments: Sequence[bytes]) -> bytes:
        payload = write_payload(header, segments)
        return wrapped(make_preview(self.picture, packet_budget(len(payload))), payload)

    def made(self, target: Target) -> bytes:
        """Return a file that meets the target."""
        raise NotImplementedError


class _Lossless(_Job):
    def made(self, target: Target) -> bytes:
        pyramids = analyse_reversible(reversible_planes(self.picture), self.levels, self.threads)
        return self.file(self.header(lossless=True), self.segments(pyramids, 0))


@dataclass
class _Quantised:
    """Indices at one step, and the parameters that readers need to reconstruct coefficients from them."""

    code: int
    pyramids: list[Pyramid]
    shifts: tuple[tuple[int, int], ...]
    points: list[Details] | None = None
    noise: tuple[int, ...] = ()


class _Lossy(_Job):
    def __init__(self, picture: Picture, model: EntropyModel, run: Run) -> None:
        super().__init__(picture, model, run)
        self.transform = transform_of(model.config, model.beside, ict=picture.ict, threads=run.threads)
        named = model.config.get("dequantiser")
        self.restorer = None if named is None else named_model(named, model.beside)
        self.planes = planes(picture)
        self.normalisation = _normalisation(picture)
        normalise(self.planes, self.normalisation, picture.bit_depth)
        self.coefficients = self.transform.analyse(
            self.planes, self.levels, lambda share: run.progress(_ANALYSIS_END * share, "lifting")
        )
        if self.restorer is None:
            self.planes = np.empty(0, np.float32)  # free the memory: only the restorer needs the planes

    def made(self, target: Target) -> bytes:
        if target.kind == "bytes":
            return self.at_size(target.value)
        if target.kind == "psnr":
            return self.coded(self.at_psnr(target.value), _CHOICE_END, 0.98)
        # the step is that of the samples, and the code that of the normalised components
        exponent = self.normalisation[0].exponent if self.normalisation else 0
        code = min(COARSEST, int(target.value) + PER_OCTAVE * exponent)
        return self.coded(self.chosen(code, _ANALYSIS_END, _CHOICE_END), _CHOICE_END, 0.98)

    def coded(self, indices: _Quantised, begin: float, end: float) -> bytes:
        header = self.header(
            lossless=False,
            code=indices.code,
            shifts=indices.shifts,
            noise=indices.noise,
            expected=indices.points is not None,
            normalisation=self.normalisation,
        )
        return self.file(header, self.segments(indices.pyramids, model_code(indices.code), begin, end))

    def at_size(self, size: float) -> bytes:
        """Return the file of the step at which it has about this size in bytes."""

        def coded(code: int, number: int) -> bytes:
            # the number of tries is unknown in advance: every try takes half of the remaining share
            begin, end = (_ANALYSIS_END + (1 - _ANALYSIS_END) * (1 - 0.5**n) for n in (number, number + 1))
            self.progress(begin, f"search for the size, try {number + 1}")
            middle = (begin + end) / 2
            indices = self.chosen(code, begin, middle)
            data = self.coded(indices, middle, end)
            if len(data) <= size and (not fitting or len(data) > fitting[0][0]):
                fitting[:] = [(len(data), indices)]
            return data

        fitting: list[tuple[int, _Quantised]] = []  # the largest file that is not too large
        header = self.header(lossless=False, shifts=((0, 0),), normalisation=self.normalisation)
        empty = self.file(header, [b""] * max(1, self.levels))
        data = search_size(coded, Estimate(self.coefficients), size, len(empty))
        report_size(len(data), size, lambda: bool(fitting) and math.isinf(self.reached(fitting[0][1])))
        return data

    def at_psnr(self, wanted: float) -> _Quantised:
        """Return the indices of the step at which the decoded picture has about this PSNR in dB."""
        tries = 0
        found: dict[int, float] = {}

        def finite(psnr: float) -> float:
            return min(psnr, wanted + _MAX_LEAD)

        def plain(code: int) -> float:
            step = step_of(code)
            check_step(self.coefficients, step)
            pyramids = [quantised(bands, step) for bands in self.coefficients]
            return finite(self.reached(self.measured(code, pyramids)))

        def reached(code: int) -> tuple[_Quantised, float]:
            nonlocal tries
            begin, end = (
                _ANALYSIS_END + (_CHOICE_END - _ANALYSIS_END) * (1 - 0.5**n) for n in (tries, tries + 1)
            )
            tries += 1
            self.progress(begin, f"search for PSNR, try {tries}")
            indices = self.chosen(code, begin, end)
            found[code] = self.reached(indices)
            return indices, finite(found[code])

        # at high rates the error variance is step^2 / 12, so the PSNR falls by 6.02 dB per octave
        start = round(256 * (_PSNR_AT_STEP_1 - wanted) / 6.02)
        exponent = self.normalisation[0].exponent if self.normalisation else 0
        indices = search_psnr(reached, plain, wanted, start + PER_OCTAVE * exponent)
        report_psnr([found[indices.code]], [wanted])
        return indices

    def chosen(self, code: int, begin: float, end: float) -> _Quantised:
        """Return the indices that the model chooses at a step; progress goes from `begin` to `end`."""
        step = step_of(code)
        check_step(self.coefficients, step)

        def advance(share: float) -> None:
            self.progress(begin + (end - begin) * share, "choosing")

        points = Points()
        pyramids = self.model.choose(
            self.coefficients,
            step,
            model_code(code),
            related=self.picture.ict,
            threads=self.threads,
            progress=advance,
            points=points,
        )
        result = self.measured(code, pyramids)
        if points:
            result = self.better(result, points)
        if self.restorer is not None:
            steps = [step / norm for norm in component_norms(len(pyramids), ict=self.picture.ict)]
            noise = choose_noise(
                self.planes, self.synthesised(result), steps, self.restorer, ict=self.picture.ict
            )
            result.noise = tuple(noise) if any(noise) else ()
        return result

    def better(self, plain: _Quantised, points: Points) -> _Quantised:
        """Return the indices with the reconstruction points of the entropy model, if these reduce the error."""
        details = [points.details(at, pyramid) for at, pyramid in enumerate(plain.pyramids)]
        other = self.measured(plain.code, plain.pyramids, details)
        return min(plain, other, key=self.error)

    def error(self, indices: _Quantised) -> float:
        """Return the squared error of the normalised coefficients."""
        return float(
            sum(
                np.square(band - wanted).sum(dtype=np.float64)
                for source, bands in zip(self.coefficients, self.dequantised(indices), strict=True)
                for wanted, band in zip(source.bands(), bands.bands(), strict=True)
            )
        )

    def measured(self, code: int, pyramids: list[Pyramid], points: list[Details] | None = None) -> _Quantised:
        """Return indices with the shifts of their reconstruction points, without learned de-quantisation."""
        groups = [list(range(len(pyramids)))]
        if self.picture.ict:  # luma and all extra components, and chroma
            groups = [[0, *range(3, len(pyramids))], [1, 2]]
        shifts = tuple(
            centroids(
                [self.coefficients[at] for at in group],
                [pyramids[at] for at in group],
                step_of(code),
                None if points is None else [points[at] for at in group],
            )
            for group in groups
        )
        return _Quantised(code, pyramids, shifts, points)

    def dequantised(self, indices: _Quantised) -> list[Subbands]:
        """Return the normalised coefficients that a decoder reconstructs."""
        chroma = (1, 2) if self.picture.ict else ()
        return [
            dequantised(
                pyramid,
                step_of(indices.code),
                indices.shifts[at in chroma],
                None if indices.points is None else indices.points[at],
            )
            for at, pyramid in enumerate(indices.pyramids)
        ]

    def synthesised(self, indices: _Quantised) -> NDArray[np.float32]:
        """Return the planes that a decoder reconstructs, before learned de-quantisation."""
        return self.transform.synthesise(self.dequantised(indices), 0, self.levels)

    def reached(self, indices: _Quantised) -> float:
        """Return the PSNR in dB of the decoded picture; infinite if it is exact."""
        decoded = self.synthesised(indices)
        if indices.noise and self.restorer is not None:
            restore(decoded, indices.noise, self.restorer, ict=self.picture.ict)
        picture = self.picture
        restore_range(decoded, self.normalisation, picture.bit_depth)
        samples = pixels(decoded, picture.bit_depth, ict=picture.ict, signed=picture.signed)
        return psnr(picture.samples, samples, picture.bit_depth, exact=math.inf)
