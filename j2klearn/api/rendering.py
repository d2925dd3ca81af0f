"""The meaning of decoded samples: palette, channels, colour space, alpha and depth, as a picture file holds them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..access.partial_codestream import PartialCodestream
from ..codestream.main_header import MainHeader
from ..core.warning import warn_caller
from ..errors import MetadataWarning, UnsupportedError
from ..io.picture_format import Alpha, Meaning, Space, rescaled
from ..io.picture_metadata import Metadata
from ..jp2 import colour_boxes as jp2
from ..jp2.colour_boxes import ColourBoxes, read_colour_boxes
from ..jp2.colour_spaces import (
    CMYK_SPACES,
    GREY_SPACES,
    LAB,
    RGB_CONVERSIONS,
    SRGB,
    YCCK,
    LabScale,
    cmyk_to_rgb,
    ycck_to_cmyk,
)
from ..jp2.georeference import cropped
from ..jp2.icc import read_profile
from ..jp2.icc_conversion import cmyk_to_srgb
from ..jp2.metadata import find_metadata
from ..neural.format.payload import Header

__all__ = ["Rendering"]

#: Pixels that are converted at once.
_STRIP = 1 << 18

_PROFILE_SPACES = {"grey": b"GRAY", "rgb": b"RGB ", "cmyk": b"CMYK", "lab": b"Lab "}


@dataclass(frozen=True)
class _Plane:
    """A channel of the picture: the component it comes from, the column of the palette, its bits and its sign."""

    component: int
    column: int | None
    precision: int
    signed: bool


class Rendering:
    """How the decoded samples of a file become the samples of a picture file.

    Parameters
    ----------
    codestream : PartialCodestream
        The codestream of the file; in the neural profile, that of the preview.
    header : MainHeader or Header
        The header of the picture, as in `OpenedFile`.
    spaces : collection of str
        Colour spaces that the picture file can hold: of ``"grey"``, ``"rgb"``, ``"cmyk"`` and ``"lab"``. Others are
        converted to sRGB.

    Attributes
    ----------
    meaning : Meaning
        What the rendered samples mean.
    dtype : dtype
        Their dtype: uint8, uint16, int8 or int16.
    components : int
        Their number of components.
    converted : bool
        Whether the colours are in another space than those of the file.

    Raises
    ------
    CodestreamError
        If a box is damaged or contradicts the codestream.
    UnsupportedError
        If the colour space is not supported.
    """

    def __init__(
        self, codestream: PartialCodestream, header: MainHeader | Header, spaces: Collection[str]
    ) -> None:
        stream = codestream
        size = stream.source.size
        boxes = read_colour_boxes(stream.peek, size) if stream.jp2 else ColourBoxes()
        self._metadata = find_metadata(stream.peek, size) if stream.jp2 else Metadata()
        self._boxes = boxes
        self._planes = _planes(boxes, header.precisions, header.signed)
        self._source = _space(boxes, len(self._planes))
        colours, alpha, premultiplied, extra = _roles(boxes, len(self._planes), self._source.colours)
        self._order = [*colours, *([] if alpha is None else [alpha]), *extra]
        self._alpha = alpha is not None
        coloured = [self._planes[channel] for channel in colours]
        self._colour_depth = max(plane.precision for plane in coloured)
        space = self._source.space if self._source.space in spaces else "rgb"
        self.converted = self._source.convert or space != self._source.space or space == "lab"
        planes = [self._planes[channel] for channel in self._order]
        kept = planes[len(colours) :] if self.converted else planes
        signs = {plane.signed for plane in kept}
        if len(signs | ({False} if self.converted else set())) > 1:
            raise UnsupportedError(
                "the components are partly signed, which no picture file holds: decode to a .npy file"
            )
        signed = True in signs
        depth = max(plane.precision for plane in planes)
        if space == "lab":
            depth = 8 if depth <= 8 else 16
        if signed and len({plane.precision for plane in planes}) > 1:
            raise UnsupportedError(
                "the signed components have different bit depths, which no picture file holds: decode to a .npy file"
            )
        target = Meaning(depth, space)
        significant = tuple(plane.precision for plane in planes)
        if self.converted:
            significant = (self._colour_depth,) * target.colours + significant[len(colours) :]
        kind: Alpha | None = ("premultiplied" if premultiplied else "straight") if self._alpha else None
        self.meaning = replace(target, alpha=kind, significant=significant)
        self.components = len(significant)
        self.dtype = np.dtype(("i" if signed else "u") + ("1" if depth <= 8 else "2"))

    def metadata(self, origin: tuple[int, int] = (0, 0), reduce: int = 0) -> Metadata:
        """Return the metadata of the picture, or of a part of it.

        Parameters
        ----------
        origin : (int, int)
            Top and left of the part, in pixels of the full resolution.
        reduce : int
            Number of highest resolutions that were skipped.

        Returns
        -------
        Metadata
            Resolution and georeferencing are those of the part. An ICC profile for another colour space is left out.
        """
        found = self._metadata
        profile = None if found.icc_profile is None else read_profile(found.icc_profile)
        if profile is not None and profile.colour_space != _PROFILE_SPACES[self.meaning.space]:
            found = replace(found, icc_profile=None)
        if found.geotiff is not None and (reduce or origin != (0, 0)):
            found = replace(found, geotiff=cropped(found.geotiff, origin, reduce))
        if found.dpi is not None and reduce:
            found = replace(found, dpi=(found.dpi[0] / (1 << reduce), found.dpi[1] / (1 << reduce)))
        return found

    def __call__(self, samples: NDArray[Any]) -> NDArray[Any]:
        """Return rendered samples.

        Parameters
        ----------
        samples : ndarray, shape (H, W) or (H, W, C)
            Decoded samples of all components.

        Returns
        -------
        ndarray, shape (H, W) or (H, W, C)
            Samples of `dtype`: colours, then alpha, then components without a meaning.
        """
        height, width = samples.shape[:2]
        shape = (height, width) if self.components == 1 else (height, width, self.components)
        out = np.empty((height, width, self.components), self.dtype)
        step = max(1, _STRIP // max(1, width))
        for y in range(0, height, step):
            out[y : y + step] = self._render(samples[y : y + step].reshape(-1, width, _count(samples)))
        return out.reshape(shape)

    def _render(self, samples: NDArray[Any]) -> NDArray[Any]:
        channels = [self._channel(samples, self._planes[index]) for index in self._order]
        colours = self._source.colours
        coloured = self._convert(channels[:colours]) if self.converted else channels[:colours]
        depth = self.meaning.bit_depth
        done = []
        for number, channel in enumerate([*coloured, *channels[colours:]]):
            ready = (number < len(coloured) and self.converted) or self.dtype.kind == "i"
            done.append(
                channel
                if ready
                else rescaled(np.maximum(channel, 0), self.meaning.significant[number], depth)
            )
        return np.stack(done, axis=-1).astype(self.dtype)

    def _channel(self, samples: NDArray[Any], plane: _Plane) -> NDArray[Any]:
        values: NDArray[Any] = samples[:, :, plane.component]
        if plane.column is None:
            return values
        palette = self._boxes.palette
        assert palette is not None
        column: NDArray[np.int32] = palette.entries[:, plane.column]
        out: NDArray[Any] = column[np.clip(values, 0, len(column) - 1)]
        return out

    def _convert(self, channels: list[NDArray[Any]]) -> list[NDArray[Any]]:
        """Return colours of the full bit depth in the colour space of `meaning`."""
        source, depth = self._source, self._colour_depth
        planes = [self._planes[index] for index in self._order[: len(channels)]]
        codes = np.stack(
            [
                channel * (((1 << depth) - 1) / ((1 << plane.precision) - 1))
                for channel, plane in zip(channels, planes, strict=True)
            ],
            axis=-1,
        ).astype(np.float64)
        top, signed = (1 << self.meaning.bit_depth) - 1, [plane.signed for plane in planes]
        if source.lab is not None:
            if self.meaning.space == "lab":
                return _tiff_lab(source.lab.lab(codes, depth), self.meaning.bit_depth)
            values = source.lab.rgb(codes, depth)
        elif source.number == YCCK or source.space == "cmyk":
            values = (
                ycck_to_cmyk(codes, depth, signed) if source.number == YCCK else codes / ((1 << depth) - 1)
            )
            values = values if self.meaning.space == "cmyk" else self._rgb_of_cmyk(values)
        elif source.number in GREY_SPACES:
            values = 1 - codes / ((1 << depth) - 1)
        else:
            values = RGB_CONVERSIONS[source.number](codes, depth, signed)
        scaled = np.rint(np.clip(values, 0, 1) * top)
        return [scaled[..., i] for i in range(scaled.shape[-1])]

    def _rgb_of_cmyk(self, inks: NDArray[np.float64]) -> NDArray[np.float64]:
        """Convert CMYK to sRGB, by the ICC profile if there is one of CMYK."""
        profile = self._metadata.icc_profile
        parsed = None if profile is None else read_profile(profile)
        if profile is None or parsed is None or parsed.colour_space != _PROFILE_SPACES["cmyk"]:
            return cmyk_to_rgb(inks)
        converted = cmyk_to_srgb(inks, profile)
        if converted is None:
            warn_caller("the ICC profile cannot be used: CMYK is converted without it", MetadataWarning)
            self._metadata = replace(self._metadata, icc_profile=None)
            return cmyk_to_rgb(inks)
        return converted


@dataclass(frozen=True)
class _Source:
    """The colour space of a file: its EnumCS, the space of picture files that is nearest, and how to convert it.

    Attributes
    ----------
    number : int
        EnumCS; that of sRGB for an ICC profile of RGB.
    space : str
        The colour space that a picture file may hold.
    convert : bool
        Whether samples are not yet in that space.
    lab : LabScale or None
        The scale of CIELab.
    """

    number: int
    space: Space
    convert: bool = False
    lab: LabScale | None = None

    @property
    def colours(self) -> int:
        return 4 if self.number in CMYK_SPACES else Meaning(8, self.space).colours


def _count(samples: NDArray[Any]) -> int:
    return 1 if samples.ndim == 2 else samples.shape[2]


def _planes(boxes: ColourBoxes, precisions: Sequence[int], signed: Sequence[bool]) -> list[_Plane]:
    """Return the channels of a file: its components, or what the palette makes of them."""
    if boxes.palette is None:
        return [
            _Plane(i, None, precision, sign)
            for i, (precision, sign) in enumerate(zip(precisions, signed, strict=True))
        ]
    planes = []
    for component, column in boxes.mapping:
        if component >= len(precisions) or (column or 0) >= len(boxes.palette.precisions):
            raise UnsupportedError("the component mapping names a component or a column that does not exist")
        planes.append(
            _Plane(component, None, precisions[component], signed[component])
            if column is None
            else _Plane(component, column, boxes.palette.precisions[column], boxes.palette.signed[column])
        )
    return planes


def _space(boxes: ColourBoxes, channels: int) -> _Source:
    """Return the colour space of a file. One that the number of channels contradicts is guessed from that number."""
    guess = _Source(17, "grey") if channels < 3 else _Source(SRGB, "rgb")
    number = boxes.space
    if boxes.icc_profile is not None:
        profile = read_profile(boxes.icc_profile)
        name = None if profile is None else profile.colour_space
        if name == b"Lab " and channels >= 3:
            return _Source(LAB, "lab", lab=LabScale.of_icc())
        number = {b"GRAY": 17, b"RGB ": SRGB, b"CMYK": CMYK_SPACES[0], b"YCbr": 3}.get(name or b"")
        if number is None and name is not None:
            raise UnsupportedError(
                f"the ICC profile is for the colour space {name.decode('latin-1').strip()}, which cannot be converted: "
                "decode to a .npy file"
            )
    if number is None:
        return guess
    if number in GREY_SPACES:
        return _Source(number, "grey", convert=GREY_SPACES[number])
    if channels < 3:
        return guess
    if number == SRGB:
        return guess
    if number in CMYK_SPACES and channels >= 4:
        return _Source(number, "cmyk", convert=number == YCCK)
    if number in RGB_CONVERSIONS:
        return _Source(number, "rgb", convert=True)
    if number == LAB:
        scale = LabScale.of_parameters(boxes.parameters)
        if scale.supported:
            return _Source(LAB, "lab", lab=scale)
        raise UnsupportedError("CIELab with an illuminant other than D50 and D65 cannot be converted")
    raise UnsupportedError(f"the enumerated colour space {number} cannot be converted: decode to a .npy file")


def _roles(boxes: ColourBoxes, count: int, colours: int) -> tuple[list[int], int | None, bool, list[int]]:
    """Return the channels that are colours, in order, the one that is alpha, whether it is premultiplied, the others.

    Without channel definitions the colours come first, and a single further channel is alpha, as other readers do.
    """
    if not boxes.channels:
        alpha = colours if count == colours + 1 else None
        rest = [] if alpha is not None else list(range(colours, count))
        return list(range(colours)), alpha, False, rest
    placed: dict[int, int] = {}
    alphas = []
    for channel in boxes.channels:
        if channel.number >= count:
            raise UnsupportedError("the channel definitions name a channel that does not exist")
        if channel.kind == jp2.COLOUR and 1 <= channel.association <= colours:
            placed.setdefault(channel.association - 1, channel.number)
        elif channel.kind in (jp2.OPACITY, jp2.PREMULTIPLIED_OPACITY) and (
            channel.association == jp2.WHOLE_PICTURE or (colours == 1 and channel.association == 1)
        ):
            alphas.append(channel)
    if len(placed) < colours:
        if placed or colours > count:
            raise UnsupportedError("the channel definitions do not name all colours of the colour space")
        placed = {i: i for i in range(colours)}
    order = [placed[i] for i in range(colours)]
    first = next((channel for channel in alphas if channel.number not in order), None)
    alpha = None if first is None else first.number
    rest = [i for i in range(count) if i not in order and i != alpha]
    return order, alpha, first is not None and first.kind == jp2.PREMULTIPLIED_OPACITY, rest


def _tiff_lab(lab: NDArray[np.float64], depth: int) -> list[NDArray[Any]]:
    """Return CIELab as codes of TIFF: L from 0 to the largest code, a and b signed, of 8 or 16 bits."""
    unit, half, full = (1, 128, 256) if depth == 8 else (256, 1 << 15, 1 << 16)
    light = np.rint(np.clip(lab[..., 0] / 100, 0, 1) * (full - 1))
    a, b = (np.clip(np.rint(lab[..., i] * unit), -half, half - 1) % full for i in (1, 2))
    return [light, a, b]
