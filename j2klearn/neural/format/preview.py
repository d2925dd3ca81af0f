"""The preview: the small picture that readers show that do not support the profile.

It is ordinary JPEG 2000 without a learned transform, so that every reader decodes it exactly. It is grey or sRGB with
8 bits per sample, whatever the picture is. It uses the 5/3, which takes one byte per subband in QCD where the 9/7 takes
two, and has no comment and no optional marker segment.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...codestream.main_header import read_main_header, without_comments
from ...core.picture import Picture
from ...ebcot.coders import OrdinaryCoder
from ...ebcot.layout import Layout
from .container import PREVIEW_SIDE, Preview, marked

__all__ = ["make_preview", "packet_budget"]

#: Least budget of bytes for the packets, longer side, and decomposition levels: from 160 bytes on a side of 64 samples
#: looks better than one of 32, from 40 bytes on a side of 32 looks better than one of 16.
_SIZES = ((160, PREVIEW_SIDE, 3), (40, 32, 2), (0, 16, 1))

#: Budget of bytes for the packets: a share of the payload, within bounds. Large payloads allow more.
_SHARE, _MIN_BUDGET, _MAX_BUDGET = 1 / 100, 24, 90
_LARGE_SHARE, _LARGE_MAX_BUDGET = 3 / 1000, 320

_MAX_TRIES = 9
_TOLERANCE = 3  # bytes of the budget that may remain unused
_TILE_PART = 16  # bytes of SOT, SOD and EOC


def packet_budget(payload: float) -> int:
    """Return how many bytes the packets of a preview may have, for a payload of this many bytes."""
    small = min(max(payload * _SHARE, _MIN_BUDGET), _MAX_BUDGET)
    return int(max(small, min(payload * _LARGE_SHARE, _LARGE_MAX_BUDGET)))


def make_preview(picture: Picture, budget: int) -> Preview:
    """Return the preview of a picture.

    Parameters
    ----------
    picture : Picture
        A picture of any bit depth and number of components. Only its colour components are used.
    budget : int
        About how many bytes the packets may have. Every packet takes at least one byte, even if it is empty.
    """
    side, levels = next((side, levels) for least, side, levels in _SIZES if budget >= least)
    small = Picture(_reduced(picture, side), component_transform=None)
    levels = min(levels, min(small.height, small.width).bit_length() - 1)
    coder = OrdinaryCoder(small, Layout(levels), reversible=True)
    return Preview(marked(_fitted(coder, budget)), small.height, small.width, small.components)


def _reduced(picture: Picture, side: int) -> NDArray[np.uint8]:
    """Return the colour components in 8 bits per sample, averaged down to a longer side of at most `side`."""
    import torch
    import torch.nn.functional as F

    scale = min(1.0, side / max(picture.height, picture.width))
    shape = (max(1, round(picture.height * scale)), max(1, round(picture.width * scale)))
    samples = picture.samples.reshape(picture.height, picture.width, -1)
    out = np.empty((*shape, picture.colours), np.uint8)
    for index in range(picture.colours):
        plane = torch.from_numpy(samples[:, :, index].astype(np.float32))[None, None]
        small = F.adaptive_avg_pool2d(plane, shape)[0, 0].numpy()
        small = small * 2.0 ** (8 - picture.bit_depth) + (128 if picture.signed else 0)
        out[:, :, index] = np.clip(np.rint(small), 0, 255)
    return out


def _fitted(coder: OrdinaryCoder, budget: int) -> bytes:
    """Return the codestream with the most packet bytes within the budget; the smallest one if none fits."""
    tries: list[tuple[int, bytes]] = []
    low, high = 1.0, budget + 300.0  # OpenJPEG also counts headers and a comment
    for _ in range(_MAX_TRIES):
        allowed = (low + high) / 2
        codestream = coder.code([allowed])
        packets = len(codestream) - read_main_header(codestream).end - _TILE_PART
        tries.append((packets, codestream))
        if budget - _TOLERANCE <= packets <= budget:
            break
        low, high = (allowed, high) if packets < budget else (low, allowed)
    fitting = [each for each in tries if each[0] <= budget]
    _, best = max(fitting) if fitting else min(tries)
    return without_comments(best, read_main_header(best))  # OpenJPEG writes one
