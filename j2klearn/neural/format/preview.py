"""The preview: what readers show that know nothing of the profile.

It is ordinary JPEG 2000, without a learned transform, for every reader has to show it as it is: after learned lifting
other readers would see an approximation only, and of so few bytes hardly that. It is grey or sRGB of 8 bits whatever
the picture is, has the 5/3, which takes a byte per subband in the main header where the 9/7 takes two, and no comment
and no marker segment that need not be.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from ...codestream.main_header import read_main_header
from ...core.picture import Picture
from ...ebcot.coders import OrdinaryCoder
from ...ebcot.layout import Layout
from .container import PREVIEW_SIDE, Preview, marked

__all__ = ["make_preview", "packet_budget"]

#: Longer side and levels by the bytes that packets may have: from 160 bytes on 64 samples are better than 32, from 40
#: on 32 are better than 16.
_SIZES = ((160, PREVIEW_SIDE, 3), (40, 32, 2), (0, 16, 1))

#: Packets get this share of a payload, within bounds; more of a large one.
_SHARE, _LEAST, _MOST = 1 / 100, 24, 90
_LARGE_SHARE, _LARGE_MOST = 3 / 1000, 320

_ROUNDS = 9
_NEAR = 3  # bytes by which packets may stay below what they may have
_TILE_PART = 16  # SOT, SOD and EOC


def packet_budget(payload: float) -> int:
    """Return how many bytes the packets of a preview may have beside a payload of that size."""
    small = min(max(payload * _SHARE, _LEAST), _MOST)
    return int(max(small, min(payload * _LARGE_SHARE, _LARGE_MOST)))


def make_preview(picture: Picture, budget: int) -> Preview:
    """Return the preview of a picture.

    Parameters
    ----------
    picture : Picture
        Of any depth and number of components; what is beyond its colours is left out.
    budget : int
        Bytes that its packets may have, more or less: it takes one for each even if they are empty.
    """
    side, levels = next((side, levels) for least, side, levels in _SIZES if budget >= least)
    small = Picture(_reduced(picture, side), component_transform=None)
    levels = min(levels, min(small.height, small.width).bit_length() - 1)
    coder = OrdinaryCoder(small, Layout(levels), reversible=True)
    return Preview(marked(_fitted(coder, budget)), small.height, small.width, small.components)


def _reduced(picture: Picture, side: int) -> NDArray[np.uint8]:
    """Return the colours of a picture as 8 bits a sample, its longer side `side` at most, by averaging areas."""
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
    """Return the best codestream found whose packets fit the budget; the smallest one if none does."""
    tries: list[tuple[int, bytes]] = []
    low, high = 1.0, budget + 300.0  # OpenJPEG counts headers and a comment, too
    for _ in range(_ROUNDS):
        allowed = (low + high) / 2
        codestream = coder.code([allowed])
        packets = len(codestream) - read_main_header(codestream).end - _TILE_PART
        tries.append((packets, codestream))
        if budget - _NEAR <= packets <= budget:
            break
        low, high = (allowed, high) if packets < budget else (low, allowed)
    fitting = [each for each in tries if each[0] <= budget]
    _, best = max(fitting) if fitting else min(tries)
    return _without_comments(best)


def _without_comments(codestream: bytes) -> bytes:
    """Return a codestream without OpenJPEG's comment on itself."""
    out = bytearray(codestream)
    for comment in reversed(read_main_header(codestream).comments):
        del out[comment.offset : comment.offset + comment.length]
    return bytes(out)
