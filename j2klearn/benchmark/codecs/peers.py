"""Other picture formats, to compare with JPEG 2000. They have neither layers nor target rates: one file per quality.

AVIF, WebP and JPEG come with Pillow, JPEG XL with imagecodecs (``pip install 'j2klearn[peers]'``).
"""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib import metadata
from typing import Any

import numpy as np
import PIL
from PIL import Image, features

from ...errors import OptionError
from .base import Codec, Kind, Samples

__all__ = ["PEERS"]


class _Peer(ABC):
    """A format that is coded by quality."""

    name: str
    title: str
    kind: Kind = "peer"
    #: Qualities from the fewest bits to the most; they cover about 0.1 to 2 bits per pixel of photographs.
    settings: tuple[float, ...]

    @property
    @abstractmethod
    def version(self) -> str: ...

    @property
    def identity(self) -> str:
        return f"{self.version}, qualities {', '.join(map(str, self.settings))}"

    @property
    @abstractmethod
    def missing(self) -> str | None: ...

    @abstractmethod
    def encode(self, image: Samples, setting: float) -> bytes: ...

    @abstractmethod
    def decode(self, data: bytes) -> Samples: ...

    def single(self, image: Samples, rates: Sequence[float], bit_depth: int) -> list[bytes]:
        if image.dtype.itemsize > 1:
            raise OptionError(f"{self.title} is measured only on pictures of 8 bits per sample")
        return [self.encode(image, setting) for setting in self.settings]

    layered = single


class _PillowPeer(_Peer):
    """A format that Pillow writes and reads."""

    format: str
    feature: str

    @property
    def version(self) -> str:
        return f"Pillow {PIL.__version__}, {self.feature} {features.version(self.feature)}"

    @property
    def missing(self) -> str | None:
        return None if features.check(self.feature) else f"this Pillow was built without {self.feature}"

    def options(self, *, grey: bool) -> dict[str, Any]:
        return {}

    def encode(self, image: Samples, setting: float) -> bytes:
        out = io.BytesIO()
        options = self.options(grey=image.ndim == 2)
        Image.fromarray(image).save(out, self.format, quality=int(setting), **options)
        return out.getvalue()

    def decode(self, data: bytes) -> Samples:
        with Image.open(io.BytesIO(data)) as picture:
            return np.asarray(picture)


class Jpeg(_PillowPeer):
    name, title, format, feature = "jpeg", "JPEG (4:2:0)", "JPEG", "jpg"
    settings = (2, 4, 8, 12, 17, 24, 34, 48, 65, 80, 90)

    def options(self, *, grey: bool) -> dict[str, Any]:
        return {"optimize": True}


class WebP(_PillowPeer):
    name, title, format, feature = "webp", "WebP", "WEBP", "webp"
    settings = (0, 3, 8, 16, 28, 42, 58, 74, 84, 90, 95)

    def options(self, *, grey: bool) -> dict[str, Any]:
        return {"method": 6}


class Avif(_PillowPeer):
    name, title, format, feature = "avif", "AVIF (4:4:4)", "AVIF", "avif"
    settings = (3, 8, 14, 20, 28, 36, 46, 56, 66, 76, 86)

    def options(self, *, grey: bool) -> dict[str, Any]:
        return {"speed": 6, "subsampling": "4:0:0" if grey else "4:4:4"}


class JpegXl(_Peer):
    name, title = "jxl", "JPEG XL"
    settings = (25, 20, 15, 11, 8, 6, 4.5, 3.3, 2.4, 1.7, 1.0)

    @property
    def version(self) -> str:
        import imagecodecs

        return f"imagecodecs {metadata.version('imagecodecs')}, {imagecodecs.jpegxl_version()}"

    @property
    def missing(self) -> str | None:
        try:
            metadata.version("imagecodecs")
        except metadata.PackageNotFoundError:
            return "imagecodecs is not installed: pip install 'j2klearn[peers]'"
        return None

    def encode(self, image: Samples, setting: float) -> bytes:
        import imagecodecs

        return bytes(imagecodecs.jpegxl_encode(image, distance=setting, effort=7))

    def decode(self, data: bytes) -> Samples:
        import imagecodecs

        return np.asarray(imagecodecs.jpegxl_decode(data))


#: Classes of the codecs, by their names.
PEERS: dict[str, type[_Peer]] = {peer.name: peer for peer in (JpegXl, Avif, WebP, Jpeg)}
#: Makes the type checker compare the classes with the interface.
_CHECKED: tuple[type[Codec], ...] = (JpegXl, Avif, WebP, Jpeg)
