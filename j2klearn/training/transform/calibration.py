"""Fit the rate proxy to real codestreams, and measure how well it predicts them.

The proxy predicts the size of a codestream with one quantiser step for the whole picture, in units of the picture
(divided by the 9/7's norm in each subband), without truncated code-blocks. That is what training simulates. A file that
is truncated to a rate is similar, because its code-blocks end at the slope of one step.

OpenJPEG writes such a codestream if it gets the carrier divided by the step and rounded, and no limit of the size: then
its own steps are one over the norm. The indices are those that OpenJPEG codes, so they include the rounding of the
carrier. The bytes are those of all packets with their headers, by resolution. The main header, the tile-part header and
the boxes are not counted, because they do not depend on the transform.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...codestream.main_header import read_main_header
from ...codestream.markers import Marker
from ...core.geometry import ORIENTATIONS, Rect
from ...core.subbands import Subbands
from ...ebcot.rate_proxy import RateProxy
from ...ebcot.reconstruction import read_lattice
from ...errors import CodestreamError
from ...models.model import Model
from ...native import transport, wavelet
from ...transform.levels import compose, decompose
from ..schedule import half_cosine

__all__ = ["Sample", "errors", "fit", "predict", "sample", "samples"]

Band = NDArray[np.float32]

_LEVELS = 5
_SOP = Marker.SOP.code + b"\x00\x04"


@dataclass(frozen=True)
class Sample:
    """A codestream: the magnitudes of its indices, and the sizes of its packets.

    Attributes
    ----------
    bands : list of (str, ndarray)
        Orientation and magnitudes (int16) of the subbands, LL first, then HL, LH, HH from coarse to fine.
    packets : ndarray of int64, shape (levels + 1,)
        Bytes of the packets, by resolution from coarse to fine.
    pixels : int
        Number of pixels of the picture.
    bpp : float
        Bytes of all packets, in bits per pixel.
    """

    bands: list[tuple[str, NDArray[np.int16]]]
    packets: NDArray[np.int64]
    pixels: int

    @property
    def bpp(self) -> float:
        return 8 * float(self.packets.sum()) / self.pixels


def _carrier(luma: NDArray[np.float32], model: Model | None) -> NDArray[np.float32]:
    """Return the plane whose 9/7 subbands are the model's subbands; without a model, the picture itself."""
    if model is None:
        return luma
    from ...models.transport_scales import transport_scales

    area = Rect(0, 0, *luma.shape)
    bands = model.transform.analyse(luma[None], area, _LEVELS)[0]
    scales = transport_scales(model, _LEVELS)
    if scales:
        bands.multiply(scales)

    def join(ll: Band, details: tuple[Band, Band, Band], level: int) -> Band:
        return wavelet.synthesise(ll, *details, area.resolution(level - 1), 1)

    return compose(bands.ll, bands.details, join)


def _split(x: Band, level: int) -> tuple[Band, tuple[Band, Band, Band]]:
    """Decompose one level by the native library's 9/7."""
    ll, hl, lh, hh = wavelet.analyse(x, (0, 0), 1)
    return ll, (hl, lh, hh)


def _packet_bytes(codestream: bytes) -> NDArray[np.int64]:
    """Return the bytes of the packets. They are found by their SOP marker segments, which are not counted."""
    starts: list[int] = []
    at = codestream.find(_SOP)
    while at >= 0:
        starts.append(at)
        at = codestream.find(_SOP + len(starts).to_bytes(2, "big"), at + 6)
    if len(starts) != _LEVELS + 1:
        raise CodestreamError("a codestream for calibration must have exactly one packet per resolution")
    return np.diff([*starts, len(codestream) - 2]) - 6  # without the EOC marker, and without SOP segments


def sample(luma: NDArray[np.float32], step: float, model: Model | None = None) -> Sample:
    """Code a picture with one quantiser step.

    Parameters
    ----------
    luma : ndarray, shape (H, W), float32
        Level-shifted samples of 8 bits; both sides at least 32.
    step : float
        Quantiser step in grey levels.
    model : Model, optional
        The learned transform. Default: the 9/7.
    """
    return next(samples(luma, [step], model))


