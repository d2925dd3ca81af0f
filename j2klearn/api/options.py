"""The options of `encode` as one checked object, which all other interfaces pass on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..codestream.repack import check_divisions
from ..core.limits import MAX_PIXELS
from ..core.picture import Picture
from ..core.progress import Progress
from ..core.run import Run
from ..core.scalars import (
    as_integer,
    as_real,
    real_numbers,
    truth_value,
    whole_number,
    whole_pair,
)
from ..core.targets import Number, Targets, Tune, Values, ends_lossless, read_targets
from ..ebcot.layout import Layout, max_levels
from ..ebcot.visual_weights import check_tune
from ..errors import OptionError
from ..models.model import check_engine
from ..models.registry import DEFAULT_LOSSLESS_MODEL, DEFAULT_MODEL, resolve
from .presets import combined, presets

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ..models.model import Model
    from ..neural.encode import Target
    from ..neural.entropy_model import EntropyModel

__all__ = ["PROFILES", "EncodeOptions"]

#: Profiles: ways to code coefficients.
PROFILES = ("ebcot", "neural")

#: Marks of options: only for the EBCOT profile, only for pictures in memory, without effect on the file.
_EBCOT, _IN_MEMORY, _SILENT = ({mark: True} for mark in ("ebcot", "in memory", "silent"))


def _numbers(name: str, value: Any) -> float | tuple[float | None, ...]:
    """Return one target, or one per layer; that of the last layer may be None."""
    found = as_real(value)
    if found is not None:
        return found
    if name != "psnr" and ends_lossless(value):
        return (*real_numbers(name, value[:-1]), None)
    return tuple(real_numbers(name, value))


def _pair(name: str, value: Any) -> int | tuple[int, int]:
    """Return an integer as it is given, and anything else as a pair."""
    found = as_integer(value)
    return whole_pair(name, value) if found is None else found


def _pairs(name: str, value: Any) -> tuple[int | tuple[int, int], ...]:
    try:
        sizes = None if isinstance(value, str) else tuple(value)
    except TypeError:
        sizes = None
    if sizes is None:
        raise OptionError(f"{name} is a sequence of pairs of integers, not {value!r}")
    return tuple(_pair(name, size) for size in sizes)


#: For the options that are numbers or truth values, the function that returns their plain value, which is compared
#: with the default. Their ranges are checked where they are used.
_PLAIN: dict[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(("bpp", "ratio", "psnr"), _numbers),
    **dict.fromkeys(("layers", "effort", "bit_depth", "levels", "mode_switches"), whole_number),
    **dict.fromkeys(("tile_size", "offset", "tile_offset", "codeblock_size"), _pair),
    "precincts": _pairs,
    **dict.fromkeys(("lossless", "embed_model", "fallback", "sop", "eph", "jp2"), truth_value),
    **dict.fromkeys(("alpha", "component_transform", "plt", "tlm"), truth_value),
}

#: Options of these for which None has no meaning.
_NEVER_NONE = frozenset(_PLAIN) - {
    "bpp", "ratio", "psnr", "bit_depth", "levels", "tile_size", "alpha", "component_transform", "plt", "tlm",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class EncodeOptions:
    """The keyword arguments of `j2klearn.encode` with their defaults; `encode` documents them.

    Raises
    ------
    OptionError
        If the profile is unknown, or an option that it does not support differs from its default.
    """

    bpp: Values = None
    ratio: Values = None
    psnr: Number | Sequence[Number] | None = field(default=None, metadata=_IN_MEMORY)
    quality: Number | None = field(default=None, metadata=_IN_MEMORY)
    lossless: bool = False
    layers: int = field(default=1, metadata=_EBCOT)
    profile: str = field(default="ebcot", metadata=_IN_MEMORY)
    model: str | Path | Model | EntropyModel | None = "auto"
    wavelet: str | None = field(default=None, metadata=_EBCOT)
    embed_model: bool = field(default=False, metadata=_EBCOT)
    engine: str = field(default="auto", metadata=_EBCOT)
    fallback: bool = True
    effort: int = field(default=0, metadata=_EBCOT | _IN_MEMORY)
    tune: Tune = field(default="psnr", metadata=_EBCOT)
    bit_depth: int | None = None
    colorspace: str | None = None
    alpha: bool | None = None
    component_transform: bool | None = None
    levels: int | None = field(default=None, metadata=_EBCOT)
    tile_size: int | tuple[int, int] | None = field(default=None, metadata=_EBCOT)
    offset: tuple[int, int] = field(default=(0, 0), metadata=_EBCOT | _IN_MEMORY)
    tile_offset: tuple[int, int] = field(default=(0, 0), metadata=_EBCOT | _IN_MEMORY)
    codeblock_size: tuple[int, int] = field(default=(64, 64), metadata=_EBCOT)
    precincts: Sequence[tuple[int, int]] = field(default=(), metadata=_EBCOT)
    progression: str | None = field(default=None, metadata=_EBCOT)
    mode_switches: int = field(default=0, metadata=_EBCOT)
    sop: bool = field(default=False, metadata=_EBCOT)
    eph: bool = field(default=False, metadata=_EBCOT)
    plt: bool | None = field(default=None, metadata=_EBCOT)
    tlm: bool | None = field(default=None, metadata=_EBCOT)
    tile_parts: str | None = field(default=None, metadata=_EBCOT | _IN_MEMORY)
    preset: str | None = field(default=None, metadata=_EBCOT | _SILENT)
    jp2: bool = field(default=True, metadata=_EBCOT)
    threads: int | None = field(default=None, metadata=_SILENT)
    max_pixels: int | None = field(default=MAX_PIXELS, metadata=_SILENT)
    progress: Progress | None = field(default=None, metadata=_SILENT)

    def __post_init__(self) -> None:
        for name, plain in _PLAIN.items():
            value = getattr(self, name)
            if value is not None or name in _NEVER_NONE:
                object.__setattr__(self, name, plain(name, value))  # the instance is still being made
        if ends_lossless(self.bpp) or ends_lossless(self.ratio):
            object.__setattr__(self, "lossless", True)
        if self.profile not in PROFILES:
            raise OptionError(f"the profile is one of {', '.join(PROFILES)}, not {self.profile!r}")
        check_engine(self.engine)
        check_divisions(self.tile_parts)
        check_tune(self.tune)
        if not self.neural:
            self._check_tune()
            if self.quality is not None:
                raise OptionError(
                    "quality needs profile='neural': with profile='ebcot', use bpp, ratio or psnr"
                )
            return
        for name, default, value in self._changed(_EBCOT):
            raise OptionError(f"the neural profile has no {name}: it has to be {default!r}, not {value!r}")

    def _check_tune(self) -> None:
        """Check that no other option contradicts visual weights."""
        contradictions = {
            "lossless coding has no errors to weight": self.lossless,
            "a PSNR counts all errors alike: give bpp or ratio": self.psnr is not None,
            "the 5-3 has no quantiser steps, which carry the weights": self.wavelet == "5-3",
            "effort=2 minimises the squared error": self.effort >= 2,
        }
        if self.tune == "visual":
            for text, found in contradictions.items():
                if found:
                    raise OptionError(f"tune='visual' is not possible here: {text}")

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> EncodeOptions:
        """Return the options that are given, completed by those of the preset if one is given.

        An object that was made with a preset keeps its name, so that the number of levels fits every picture.

        Raises
        ------
        OptionError
            As the constructor, and if there is no such preset.
        """
        preset = given.get("preset")
        return cls(**(given if preset is None else combined(preset, given)))

    def _changed(self, mark: Mapping[str, bool]) -> Iterator[tuple[str, Any, Any]]:
        """Yield name, default and value of the options with a mark that differ from their defaults."""
        for option in dataclasses.fields(self):
            value, default = getattr(self, option.name), option.default
            if mark.keys() <= option.metadata.keys() and value != default and (value or default):
                yield option.name, default, value

    def check_in_parts(self) -> None:
        """Check the options for a picture that is coded in parts.

        Raises
        ------
        OptionError
            If an option that only pictures in memory support differs from its default.
        """
        for name, _, value in self._changed(_IN_MEMORY):
            raise OptionError(f"{name}={value!r} is not supported for a picture that is coded in parts")

    @property
    def neural(self) -> bool:
        """Whether the profile is the neural one."""
        return self.profile == "neural"

    @property
    def run(self) -> Run:
        """Threads, progress and the limit of pixels."""
        return Run.of(self.threads, self.progress, self.max_pixels)

    def given(self) -> dict[str, Any]:
        """Return the options that differ from their defaults, by name, as arguments for another such object."""
        values = (
            (option.name, getattr(self, option.name), option.default) for option in dataclasses.fields(self)
        )
        return {name: value for name, value, default in values if value != default}

    def of_file(self) -> Mapping[str, Any]:
        """Return the options that affect the file, by name."""
        return {
            option.name: getattr(self, option.name)
            for option in dataclasses.fields(self)
            if not _SILENT.keys() <= option.metadata.keys()
        }

    def picture(self, image: ArrayLike) -> Picture:
        """Return the picture to code, checked.

        Parameters
        ----------
        image : array_like, shape (H, W) or (H, W, C)
            Its samples.

        Raises
        ------
        InputError
            If the samples cannot be coded.
        OptionError
            If `bit_depth`, `colorspace`, `alpha` or `component_transform` contradict the samples.
        """
        return Picture(
            image,
            self.bit_depth,
            colorspace=self.colorspace,
            alpha=self.alpha,
            component_transform=self.component_transform,
        )

    def layout(self, height: int, width: int) -> Layout:
        """Return the layout of the codestream for a picture of a size in pixels; see `Layout.read`."""
        levels, precincts = self.levels, self.precincts
        if levels is not None and self.preset is not None and levels == presets[self.preset].get("levels"):
            levels = self._levels_that_fit(height, width)
            precincts = precincts[: levels + 1]
        return Layout.read(
            height,
            width,
            levels=levels,
            tile_size=self.tile_size,
            offset=self.offset,
            tile_offset=self.tile_offset,
            codeblock_size=self.codeblock_size,
            precincts=precincts,
            progression=self.progression,
            mode_switches=self.mode_switches,
            sop=self.sop,
            eph=self.eph,
            plt=self.plt,
            tlm=self.tlm,
            tile_parts=self.tile_parts,
        )

    def _levels_that_fit(self, height: int, width: int) -> int:
        """Return the number of levels, or the largest smaller number for which the picture is large enough."""
        layout = replace(self, preset=None, levels=0, precincts=()).layout(height, width)
        most = min(self.levels or 0, (min(height, width)).bit_length() - 1)
        return max_levels(layout.area(height, width), layout.tile_offset, layout.tile_size, most)

    def targets(self, pixels: int, raw_bytes: float) -> Targets:
        """Return the targets of the quality layers; see `j2klearn.core.targets.read_targets`."""
        targets = read_targets(
            pixels=pixels,
            raw_bytes=raw_bytes,
            bpp=self.bpp,
            ratio=self.ratio,
            psnr=self.psnr,
            lossless=self.lossless,
            layers=self.layers,
        )
        return replace(targets, tune=self.tune)

    def neural_target(self, pixels: int, raw_bytes: float) -> Target:
        """Return the target of the neural profile; see `j2klearn.neural.encode.read_target`."""
        from ..neural.encode import read_target

        return read_target(
            pixels=pixels,
            raw_bytes=raw_bytes,
            quality=self.quality,
            bpp=self.bpp,
            ratio=self.ratio,
            psnr=self.psnr,
            lossless=self.lossless,
        )

    def entropy_model(self) -> EntropyModel:
        """Return the entropy model of the neural profile; see `j2klearn.neural.encode.find_model`."""
        from ..neural.encode import find_model

        return find_model(self.model, lossless=self.lossless)

    def transform(self) -> Model | str:
        """Return the learned transform of the EBCOT profile, or the name of a wavelet of T.800.

        Raises
        ------
        OptionError
            If `model`, `wavelet`, `lossless` and `embed_model` contradict each other.
        ModelError
            If the model is not installed, or its file is damaged.
        """
        if self.model is None:
            if self.embed_model:
                raise OptionError("embed_model needs a model, and model is None")
            if self.wavelet not in (None, "9-7", "5-3"):
                raise OptionError(f"the wavelet is 9-7 or 5-3, not {self.wavelet!r}")
            if self.lossless and self.wavelet == "9-7":
                raise OptionError("the 9-7 is not lossless: the 5-3 is")
            return "5-3" if self.lossless or self.wavelet == "5-3" else "9-7"
        if self.wavelet is not None:
            raise OptionError("wavelet needs model=None: a model has a wavelet of its own")
        default = DEFAULT_LOSSLESS_MODEL if self.lossless else DEFAULT_MODEL
        model = resolve(default if isinstance(self.model, str) and self.model == "auto" else self.model)
        if model.reversible != self.lossless:
            kind = "lossless" if model.reversible else "lossy"
            raise OptionError(
                f"the model {model.name} is for {kind} coding: use model='auto', or model=None for ordinary JPEG 2000"
            )
        return model.using(self.engine)
