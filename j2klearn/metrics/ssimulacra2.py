"""SSIMULACRA 2.1, a metric of visual quality that was fitted to judgements of people (J. Sneyers, Cloudinary, 2023).

The definition is that of the reference program, https://github.com/cloudinary/ssimulacra2 (version 2.1). Both pictures
are converted to the colour space XYB of JPEG XL (ISO/IEC 18181-1). At six scales, from 1:1 to 1:32 in linear light,
three maps of errors are computed for each of X, Y and B: a structural dissimilarity, edges that were added, and edges
that were lost. The means and the 4-norms of these maps, 108 numbers, are summed with weights that the authors fitted to
the data sets CID22, TID2013, KADID-10k and KonFiG-IQA.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

__all__ = ["MIN_SIDE", "ssimulacra2"]

Planes = NDArray[np.float32]

_SCALES = 6

#: The smallest height and width in pixels of pictures that have all scales: a scale of 8 pixels has a coarser one.
MIN_SIDE = 113

#: Weights by component (X, Y, B), scale (1:1 first), norm (mean, 4-norm) and map (dissimilarity, added edges, lost
#: edges). They are numbers of the definition, from the reference program.
_WEIGHTS = np.array(
    """
    0.0 0.0007376606707406586 0.0 0.0 0.0007793481682867309 0.0
    0.0 0.0004371155730107379 0.0 1.1041726426657346 0.00066284834129271 0.00015231632783718752
    0.0 0.0016406437456599754 0.0 1.8422455520539298 11.441172603757666 0.0
    0.0007989109436015163 0.000176816438078653 0.0 1.8787594979546387 10.94906990605142 0.0
    0.0007289346991508072 0.9677937080626833 0.0 0.00014003424285435884 0.9981766977854967 0.00031949755934435053
    0.0004550992113792063 0.0 0.0 0.0013648766163243398 0.0 0.0
    0.0 0.0 0.0 7.466890328078848 0.0 17.445833984131262
    0.0006235601634041466 0.0 0.0 6.683678146179332 0.00037724407979611296 1.027889937768264
    225.20515300849274 0.0 0.0 19.213238186143016 0.0011401524586618361 0.001237755635509985
    176.39317598450694 0.0 0.0 24.43300999870476 0.28520802612117757 0.0004485436923833408
    0.0 0.0 0.0 34.77906344483772 44.835625328877896 0.0
    0.0 0.0 0.0 0.0 0.0 0.0
    0.0 0.0008680556573291698 0.0 0.0 0.0 0.0
    0.0 0.0005313191874358747 0.0 0.00016533814161379112 0.0 0.0
    0.0 0.0 0.0 0.0004179171803251336 0.0017290828234722833 0.0
    0.0020827005846636437 0.0 0.0 8.826982764996862 23.19243343998926 0.0
    95.1080498811086 0.9863978034400682 0.9834382792465353 0.0012286405048278493 171.2667255897307 0.9807858872435379
    0.0 0.0 0.0 0.0005130064588990679 0.0 0.00010854057858411537
    """.split(),  # noqa: SIM905
    np.float64,
)

#: The weighted sum is multiplied by the first number; then come the coefficients of a cubic, and an exponent.
_SUM_FACTOR = 0.9562382616834844
_CUBIC = (2.326765642916932, -0.020884521182843837, 6.248496625763138e-05)
_EXPONENT = 0.6276336467831387

#: Opsin absorbance of JPEG XL: the mixture of linear RGB in each of three responses, and the bias of each.
_ABSORBANCE = np.array(
    [
        [0.30, 1 - 0.30 - 0.078, 0.078],
        [0.23, 1 - 0.23 - 0.078, 0.078],
        [0.24342268924547819, 0.20476744424496821, 1 - 0.24342268924547819 - 0.20476744424496821],
    ],
    np.float32,
)
_BIAS = 0.0037930732552754493

#: The constant of the structural dissimilarity.
_C2 = 0.0009

_SIGMA, _RADIUS = 1.5, 5  # of the window, in pixels


def _window() -> NDArray[np.float64]:
    """Return the window: three truncated cosines that are as near to a Gaussian as its sum and its variance allow.

    The reference program filters recursively (D. Charalampidis, Recursive implementation of the Gaussian filter using
    truncated cosine functions, IEEE Transactions on Signal Processing 64(14), 2016). These are its impulse response.
    """
    places = np.arange(1 - _RADIUS, _RADIUS)
    frequencies = np.pi / (2 * _RADIUS) * np.array([1, 3, 5])
    cosines = np.cos(np.outer(frequencies, places))
    gaussian = np.exp(-0.5 * (_SIGMA * frequencies) ** 2) / _RADIUS
    moments = np.stack([cosines.sum(1), cosines @ places**2])
    missing = np.array([1, _SIGMA**2]) - moments @ gaussian
    factors = gaussian + np.linalg.pinv(moments) @ missing
    out: NDArray[np.float64] = factors @ cosines
    return out


_WINDOW = _window()


def ssimulacra2(original: NDArray[Any], decoded: NDArray[Any], bit_depth: int = 8) -> float:
    """Return the SSIMULACRA 2.1 of a decoded picture.

    Parameters
    ----------
    original, decoded : ndarray, shape (H, W) or (H, W, 3), unsigned integers
        Samples of the same picture: grey or RGB, both in sRGB. Both sides have at least `MIN_SIDE` pixels.
    bit_depth : int
        Bits per sample. The peak is ``2 ** bit_depth - 1``.

    Returns
    -------
    float
        100 for equal pictures. About 90 is visually lossless, 70 high, 50 medium and 30 low quality; the worst values
        are negative.
    """
    first, second = (_linear(image, bit_depth) for image in (original, decoded))
    norms = []
    for scale in range(_SCALES):
        if scale:
            first, second = _halved(first), _halved(second)
        maps = _maps(_positive_xyb(first), _positive_xyb(second))
        norms.append([[_mean(part), _mean(np.square(np.square(part))) ** 0.25] for part in maps])
    # by scale, map, norm and component
    by_component = np.array(norms).transpose(3, 0, 2, 1)
    total = _SUM_FACTOR * float(_WEIGHTS @ by_component.ravel())
    total = sum(factor * total**power for power, factor in enumerate(_CUBIC, 1))
    return 100 - 10 * total**_EXPONENT if total > 0 else 100.0


def _mean(part: Planes) -> NDArray[np.float64]:
    out: NDArray[np.float64] = part.mean((0, 1), dtype=np.float64)
    return out


def _linear(image: NDArray[Any], bit_depth: int) -> Planes:
    """Return linear RGB, 0 to 1, shape (H, W, 3) (IEC 61966-2-1)."""
    levels = np.arange(1 << bit_depth) / ((1 << bit_depth) - 1)
    table = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4).astype(np.float32)
    out: Planes = table[image]
    return np.repeat(out[:, :, None], 3, 2) if out.ndim == 2 else out


def _halved(linear: Planes) -> Planes:
    """Return the means of blocks of 2 x 2 pixels; a last row or column that is alone is repeated."""
    height, width = linear.shape[:2]
    even = np.pad(linear, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) * np.float32(0.25)


def _positive_xyb(linear: Planes) -> Planes:
    """Return XYB, with B less Y, scaled and shifted to about 0 to 1."""
    responses = np.cbrt(np.maximum(linear @ _ABSORBANCE.T + np.float32(_BIAS), 0)) - np.float32(
        np.cbrt(_BIAS)
    )
    long, medium, short = responses[..., 0], responses[..., 1], responses[..., 2]
    x, y = (long - medium) / 2, (long + medium) / 2
    return np.stack([x * 14 + np.float32(0.42), y + np.float32(0.01), short - y + np.float32(0.55)], -1)


def _blurred(planes: Planes) -> Planes:
    """Return planes filtered by the window in both directions. Beyond the borders they are zero."""
    across = correlate1d(planes, _WINDOW, 1, mode="constant")
    out: Planes = correlate1d(across, _WINDOW, 0, mode="constant")
    return out


def _maps(first: Planes, second: Planes) -> Iterator[Planes]:
    """Yield the maps of errors of a scale: dissimilarity, added edges and lost edges."""
    mean1, mean2 = _blurred(first), _blurred(second)
    spread = (_blurred(first * first) - mean1 * mean1) + (_blurred(second * second) - mean2 * mean2)
    shared = _blurred(first * second) - mean1 * mean2
    alike = (1 - np.square(mean1 - mean2)) * (2 * shared + np.float32(_C2)) / (spread + np.float32(_C2))
    yield np.maximum(1 - alike, 0)
    edges = (1 + np.abs(second - mean2)) / (1 + np.abs(first - mean1)) - 1
    yield np.maximum(edges, 0)
    yield np.maximum(-edges, 0)
