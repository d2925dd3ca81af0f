"""The subband transport: OpenJPEG's tier-1 codes the given coefficients, and decoding returns them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import glymur
import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import j2klearn
from j2klearn.codestream.main_header import read_main_header
from j2klearn.core.geometry import Rect
from j2klearn.core.subbands import Subbands, subband_rects
from j2klearn.ebcot.reconstruction import read_lattice
from j2klearn.errors import CodestreamError, CodestreamWarning, InputError, LimitError, OptionError
from j2klearn.native import transport
from j2klearn.transform.wavelet import WAVELETS
from tests.support.judges import opj_decompress


def random_subbands(area: Rect, levels: int, seed: int, largest: int = 40) -> NDArray[np.int32]:
    return np.random.default_rng(seed).integers(-largest, largest + 1, area.size).astype(np.int32)


def tiles_of(area: Rect, tile: tuple[int, int] | None) -> list[Rect]:
    height, width = tile or (area.y1, area.x1)
    corners = [(y, x) for y in range(0, area.y1, height) for x in range(0, area.x1, width)]
    return [Rect(y, x, y + height, x + width).intersection(area) for y, x in corners]


def write(parameters: transport.Parameters, flats: list[NDArray]) -> bytes:
    with transport.Encoder(parameters) as encoder:
        for index, flat in enumerate(flats):
            encoder.put_subbands(index, flat)
        return encoder.finish()


def read(data: bytes, levels: int, count: int, **request: object) -> list[NDArray[np.int32]]:
    with transport.Decoder(data) as decoder:
        decoder.decode(**request)
        return [decoder.subbands(index, levels) for index in range(count)]


@given(
    height=st.integers(1, 257),
    width=st.integers(1, 255),
    levels=st.integers(0, 6),
    components=st.integers(1, 4),
    codeblock=st.sampled_from([(64, 64), (4, 4), (16, 64), (32, 8)]),
    tiled=st.booleans(),
    origin=st.tuples(st.integers(0, 5), st.integers(0, 5)),
    seed=st.integers(0, 1000),
)
@example(height=1, width=1, levels=0, components=1, codeblock=(64, 64), tiled=False, origin=(0, 0), seed=0)
@example(height=257, width=255, levels=6, components=4, codeblock=(64, 64), tiled=True, origin=(1, 3), seed=0)
@settings(max_examples=50, deadline=None)
def test_reversible_transport_is_the_identity(
    height: int,
    width: int,
    levels: int,
    components: int,
    codeblock: tuple[int, int],
    tiled: bool,
    origin: tuple[int, int],
    seed: int,
) -> None:
    area = Rect(*origin, origin[0] + height, origin[1] + width)
    tile = (128, 96) if tiled else None
    parameters = transport.Parameters(
        area=area,
        components=components,
        precision=16,
        signed=True,
        levels=levels,
        reversible=True,
        component_transform=components >= 3,
        tile_shape=tile,
        codeblock=codeblock,
    )
    flats = [random_subbands(area, levels, seed + index) for index in range(components)]
    if not all(part.resolution(level).size for part in tiles_of(area, tile) for level in range(levels)):
        with pytest.raises(OptionError, match="too small"):
            write(parameters, flats)
        return
    # The 5/3 doubles a single row or column at an odd position (T.800 F.4.6). An odd coefficient there is no output of
    # the 5/3, so the transport cannot return it.
    parts = [part.resolution(level) for part in tiles_of(area, tile) for level in range(levels)]
    assume(not any((part.height == 1 and part.y0 % 2) or (part.width == 1 and part.x0 % 2) for part in parts))
    for sent, got in zip(flats, read(write(parameters, flats), levels, components), strict=True):
        np.testing.assert_array_equal(got, sent)


def test_tier_1_codes_our_coefficients(tmp_path: Path) -> None:
    """OpenJPEG's own decoder, followed by a forward 5/3, returns the coefficients: so tier-1 coded them unchanged."""
    area, levels = Rect(0, 0, 131, 97), 3
    flat = random_subbands(area, levels, 7)
    parameters = transport.Parameters(area=area, precision=12, levels=levels, reversible=True)
    file = tmp_path / "carrier.j2k"
    file.write_bytes(write(parameters, [flat]))
    x = torch.from_numpy(opj_decompress(file)[:, :, 0] - 2048)
    details = []
    for _ in range(levels):
        x, hl, lh, hh = WAVELETS["5-3"].analyse(x)
        details.append((hl.numpy(), lh.numpy(), hh.numpy()))
    np.testing.assert_array_equal(Subbands(area, x.numpy(), details).to_flat(), flat)


