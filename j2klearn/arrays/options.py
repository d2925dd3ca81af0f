"""The checked options of the chunk codecs, and their JSON form."""

from __future__ import annotations

import base64
import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from ..api.options import EncodeOptions
from ..core.geometry import Rect
from ..core.scalars import as_real, whole_number, whole_numbers
from ..core.targets import DEFAULT_RATIO, Tune
from ..ebcot.layout import MAX_LEVELS, levels_fit
from ..errors import InputError, OptionError
from ..models.model import Model
from ..models.registry import DEFAULT_MODEL
from .axes import Axes

__all__ = ["Options", "check_dtype"]

_DTYPES = ("u1", "u2", "i1", "i2", "b1")


def check_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """Return a dtype, in any byte order; raise `InputError` unless it is uint8, uint16, int8, int16 or bool."""
    found = np.dtype(dtype)
    if found.kind + str(found.itemsize) not in _DTYPES:
        raise InputError(f"the dtype of an array is uint8, uint16, int8 or int16, or bool, not {found}")
    return found


@functools.lru_cache(maxsize=8)
def _from_base64(weights: str) -> Model:
    try:
        data = base64.b64decode(weights, validate=True)
    except ValueError:
        raise OptionError("weights has to be a model file in base64") from None
    return Model.from_bytes(data)


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to encode chunks. The default is lossless coding.

    Parameters
    ----------
    lossless : bool, optional
        Lossless coding with the 5/3 wavelet. Default: yes unless `ratio`, `bpp` or `psnr` is given.
    ratio : float, optional
        Size of the samples over the size of the codestreams. Default: 20, if ``lossless=False`` is given without a
        target.
    bpp : float, optional
        Bits per pixel of each picture in the chunk.
    psnr : float, optional
        PSNR of the pictures in dB; the peak is the largest value of `bit_depth` bits.
    tune : {"psnr", "visual"}
        What lossy chunks of the size asked for are tuned for; see `j2klearn.encode`.
    model : str or Path, optional
        The learned transform for lossy chunks: the name of a shipped model or the path of a model file. ``"auto"`` is
        the default model, None the 9/7 wavelet.
    embed_model : bool
        Store the weights in the metadata of the array (about 370 KB, once), so that it can be read and written where
        the model is not installed.
    levels : int, optional
        Decomposition levels, 0 to 14. Default: five, or the largest number that fits.
    bit_depth : int, optional
        Significant bits per sample, 1 to 16. Default: the width of the dtype.
    component_transform : bool, optional
        Whether the first three channels are RGB and go through the component transform. Default: yes if there are 3 or
        4 channels.
    axes : (int, int), optional
        The axes of rows and of columns; negative numbers count from the last axis. Default: the last two axes other
        than `channel_axis`.
    channel_axis : int, optional
        The axis of colours or bands of a picture: -1 for arrays (..., H, W, C). Default: there is none, so an array
        (H, W, 3) is a stack of H pictures.
    weights : str, optional
        The model file in base64, as `embed_model` stores it in metadata. `model` is then only its name.

    Raises
    ------
    OptionError
        If an option is out of range, or options contradict each other.
    ModelError
        If the model is not installed, or its file is damaged.
    """

    lossless: bool | None = None
    ratio: float | None = None
    bpp: float | None = None
    psnr: float | None = None
    tune: Tune = "psnr"
    model: str | Path | None = "auto"
    embed_model: bool = False
    levels: int | None = None
    bit_depth: int | None = None
    component_transform: bool | None = None
    axes: Sequence[int] | None = None
    channel_axis: int | None = None
    weights: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("lossless", "component_transform", "embed_model"):
            value = getattr(self, name)
            if value is None and name != "embed_model":
                continue
            if not isinstance(value, (bool, np.bool_)):  # metadata of JSON tells true from 1
                raise OptionError(f"{name} is true or false, not {value!r}")
            self._set(name, bool(value))
        self._set_rate()
        self._set_model()
        self._check_integer("levels", 0, MAX_LEVELS)
        self._check_integer("bit_depth", 1, 16)
        self._check_integer("channel_axis", -(2**31), 2**31)
        if self.axes is not None:
            self._set_axes(self.axes)
        if self.component_transform and self.channel_axis is None:
            raise OptionError("component_transform needs channel_axis, which holds the colours of a picture")

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)  # the instance is frozen, and still being made

    def _set_rate(self) -> None:
        given = [name for name in ("ratio", "bpp", "psnr") if getattr(self, name) is not None]
        for name in given:
            value = getattr(self, name)
            number = as_real(value)
            if number is None:
                raise OptionError(f"{name} is a number, not {value!r}")
            self._set(name, value if isinstance(value, (int, float)) else number)
        if self.lossless is None:
            self._set("lossless", not given)
        if not self.lossless and not given:
            self._set("ratio", DEFAULT_RATIO)
        rate = EncodeOptions(
            bpp=self.bpp, ratio=self.ratio, psnr=self.psnr, lossless=bool(self.lossless), tune=self.tune
        )
        rate.targets(pixels=1, raw_bytes=1)

    def _set_model(self) -> None:
        if not isinstance(self.model, (str, Path, type(None))):
            raise OptionError(f"model is a name or a path, since metadata stores it, not {self.model!r}")
        if self.model == "auto":
            self._set("model", None if self.lossless else DEFAULT_MODEL)
        elif isinstance(self.model, Path):
            self._set("model", str(self.model))
        lossless = bool(self.lossless)
        if self.weights is None:
            found = EncodeOptions(
                model=self.model, lossless=lossless, embed_model=self.embed_model
            ).transform()
            if self.embed_model and isinstance(found, Model):
                self._set("weights", base64.b64encode(found.to_bytes()).decode("ascii"))
            return
        if not isinstance(self.weights, str) or not self.embed_model:
            raise OptionError("weights is a model file in base64, and has to go with embed_model")
        EncodeOptions(model=_from_base64(self.weights), lossless=lossless, embed_model=True).transform()

    @property
    def transform(self) -> str | Path | Model | None:
        """The learned transform: the model of `weights` if given, else its name or path; None for the 9/7 or 5/3."""
        return self.model if self.weights is None else _from_base64(self.weights)

    def _check_integer(self, name: str, low: int, high: int) -> None:
        value = getattr(self, name)
        if value is not None:
            self._set(name, whole_number(name, value, low, high))

    def _set_axes(self, axes: Sequence[int]) -> None:
        self._set("axes", whole_numbers("axes", axes, note=", of rows and of columns", count=2))

    # JSON

    def configuration(self) -> dict[str, Any]:
        """Return the options as JSON values; defaults that depend on other options are replaced by their values."""
        found: dict[str, Any] = {"lossless": self.lossless}
        if not self.lossless or self.model is not None:
            found["model"] = self.model
        for option in dataclasses.fields(Options):
            value = getattr(self, option.name)
            if option.name not in ("lossless", "model") and value != option.default:
                found[option.name] = list(value) if isinstance(value, tuple) else value
        return found

    @classmethod
    def from_configuration(cls, configuration: Mapping[str, Any]) -> Self:
        """Return the options that `configuration` returned.

        Raises
        ------
        OptionError
            If the configuration is not an object, has an unknown option, or an option is out of range.
        ModelError
            If the model is not installed, or its file is damaged.
        """
        if not isinstance(configuration, Mapping):
            raise OptionError(f"the configuration of the codec is an object, not {configuration!r}")
        names = [option.name for option in dataclasses.fields(Options)]
        unknown = [str(name) for name in configuration if name not in names]
        if unknown:
            raise OptionError(f"the codec has no option {unknown[0]!r}: it has {', '.join(names)}")
        return cls(**configuration)

    # Checks against the shape and dtype of an array

    def axes_of(self, shape: Sequence[int]) -> Axes:
        """Return the roles of the axes of chunks of a shape.

        Raises
        ------
        InputError, OptionError
            If chunks of this shape cannot be coded with these options.
        """
        axes = Axes.of(len(shape), self.axes, self.channel_axis)
        axes.check(shape)
        if self.component_transform and axes.channel is not None and shape[axes.channel] < 3:
            raise OptionError(
                f"component_transform needs three channels, and the chunk has {shape[axes.channel]}"
            )
        area = Rect(0, 0, shape[axes.y], shape[axes.x])
        if self.levels and not levels_fit(area, (0, 0), None, self.levels, reversible=bool(self.lossless)):
            raise OptionError(
                f"pictures of {area.height} x {area.width} are too small for {self.levels} levels"
            )
        return axes

    def check_array(self, shape: Sequence[int], dtype: DTypeLike) -> None:
        """Raise `InputError` or `OptionError` if chunks of this shape and dtype cannot be coded."""
        found = check_dtype(dtype)
        widest = 1 if found.kind == "b" else 8 * found.itemsize
        if self.bit_depth is not None and self.bit_depth > widest:
            raise OptionError(f"bit_depth={self.bit_depth} is more than the {widest} bits of the dtype")
        self.axes_of(shape)
