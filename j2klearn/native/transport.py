"""Subband transport over OpenJPEG: write or read one codestream through the native library."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.geometry import Rect
from ..core.timing import stage
from ..errors import CodestreamError, DecodingError, OptionError, UnsupportedError
from .handle import Handle
from .library import Report, as_array, load

__all__ = ["BandRequest", "BlockReader", "Component", "Decoder", "Encoder", "Header", "Parameters"]

#: The orientations of subbands, in the order of ``j2kl_band_request``.
_ORIENTATIONS = ("LL", "HL", "LH", "HH")

#: The largest coordinate on the reference grid that OpenJPEG decodes.
_FARTHEST = (1 << 31) - 1


@dataclass(frozen=True)
class Parameters:
    """Coding parameters of a codestream (``j2kl_parameters`` of the native library).

    Attributes
    ----------
    area : Rect
        Image area on the reference grid.
    components : int
        Number of components, all of the same size.
    precision : int
        Bits per sample.
    signed : bool
        Whether samples are signed. Unsigned samples are level-shifted (T.800 G.1).
    levels : int
        Decomposition levels.
    reversible : bool
        Whether to use the 5/3 wavelet and the reversible component transform, instead of the 9/7 and the irreversible
        component transform.
    component_transform : bool
        Whether the first three components go through the component transform.
    tile_origin : (int, int)
        ``(y0, x0)`` of the tile grid.
    tile_shape : (int, int), optional
        ``(height, width)`` of a tile. Default: one tile.
    codeblock : (int, int)
        ``(height, width)`` of a code-block, in samples.
    precincts : tuple of (int, int)
        ``(height, width)`` of the precincts, the highest resolution first. Empty: the largest precincts.
    progression : int
        0 LRCP, 1 RLCP, 2 RPCL, 3 PCRL, 4 CPRL.
    layer_bytes : tuple of float
        Size of the codestream in bytes up to and including each quality layer, 1 to 100 layers. 0 means all coding
        passes, and is allowed for the last layer only.
    mode_switches : int
        Bits of the code-block style (T.800 Table A.19).
    sop, eph, plt, tlm : bool
        Whether to write these markers and marker segments.
    fraction_bits : int
        Tier-1 codes the carrier times ``2 ** fraction_bits`` as its samples (irreversible subbands only).
    threads : int
        Number of threads.
    """

    area: Rect
    components: int = 1
    precision: int = 8
    signed: bool = False
    levels: int = 5
    reversible: bool = False
    component_transform: bool = False
    tile_origin: tuple[int, int] = (0, 0)
    tile_shape: tuple[int, int] | None = None
    codeblock: tuple[int, int] = (64, 64)
    precincts: tuple[tuple[int, int], ...] = ()
    progression: int = 0
    layer_bytes: tuple[float, ...] = (0.0,)
    mode_switches: int = 0
    sop: bool = False
    eph: bool = False
    plt: bool = False
    tlm: bool = False
    fraction_bits: int = 0
    threads: int = 1

    def _to_native(self, ffi: Any) -> Any:
        native = ffi.new("j2kl_parameters *")
        if len(self.precincts) > len(native.precinct_width):
            raise OptionError(f"there can be at most {len(native.precinct_width)} precinct sizes")
        if not 1 <= len(self.layer_bytes) <= len(native.layer_bytes):
            raise OptionError(f"the number of layers must be 1 to {len(native.layer_bytes)}")
        tile_shape = self.tile_shape or (0, 0)
        values = {
            "x0": self.area.x0,
            "y0": self.area.y0,
            "x1": self.area.x1,
            "y1": self.area.y1,
            "tile_x0": self.tile_origin[1],
            "tile_y0": self.tile_origin[0],
            "tile_width": tile_shape[1],
            "tile_height": tile_shape[0],
            "components": self.components,
            "precision": self.precision,
            "is_signed": int(self.signed),
            "levels": self.levels,
            "reversible": int(self.reversible),
            "component_transform": int(self.component_transform),
            "codeblock_width": self.codeblock[1],
            "codeblock_height": self.codeblock[0],
            "precinct_count": len(self.precincts),
            "progression": self.progression,
            "layers": len(self.layer_bytes),
            "mode_switches": self.mode_switches,
            "sop": int(self.sop),
            "eph": int(self.eph),
            "plt": int(self.plt),
            "tlm": int(self.tlm),
            "fraction_bits": self.fraction_bits,
            "threads": self.threads,
        }
        try:
            for name, value in values.items():
                setattr(native, name, value)
            for index, (height, width) in enumerate(self.precincts):
                native.precinct_height[index] = height
                native.precinct_width[index] = width
            for index, size in enumerate(self.layer_bytes):
                native.layer_bytes[index] = size
        except OverflowError as error:
            raise OptionError(f"a parameter is out of range: {error}") from error
        return native


@dataclass(frozen=True)
class Header:
    """Parameters from the main header of a codestream.

    Attributes
    ----------
    area : Rect
        Image area on the reference grid.
    tile_origin, tile_shape : (int, int)
        ``(y0, x0)`` of the tile grid and ``(height, width)`` of a tile.
    tiles : (int, int)
        Number of tiles ``(down, across)``.
    components, levels, layers : int
        Number of components, of decomposition levels (of the first component), and of quality layers.
    reversible : bool
        Whether the wavelet is the 5/3, not the 9/7.
    component_transform : bool
        Whether the first three components went through the component transform.
    """

    area: Rect
    tile_origin: tuple[int, int]
    tile_shape: tuple[int, int]
    tiles: tuple[int, int]
    components: int
    levels: int
    layers: int
    reversible: bool
    component_transform: bool


@dataclass(frozen=True)
class Component:
    """A decoded component.

    Attributes
    ----------
    area : Rect
        Area of its samples, in the coordinates of the decoded resolution.
    subsampling : (int, int)
        ``(vertical, horizontal)``: YRsiz and XRsiz.
    precision : int
        Bits per sample.
    signed : bool
        Whether samples are signed.
    alpha : bool
        Whether the channel definition box of the JP2 file marks it as opacity (T.800 I.5.3.6).
    """

    area: Rect
    subsampling: tuple[int, int]
    precision: int
    signed: bool
    alpha: bool


class Encoder(Handle):
    """Writes one codestream: pass every component once, then call `finish`.

    Parameters
    ----------
    parameters : Parameters
        The coding parameters.

    Raises
    ------
    OptionError
        If a parameter is out of range.
    """

    def __init__(self, parameters: Parameters) -> None:
        self._ffi, self._library = load()
        self._parameters = parameters
        self._report = Report(self._ffi)
        handle = self._ffi.new("j2kl_encoder **")
        native = parameters._to_native(self._ffi)
        self._report.check(self._library.j2kl_encoder_create(native, self._report.pointer, handle))
        self._handle = handle[0]

    def _free(self, handle: Any) -> None:
        self._library.j2kl_encoder_free(handle)

    @stage("transport")
    def put_subbands(self, component: int, subbands: NDArray[Any]) -> None:
        """Pass the subbands of a component.

        Parameters
        ----------
        component : int
            Index of the component.
        subbands : ndarray, shape (area.size,)
            float32 for the 9/7, int32 for the 5/3: LL, then HL, LH, HH from the coarsest to the finest level, each
            subband row by row.

        Raises
        ------
        InputError
            If the dtype or the shape is wrong.
        """
        dtype = np.int32 if self._parameters.reversible else np.float32
        subbands = as_array(subbands, dtype, (self._parameters.area.size,), "subbands")
        pointer = self._ffi.from_buffer(subbands)
        self._report.check(self._library.j2kl_encoder_put_subbands(self._open(), component, pointer))

    @stage("transport")
    def put_samples(self, component: int, samples: NDArray[np.int32]) -> None:
        """Pass the samples of a component.

        Parameters
        ----------
        component : int
            Index of the component.
        samples : ndarray, shape (height, width), int32
            Samples within the range of the declared precision.

        Raises
        ------
        InputError
            If the dtype or the shape is wrong, or a sample is out of range.
        """
        samples = as_array(samples, np.int32, self._parameters.area.shape, "samples")
        pointer = self._ffi.from_buffer("int32_t[]", samples)
        self._report.check(self._library.j2kl_encoder_put_samples(self._open(), component, pointer))

    @stage("tier-1/2")
    def finish(self) -> bytes:
        """Code the components and return the codestream.

        Raises
        ------
        InputError
            If the reversible subbands need more bits per sample than the declared precision.
        CodestreamError
            If OpenJPEG cannot write the codestream.
        """
        codestream = self._ffi.new("const uint8_t **")
        size = self._ffi.new("size_t *")
        self._report.check(self._library.j2kl_encoder_finish(self._open(), codestream, size))
        return bytes(self._ffi.buffer(codestream[0], size[0]))


class Decoder(Handle):
    """Reads one codestream or JP2 file: call `decode` once, then get the components.

    Parameters
    ----------
    data : bytes-like
        The file. It is not copied, and must not change while the decoder is open.
    max_samples : int, optional
        Largest number of samples, of all components together, that may be decoded. Default: no limit.
    max_tiles : int, optional
        Largest number of tiles that the codestream may have. Default: no limit.

    Attributes
    ----------
    header : Header
        Parameters from the main header.

    Raises
    ------
    CodestreamError
        If the data is no JPEG 2000 file, or its main header is damaged.
    LimitError
        If the file exceeds a limit.
    """

    def __init__(
        self,
        data: bytes | bytearray | memoryview | mmap.mmap,
        max_samples: int | None = None,
        max_tiles: int | None = None,
    ) -> None:
        self._ffi, self._library = load()
        self._report = Report(self._ffi)
        self._buffer = self._ffi.from_buffer("uint8_t[]", data)  # keeps the memory alive
        self._reversible = False
        limits = self._ffi.new(
            "j2kl_limits *", {"max_samples": max_samples or 0, "max_tiles": min(max_tiles or 0, 2**32 - 1)}
        )
        handle = self._ffi.new("j2kl_decoder **")
        self._report.check(
            self._library.j2kl_decoder_open(
                self._buffer, len(self._buffer), limits, self._report.pointer, handle
            )
        )
        self._handle = handle[0]
        self.header = self._read_header()

    def _free(self, handle: Any) -> None:
        self._library.j2kl_decoder_free(handle)

    def _read_header(self) -> Header:
        native = self._ffi.new("j2kl_header *")
        self._report.check(self._library.j2kl_decoder_header(self._open(), native))
        return Header(
            area=Rect(native.y0, native.x0, native.y1, native.x1),
            tile_origin=(native.tile_y0, native.tile_x0),
            tile_shape=(native.tile_height, native.tile_width),
            tiles=(native.tiles_down, native.tiles_across),
            components=native.components,
            levels=native.levels,
            layers=native.layers,
            reversible=bool(native.reversible),
            component_transform=bool(native.component_transform),
        )

    @stage("tier-1/2")
    def decode(
        self,
        reduce: int = 0,
        layers: int = 0,
        area: Rect | None = None,
        half_steps: bool = False,
        components: list[int] | None = None,
        strict: bool = False,
        threads: int = 1,
    ) -> None:
        """Decode the codestream, or a part of it.

        Parameters
        ----------
        reduce : int
            Number of highest resolutions to discard.
        layers : int
            Number of quality layers to decode; 0 for all.
        area : Rect, optional
            Area on the reference grid. Default: the whole image.
        half_steps : bool
            Whether to decode a codestream of the 9/7 to half quantiser steps instead of samples; see `subbands`. The
            component transform is not inverted.
        components : list of int, optional
            Components to decode, without inverting the component transform. Default: all components, with the
            transform inverted.
        strict : bool
            Whether to fail if the codestream is damaged, instead of decoding what can be decoded.
        threads : int
            Number of threads, at most.

        Raises
        ------
        OptionError
            If an option is out of range.
        UnsupportedError
            If the area ends beyond 2 ** 31 - 1 on the reference grid.
        DecodingError
            If OpenJPEG cannot decode the codestream, or it has no half quantiser steps: see `half_step_header` in
            native/codestream/half_steps.hpp.
        LimitError
            If more than `max_samples` samples would have to be decoded.
        """
        request = self._ffi.new("j2kl_request *")
        try:
            request.reduce, request.layers, request.strict = reduce, layers, int(strict)
            request.half_steps, request.threads = int(half_steps), threads
            if area is not None:
                if area.size == 0:
                    raise OptionError("the requested area is empty")
                if max(area.y1, area.x1) > _FARTHEST:
                    raise UnsupportedError(
                        f"the picture lies so far out on the reference grid, beyond {_FARTHEST}, that OpenJPEG cannot "
                        "decode it there"
                    )
                request.x0, request.y0, request.x1, request.y1 = area.x0, area.y0, area.x1, area.y1
            if components is not None:
                if not components:
                    raise OptionError("the list of components is empty")
                chosen = self._ffi.new("uint32_t[]", components)
                request.component_list, request.component_count = chosen, len(components)
        except OverflowError as error:
            raise OptionError(f"an option is out of range: {error}") from error
        try:
            self._report.check(self._library.j2kl_decoder_decode(self._open(), request))
        except CodestreamError as error:
            raise DecodingError(str(error)) from None

    @property
    def components(self) -> list[Component]:
        """The decoded components."""
        count = self._ffi.new("uint32_t *")
        self._report.check(self._library.j2kl_decoder_component_count(self._open(), count))
        return [self._component(index) for index in range(count[0])]

    def _component(self, index: int) -> Component:
        native = self._ffi.new("j2kl_component *")
        self._report.check(self._library.j2kl_decoder_component(self._open(), index, native))
        return Component(
            area=Rect(native.y0, native.x0, native.y0 + native.height, native.x0 + native.width),
            subsampling=(native.dy, native.dx),
            precision=native.precision,
            signed=bool(native.is_signed),
            alpha=bool(native.is_alpha),
        )

    @stage("transport")
    def samples(self, index: int) -> NDArray[np.int32]:
        """Return the samples of the decoded component at position `index`, shape ``(height, width)``."""
        samples = np.empty(self._component(index).area.shape, np.int32)
        pointer = self._ffi.from_buffer("int32_t[]", samples)
        self._report.check(self._library.j2kl_decoder_get_samples(self._open(), index, pointer))
        return samples

    @stage("transport")
    def subbands(self, index: int, levels: int) -> NDArray[np.int32]:
        """Decompose a decoded component and return its subbands.

        A codestream of the 9/7 has to be decoded with `half_steps`. Its subbands are whole numbers n of half quantiser
        steps, exactly as tier-1 has decoded them: with the index q of a coefficient and p bit-planes that are not
        decoded, ``|n| = 2 |q| + 2 ** p``, and n = 0 if q = 0 (T.800 equation E-6 with r = 1/2). If the decoded area
        ends inside a tile, coefficients within two samples of that edge are wrong. LL is exact only if it is the
        coarsest subband of the codestream; LL of other levels was not coded, and means nothing.

        With the 5/3, the subbands are those of the samples. If there is a component transform, the first call
        overwrites the samples of the first three components: call `samples` before.

        Parameters
        ----------
        index : int
            Position in `components`.
        levels : int
            Number of decomposition levels.

        Returns
        -------
        ndarray, shape (height * width,)
            int32, in the order of `Encoder.put_subbands`.

        Raises
        ------
        RuntimeError
            If the wavelet is the 9/7, and `half_steps` was not asked for.
        """
        subbands = np.empty(self._component(index).area.size, np.int32)
        pointer = self._ffi.from_buffer("int32_t[]", subbands)
        self._report.check(self._library.j2kl_decoder_get_subbands(self._open(), index, levels, pointer))
        return subbands


@dataclass(frozen=True)
class BandRequest:
    """A part of a subband.

    Attributes
    ----------
    component : int
        Index of the component.
    orientation : {"LL", "HL", "LH", "HH"}
        Orientation of the subband.
    level : int
        Decomposition level, 1 for the finest. LL exists at the coarsest level only.
    area : Rect
        The part, in the coordinates of the subband.
    """

    component: int
    orientation: str
    level: int
    area: Rect


class BlockReader(Handle):
    """Decodes some code-blocks of a codestream of the 9/7, without its other parts.

    Parameters
    ----------
    data : bytes
        A complete codestream. It is not copied, and must not change while the reader is open.

    Raises
    ------
    UnsupportedError
        If the code-blocks cannot be decoded by themselves. `Decoder` may decode the codestream as a whole.
    CodestreamError
        If the data is no codestream.
    """

    def __init__(self, data: bytes) -> None:
        self._ffi, self._library = load()
        self._report = Report(self._ffi)
        self._buffer = self._ffi.from_buffer("uint8_t[]", data)
        handle = self._ffi.new("j2kl_block_reader **")
        self._report.check(
            self._library.j2kl_block_reader_open(
                self._buffer, len(self._buffer), self._report.pointer, handle
            )
        )
        self._handle = handle[0]

    def _free(self, handle: Any) -> None:
        self._library.j2kl_block_reader_free(handle)

    @stage("tier-1/2")
    def read(
        self, requests: Sequence[BandRequest], layers: int = 0, threads: int = 1
    ) -> list[NDArray[np.int32]]:
        """Decode parts of subbands.

        Parameters
        ----------
        requests : sequence of BandRequest
            At most one part of each subband.
        layers : int
            Number of quality layers to decode; 0 for all.
        threads : int
            Number of threads.

        Returns
        -------
        list of ndarray, int32
            The coefficients of each part, in half quantiser steps: see `Decoder.subbands`. Coefficients outside the
            picture are 0.

        Raises
        ------
        OptionError
            If there is no such subband, or one is asked for twice.
        CodestreamError
            If a tile is damaged, or code-blocks cannot be decoded.
        """
        parts = [np.empty(request.area.shape, np.int32) for request in requests]
        native = self._ffi.new("j2kl_band_request[]", len(requests))
        for place, request, part in zip(native, requests, parts, strict=True):
            place.component, place.level = request.component, request.level
            place.band = _ORIENTATIONS.index(request.orientation)
            area = request.area
            place.x0, place.y0, place.x1, place.y1 = area.x0, area.y0, area.x1, area.y1
            place.half_steps = self._ffi.cast("int32_t *", part.ctypes.data)
        self._report.check(
            self._library.j2kl_block_reader_read(self._open(), native, len(requests), layers, threads)
        )
        return parts
