"""Validation during training: BD-rate against OpenJPEG's 9/7, on real codestreams."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, OptionError
from ...metrics.psnr import psnr
from ...models.model import Model
from ..data import PictureFile

__all__ = ["Validation"]

_RATES = (0.1, 0.25, 0.5, 0.75, 1.0)
_SUFFIXES = (".png", ".webp", ".tif", ".tiff", ".bmp")


class Validation:
    """Pictures to validate on, and the rates and PSNRs of the 9/7 on them.

    Parameters
    ----------
    folder : Path
        Holds the pictures. They are converted to luma, unless `rgb` is set.
    count : int
        Largest number of pictures to use; they are evenly spread over the sorted names.
    rgb : bool
        Keep the colours.

    Raises
    ------
    OptionError
        If the packages of ``j2klearn[benchmark]`` are not installed.
    InputError
        If the folder has no pictures.
    """

    def __init__(self, folder: Path, count: int, *, rgb: bool = False) -> None:
        try:
            from ...metrics.bd_rate import bd_rate  # noqa: F401
        except ImportError as error:
            raise OptionError(f"validation needs the packages of j2klearn[benchmark]: {error}") from None
        files = sorted(path for path in folder.glob("*") if path.suffix.lower() in _SUFFIXES)
        if not files:
            raise InputError(f"there are no pictures to validate on in {folder}")
        chosen = [files[i * len(files) // min(count, len(files))] for i in range(min(count, len(files)))]
        self.pictures = [self._read(path, "RGB" if rgb else "L") for path in chosen]
        self.anchor = self._curve(None)

    @staticmethod
    def _read(path: Path, mode: str) -> NDArray[np.uint8]:
        return np.asarray(PictureFile(str(path), path.read_bytes()).image(mode))

    def _curve(self, model: Model | None) -> list[tuple[float, float]]:
        """Return mean rates in bits per pixel and mean PSNRs in dB, from one file with layers per picture."""
        from ...api.decode import decode
        from ...api.encode import encode
        from ...layers import keep_layers

        points = np.zeros((len(_RATES), 2))
        for image in self.pictures:
            data = encode(image, bpp=_RATES, model=model, fallback=False, plt=True)
            for layer in range(1, len(_RATES) + 1):
                part = keep_layers(data, layer)
                decoded = decode(part, model=model)
                points[layer - 1] += (8 * len(part) / (image.shape[0] * image.shape[1]), psnr(image, decoded))
        return [(float(rate), float(db)) for rate, db in points / len(self.pictures)]

    def bd_rate(self, model: Model) -> float | None:
        """Return the BD-rate of the averaged curves against the 9/7 in per cent; None if they do not overlap."""
        from ...metrics.bd_rate import Curve, bd_rate

        def curve(points: Sequence[tuple[float, float]]) -> Curve:
            return Curve.of([rate for rate, _ in points], [db for _, db in points])

        return bd_rate(curve(self.anchor), curve(self._curve(model)))