def samples(
    luma: NDArray[np.float32], steps: Sequence[float], model: Model | None = None
) -> Iterator[Sample]:
    """Yield the samples of a picture at several quantiser steps; see `sample`."""
    carrier = _carrier(luma, model)
    area = Rect(0, 0, *luma.shape)
    for step in steps:
        whole = np.rint(carrier / step).astype(np.int32)
        precision = int(np.abs(whole).max()).bit_length() + 2
        parameters = transport.Parameters(
            area=area, precision=precision, signed=True, levels=_LEVELS, progression=1, sop=True
        )
        with transport.Encoder(parameters) as encoder:
            encoder.put_samples(0, whole)
            codestream = encoder.finish()
        lattice = read_lattice(read_main_header(codestream))
        coded = Subbands(area, *decompose(whole.astype(np.float32), _LEVELS, _split))
        names = [("LL", _LEVELS)] + [(o, level) for level in range(_LEVELS, 0, -1) for o in ORIENTATIONS]
        # the lattice is in units of samples of 8 bits, and its spacing is half a step
        spacing = 2.0 * 2.0 ** (precision - 8)
        magnitudes = [
            (name, np.floor(np.abs(band) / (lattice[name, level] * spacing)).astype(np.int16))
            for (name, level), band in zip(names, coded.bands(), strict=True)
        ]
        yield Sample(magnitudes, _packet_bytes(codestream), luma.size)


def predict(proxy: RateProxy, taken: Sample) -> Tensor:
    """Return the sizes of the packets that the proxy predicts, in bytes, by resolution, shape (levels + 1,)."""
    resolutions = []
    for first in [0, *range(1, len(taken.bands), 3)]:
        bits = proxy.packet
        for orientation, magnitudes in taken.bands[first : first + (3 if first else 1)]:
            x = torch.from_numpy(magnitudes.astype(np.float32))[None, None]
            bits = bits + proxy.blocks(proxy.bits(x, orientation), x).sum()
        resolutions.append(bits / 8)
    return torch.stack(resolutions)


def fit(
    proxy: RateProxy,
    taken: Sequence[Sample],
    epochs: int,
    rate: float = 0.02,
    seed: int = 0,
    report: Callable[[int, float], None] | None = None,
) -> None:
    """Fit the parameters of a proxy.

    Minimises the squared logarithm of predicted over real bytes, of whole files and of their resolutions, which are
    weighted by their share of the bytes.

    Parameters
    ----------
    proxy : RateProxy
        Changed in place.
    taken : sequence of Sample
        The codestreams to fit it to.
    epochs : int
        Passes over `taken`, with one step of Adam per four samples.
    rate : float
        Highest learning rate; it falls to zero on a half cosine.
    seed : int
        Seed of the order of the samples.
    report : callable, optional
        Called after each pass with its number and the mean absolute relative error.
    """
    proxy.requires_grad_(True)
    generator = np.random.default_rng(seed)
    header_rate = 10.0  # bits per code-block are tens, all other parameters are about one
    optimiser = torch.optim.Adam(
        [
            {"params": [p for name, p in proxy.named_parameters() if name != "headers"], "lr": rate},
            {"params": [proxy.headers], "lr": rate * header_rate},
        ],
        betas=(0.9, 0.98),
    )
    per_epoch = math.ceil(len(taken) / 4)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: half_cosine(step, epochs * per_epoch)
    )
    for epoch in range(epochs):
        file_errors = []
        order = generator.permutation(len(taken))
        for start in range(0, len(order), 4):
            optimiser.zero_grad()
            for index in order[start : start + 4]:
                real = torch.from_numpy(taken[index].packets.astype(np.float32))
                predicted = predict(proxy, taken[index]).clamp_min(1.0)
                whole = torch.log(predicted.sum() / real.sum())
                parts = torch.log(predicted / real).square() * (real / real.sum())
                (whole.square() + 0.3 * parts.sum()).backward()
                file_errors.append(abs(math.expm1(whole.item())))
            optimiser.step()
            with torch.no_grad():
                proxy.headers.clamp_(min=0.1)
            schedule.step()
        if report:
            report(epoch, float(np.mean(file_errors)))
    proxy.requires_grad_(False)


def errors(proxy: RateProxy, taken: Sequence[Sample]) -> NDArray[np.float64]:
    """Return the relative error of the predicted size of each codestream, shape (len(taken),)."""
    with torch.inference_mode():
        return np.array([float(predict(proxy, s).sum()) / float(s.packets.sum()) - 1 for s in taken])
