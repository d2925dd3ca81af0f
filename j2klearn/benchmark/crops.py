"""Crops of a few pictures, coded by every codec with the same number of bytes, for comparison by eye."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from ..errors import J2KError
from ..metrics.psnr import psnr
from .codecs.base import Codec
from .codecs.neural import Neural
from .measure import prepare, read
from .protocol import Protocol
from .run import Picture, Run
from .store import Store

__all__ = ["choose", "cut"]

#: Sides of a crop in pixels; smaller pictures give smaller crops.
_HEIGHT, _WIDTH = 240, 320

Samples = NDArray[Any]


def choose(results: dict[str, Any], count: int) -> list[str]:
    """Return the names of the pictures to show, evenly spread from the largest gain to the smallest.

    Parameters
    ----------
    results : dict
        The results document; the gain is the first codec's BD-rate by PSNR.
    count : int
        Largest number of pictures.
    """
    gains: dict[str, float | None] = next(
        (delta["per_picture"] for delta in results["deltas"] if delta["metric"] == "psnr"), {}
    )
    names = [picture["name"] for picture in results["pictures"]]
    ranked = sorted((n for n in names if gains.get(n) is not None), key=lambda n: gains[n] or 0.0) or names
    places = np.unique(np.linspace(0, len(ranked) - 1, min(count, len(ranked))).round().astype(int))
    return [ranked[place] for place in places]


def _busiest(image: Samples) -> tuple[int, int]:
    """Return the upper left corner (y, x) of the crop with the most detail."""
    if min(image.shape[:2]) < 2:
        return 0, 0
    grey = image.mean(axis=2) if image.ndim == 3 else image.astype(np.float64)
    detail = np.abs(np.diff(grey, axis=0))[:, :-1] + np.abs(np.diff(grey, axis=1))[:-1]
    sums = np.zeros((detail.shape[0] + 1, detail.shape[1] + 1))
    sums[1:, 1:] = detail.cumsum(axis=0).cumsum(axis=1)
    high, wide = min(_HEIGHT, detail.shape[0]), min(_WIDTH, detail.shape[1])
    windows = sums[high:, wide:] - sums[:-high, wide:] - sums[high:, :-wide] + sums[:-high, :-wide]
    y, x = np.unravel_index(int(np.argmax(windows[::8, ::8])), windows[::8, ::8].shape)
    return 8 * int(y), 8 * int(x)


def _png(samples: Samples, bits: int) -> bytes:
    """Return a crop as a PNG file with 8 bits per sample, which browsers show."""
    if samples.dtype.itemsize > 1:
        samples = (samples >> (bits - 8)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(samples)).save(out, "PNG", optimize=True)
    return out.getvalue()


def _cut_one(
    picture: Picture, codecs: Sequence[Codec], protocol: Protocol, rate: float, store: Store
) -> dict[str, Any]:
    image, depth = read(picture.path, protocol)
    image = prepare(image, protocol)
    y, x = _busiest(image)
    window = (slice(y, min(y + _HEIGHT, image.shape[0])), slice(x, min(x + _WIDTH, image.shape[1])))
    stem = f"crops/{picture.digest[:12]}"
    store.write(f"{stem}-original.png", _png(image[window], depth))
    shown: dict[str, Any] = {}
    for codec in codecs:
        # `single` of the neural profile ignores the rate
        if isinstance(codec, Neural):
            data = codec.at(image, rate, depth)
        else:
            (data,) = codec.single(image, [rate], depth)
        decoded = codec.decode(data)
        name = f"{stem}-{codec.name}.png"
        store.write(name, _png(decoded[window], depth))
        shown[codec.name] = {"file": name, "bytes": len(data), "psnr": psnr(image, decoded, depth)}
    return {
        "picture": picture.name,
        "bpp": rate,
        "box": [window[0].start, window[1].start, window[0].stop, window[1].stop],
        "original": f"{stem}-original.png",
        "codecs": shown,
    }


def cut(
    run: Run, names: Sequence[str], protocol: Protocol, rate: float, store: Store
) -> list[dict[str, Any]]:
    """Code pictures at one rate with every codec except the peers, and store the same crop of each.

    Pictures that a codec cannot code are left out.

    Parameters
    ----------
    run : Run
        Pictures and codecs.
    names : sequence of str
        Names of the pictures; see `choose`.
    protocol : Protocol
        Channels, bit depth and other options.
    rate : float
        Bits per pixel of the complete files.
    store : Store
        Receives the crops as PNG files.

    Returns
    -------
    list of dict
        The part ``crops`` of the results document.
    """
    codecs = [codec for codec in run.codecs if codec.kind != "peer"]
    pictures = [picture for picture in run.pictures if picture.name in names]
    crops = []
    for picture in tqdm(pictures, desc="crops", unit="", leave=False, disable=None):
        try:
            crops.append(_cut_one(picture, codecs, protocol, rate, store))
        except J2KError:
            continue  # the run has listed it as skipped
    return crops


def default_rate(protocol: Protocol) -> float:
    """Return the rate of the protocol nearest to 0.25 bits per pixel, where differences are easy to see."""
    return min(protocol.rates, key=lambda rate: abs(rate - 0.25))


def remove(store: Store) -> None:
    """Delete the crops of an earlier run."""
    for path in (store.folder / "crops").glob("*.png"):
        path.unlink(missing_ok=True)