@pytest.mark.parametrize("reduce", range(4))
def test_reversible_transport_at_lower_resolutions(reduce: int) -> None:
    area, levels = Rect(1, 2, 118, 131), 3
    flat = random_subbands(area, levels, 3)
    parameters = transport.Parameters(area=area, precision=14, signed=True, levels=levels, reversible=True)
    data = write(parameters, [flat])
    kept = sum(
        rect.size for _, level, rect in subband_rects(area, levels) if level > reduce or level == levels
    )
    if reduce == levels:
        kept = area.resolution(levels).size
    (got,) = read(data, levels - reduce, 1, reduce=reduce)
    np.testing.assert_array_equal(got, flat[:kept])


@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("tile", [None, (96, 80)])
def test_irreversible_transport_returns_the_carrier(
    components: int, tile: tuple[int, int] | None, rgb: NDArray[np.uint8]
) -> None:
    """Without rate limit, samples beyond 0 to 255 are returned within 0.1 grey level."""
    area, levels = Rect(0, 0, *rgb.shape[:2]), 4
    planes = [rgb[:, :, index].astype(np.float32) * 1.2 - 150 for index in range(components)]
    flats = []
    for plane in planes:
        x, details = torch.from_numpy(plane), []
        for _ in range(levels):
            x, hl, lh, hh = WAVELETS["9-7"].analyse(x)
            details.append((hl.numpy(), lh.numpy(), hh.numpy()))
        flats.append(Subbands(area, x.numpy(), details).to_flat())
    parameters = transport.Parameters(
        area=area,
        components=components,
        precision=8 + 5 + 4,  # random YCbCr has a wide range in RGB
        signed=True,
        levels=levels,
        component_transform=components == 3,
        fraction_bits=5,
        tile_shape=tile,
    )
    data = write(parameters, flats)
    # in 8-bit grey levels, as if there were no fractional bits
    lattice = {
        place: half * 2.0 ** (parameters.precision - 8 - parameters.fraction_bits)
        for place, half in read_lattice(read_main_header(data)).items()
    }
    for plane, flat in zip(planes, read(data, levels, components, half_steps=True), strict=True):
        bands = Subbands.from_flat(flat.astype(np.float32), area, levels)
        bands.multiply([lattice[name, level] for name, level, _ in subband_rects(area, levels)])
        x = torch.from_numpy(bands.ll)
        for level in range(levels, 0, -1):
            x = WAVELETS["9-7"].synthesise(x, *map(torch.from_numpy, bands.details[level - 1]))
        assert np.abs(x.numpy() - plane).max() < 0.1


def test_a_region_holds_the_coefficients_of_the_whole(rgb: NDArray[np.uint8]) -> None:
    """Away from its borders, one analysis of a decoded region returns the detail coefficients of the whole picture."""
    plane = rgb[:, :, 1].astype(np.int32)
    parameters = transport.Parameters(
        area=Rect(0, 0, *plane.shape), levels=3, reversible=True, tile_shape=(100, 120)
    )
    with transport.Encoder(parameters) as encoder:
        encoder.put_samples(0, plane)
        data = encoder.finish()
    whole = Subbands.from_flat(read(data, 1, 1)[0], Rect(0, 0, *plane.shape), 1)
    cut = Rect(60, 90, 170, 250)
    part = Subbands.from_flat(read(data, 1, 1, area=cut)[0], cut, 1)
    for orientation, a, b in zip(("HL", "LH", "HH"), whole.details[0], part.details[0], strict=True):
        rect = cut.subband(orientation)
        inner = rect.grown(-1)
        rows, columns = inner.slices_in(Rect(0, 0, *plane.shape).subband(orientation))
        np.testing.assert_array_equal(b[1:-1, 1:-1], a[rows, columns])


