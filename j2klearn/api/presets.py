"""Options of `encode` that belong together: published recipes of libraries, and of image servers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ..errors import OptionError

__all__ = ["combined", "presets"]

_BYPASS, _SEGMENTATION_SYMBOLS = 1, 32  # T.800 Table A.19

#: Bits per pixel of the layers that the NDNP profile names, from the lowest.
_NDNP_RATES = (
    0.015625, 0.01858, 0.0221, 0.025, 0.03125, 0.03716, 0.04419, 0.05, 0.0625, 0.07, 0.088, 0.1, 0.125, 0.15, 0.18,
    0.21, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.84, 1.0,
)  # fmt: skip

#: Bits per pixel of the layers in the recipe that IIIF servers recommend, from the lowest.
_IIIF_RATES = (0.08266171, 0.13374944, 0.21641118, 0.35016049, 0.56657224, 0.91673033, 1.48331273, 2.4)

#: Options of `encode` by the name of the preset.
#:
#: archive
#:     A lossless master: what the Danish State and University Library asked of the suppliers of its newspapers
#:     ("Appendix 2B, JPEG2000 specifications").
#: access
#:     Lossy, without tiles, with precincts: what the manual of IIPImage recommends for distribution.
#: iiif
#:     Lossy in eight layers, with the 5/3: the recipe of Loris and of the list iiif-discuss.
#: ndnp
#:     JPEG 2000 profile of the National Digital Newspaper Program, version 2.6, for grey pages of 8 bits.
#: bodleian
#:     A lossless master of Digital Bodleian; with ``bpp=3`` its lossy variant.
#: preview
#:     A small file with the learned transform, for j2klearn. It is no published recipe.
presets: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "archive": MappingProxyType({
            "model": None, "lossless": True, "levels": 6, "layers": 16, "progression": "RPCL", "tile_size": 1024,
            "codeblock_size": (64, 64), "mode_switches": _BYPASS | _SEGMENTATION_SYMBOLS, "sop": True, "eph": True,
            "tlm": True,
        }),
        "access": MappingProxyType({
            "model": None, "bpp": 0.5, "levels": 7, "progression": "RPCL", "codeblock_size": (64, 64), "sop": True,
            "precincts": ((256, 256),) * 3 + ((128, 128),) * 2 + ((64, 64),) * 2 + ((32, 32), (16, 16)),
            "plt": True, "tile_parts": "R",
        }),
        "iiif": MappingProxyType({
            "model": None, "wavelet": "5-3", "bpp": _IIIF_RATES, "levels": 7, "progression": "RLCP",
            "tile_size": 1024, "codeblock_size": (64, 64), "sop": True, "eph": True, "plt": True,
        }),
        "ndnp": MappingProxyType({
            "model": None, "bpp": _NDNP_RATES, "levels": 6, "progression": "RLCP", "tile_size": 1024,
            "codeblock_size": (64, 64), "mode_switches": _BYPASS, "plt": False, "tlm": False, "tile_parts": "",
        }),
        "bodleian": MappingProxyType({
            "model": None, "lossless": True, "levels": 6, "layers": 6, "progression": "RPCL", "tile_size": 512,
            "codeblock_size": (64, 64), "precincts": ((256, 256), (256, 256), (128, 128)), "sop": True, "eph": True,
            "plt": True, "tlm": False,
        }),
        "preview": MappingProxyType({"bpp": 0.25, "progression": "RLCP"}),
    }
)  # fmt: skip

#: Options that set the rate: one that is given replaces all of the preset.
_RATES = {"bpp", "ratio", "psnr", "quality", "lossless"}


def combined(preset: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a preset, replaced by those that are given.

    Parameters
    ----------
    preset : str
        One of `presets`.
    given : mapping
        Options of `encode` by name. A rate replaces that of the preset and, if it has several values, its number of
        layers. A model replaces its wavelet.

    Raises
    ------
    OptionError
        If there is no such preset.
    """
    if preset not in presets:
        raise OptionError(f"the preset is one of {', '.join(presets)}, not {preset!r}")
    options = dict(presets[preset])
    rates = [given[name] for name in _RATES & given.keys()]
    if rates:
        options = {name: value for name, value in options.items() if name not in _RATES}
        if any(hasattr(rate, "__len__") for rate in rates):
            options.pop("layers", None)
    if given.get("model") is not None:
        options.pop("wavelet", None)
    return {**options, **given}
