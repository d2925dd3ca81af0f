"""The codecs by name."""

from __future__ import annotations

from typing import Any

from ...errors import ModelNotFoundError, OptionError
from ...models.registry import DEFAULT_MODEL, shipped
from ...neural.registry import entropy_names, is_entropy_model, resolve_any
from .base import Codec
from .j2k import Jpeg2000, Learned
from .neural import Neural
from .peers import PEERS
from .programs import OpenJpegTools, Pillow

__all__ = ["codec_names", "find_codec"]

_JPEG2000: dict[str, Any] = {
    "9-7": lambda threads: Jpeg2000("9-7", threads),
    "5-3": lambda threads: Jpeg2000("5-3", threads),
    "opj-9-7": lambda threads: OpenJpegTools("9-7"),
    "opj-5-3": lambda threads: OpenJpegTools("5-3"),
    "pillow": lambda threads: Pillow(),
}


def codec_names() -> list[str]:
    """Return the names that `find_codec` accepts, in addition to paths of model files."""
    lossy = [name for name, model in shipped().items() if not model.reversible]
    return ["default", *lossy, *entropy_names(), *_JPEG2000, *PEERS]


def find_codec(name: str, threads: int = 1, *, fallback: bool = True, effort: int = 0) -> Codec:
    """Return a codec by its name. Its `missing` says whether it can be used on this machine.

    Parameters
    ----------
    name : str
        One of `codec_names`, or the path of a model file.
    threads : int
        Threads of coding and decoding. Programs and other formats ignore it.
    fallback, effort
        Options of `j2klearn.encode`, for learned transforms.

    Raises
    ------
    OptionError
        If there is no codec and no model of that name.
    """
    if name in _JPEG2000:
        codec: Codec = _JPEG2000[name](threads)
        return codec
    if name in PEERS:
        return PEERS[name]()
    try:
        model = resolve_any(DEFAULT_MODEL if name == "default" else name)
    except ModelNotFoundError:
        raise OptionError(
            f"there is no codec {name!r}: it is one of {', '.join(codec_names())}, or the path of a model file"
        ) from None
    if getattr(model, "reversible", False):
        raise OptionError(f"{name} is for lossless coding, and a benchmark compares lossy codecs")
    if is_entropy_model(model):
        return Neural(name, threads)
    return Learned(DEFAULT_MODEL if name == "default" else name, threads, fallback=fallback, effort=effort)