def test_reversible_carrier_out_of_range_is_refused() -> None:
    parameters = transport.Parameters(area=Rect(0, 0, 16, 16), precision=8, levels=2, reversible=True)
    with pytest.raises(InputError):
        write(parameters, [np.full(256, 100_000, np.int32)])


@pytest.mark.parametrize(
    "changes",
    [
        {"codeblock": (3, 64)},
        {"codeblock": (128, 64)},
        {"levels": 33},
        {"progression": 5},
        {"precision": 0},
        {"components": 0},
        {"components": 2, "component_transform": True},
        {"precincts": ((100, 128),)},
        {"tile_shape": (8, 8), "tile_origin": (9, 0)},
        {"tile_shape": (1, 1), "area": Rect(0, 0, 300, 300)},
        {"layer_bytes": ()},
        {"layer_bytes": (1.0,) * 101},
        {"area": Rect(5, 5, 5, 9)},
    ],
)
def test_impossible_parameters_are_refused(changes: dict) -> None:
    with pytest.raises(OptionError):
        transport.Encoder(transport.Parameters(**{"area": Rect(0, 0, 64, 64), **changes})).close()


def test_limits_hold_before_memory_is_taken() -> None:
    data = glymur.Jp2k(glymur.data.goodstuff()).path.read_bytes()
    with pytest.raises(LimitError), transport.Decoder(data, max_samples=1000) as decoder:
        decoder.decode()
    bomb = bytearray(data)
    at = data.index(b"\xff\x51")
    bomb[at + 6 : at + 14] = (2**31 - 1).to_bytes(4, "big") * 2  # Xsiz, Ysiz
    with (
        pytest.raises((LimitError, CodestreamError)),
        transport.Decoder(bytes(bomb), max_tiles=65535) as decoder,
    ):
        decoder.decode()


def test_calls_in_the_wrong_order() -> None:
    with transport.Decoder(glymur.Jp2k(glymur.data.goodstuff()).path.read_bytes()) as decoder:
        with pytest.raises(RuntimeError):
            decoder.samples(0)
        decoder.decode(reduce=3)
        decoder.samples(0)
        with pytest.raises((OptionError, IndexError)):
            decoder.samples(3)


def test_what_is_left_of_a_damaged_file_is_decoded_on_one_thread() -> None:
    """With more threads, chance decided which code-blocks were decoded, and some versions of OpenJPEG crashed."""
    small = np.random.default_rng(0).integers(0, 256, (6, 6, 3), np.uint8)
    image = small.repeat(4, 0).repeat(4, 1)
    data = bytearray(
        j2klearn.encode(
            image, lossless=True, model=None, levels=2, progression="CPRL", component_transform=False
        )
    )
    data[data.index(b"\xff\x52") + 6] = 255  # COD: thousands of layers that are not there
    decoded = []
    for threads in (1, *[2] * 20):
        with pytest.warns(CodestreamWarning):
            decoded.append(j2klearn.decode(bytes(data), threads=threads))
    assert all(np.array_equal(other, decoded[0]) for other in decoded)


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {"codeblock_size": (4, 4)},
        {"codeblock_size": (4, 4), "layers": 20},
        {"codeblock_size": (4, 4), "mode_switches": 36},
        {"codeblock_size": (8, 8), "mode_switches": 4, "layers": 40},
        {"codeblock_size": (16, 16), "mode_switches": 36, "sop": True, "eph": True},
    ],
)
def test_noise_fits_into_small_code_blocks(options: dict[str, Any], learned: bool) -> None:
    """OpenJPEG writes a tile to a buffer whose size does not count what belongs to code-blocks."""
    side = 256 if len(options) == 1 else 96  # OpenJPEG takes seconds for many layers of many code-blocks
    noise = np.random.default_rng(0).integers(0, 256, (side, side)).astype(np.uint8)
    way: dict[str, Any] = {"fallback": False} if learned else {"model": None}
    for image in (noise, noise % 2 * 255):
        data = j2klearn.encode(image, lossless=True, **way, **options)
        assert np.array_equal(j2klearn.decode(data), image)
