"""Repacked files decode to the same samples, by j2klearn and by OpenJPEG, and have the structure that was asked for."""

from __future__ import annotations

import contextlib
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import j2klearn
from j2klearn.cli import main
from j2klearn.codestream.main_header import read_main_header
from j2klearn.codestream.markers import Marker
from j2klearn.codestream.pointer_segments import Tlm
from j2klearn.codestream.tile_parts import tile_parts
from j2klearn.core.geometry import Rect
from j2klearn.errors import CodestreamError, DecodingError, J2KError, OptionError, UnsupportedError
from j2klearn.jp2 import boxes
from j2klearn.native import transport
from tests.support.judges import opj_decompress
from tests.support.paths import CONFORMANCE

STREAMS = sorted(path for path in CONFORMANCE.glob("*") if path.suffix in (".j2k", ".j2c", ".jp2"))
ORDERS = ["LRCP", "RLCP", "RPCL", "PCRL", "CPRL"]


def coded(samples: np.ndarray, **options: Any) -> bytes:
    """Return a codestream of samples of shape (components, height, width), by OpenJPEG."""
    count, height, width = samples.shape
    area = options.pop("area", Rect(0, 0, height, width))
    with transport.Encoder(transport.Parameters(area, count, **options)) as encoder:
        for index, plane in enumerate(samples):
            encoder.put_samples(index, np.ascontiguousarray(plane, np.int32))
        return encoder.finish()


@pytest.fixture(scope="module")
def source(rgb: np.ndarray) -> bytes:
    """Tiles, precincts, layers, SOP and EPH, and an odd origin."""
    samples = np.moveaxis(rgb[:200, :250], -1, 0)
    area = Rect(5, 3, 205, 253)
    layers, tiles = (3000.0, 9000.0, 0.0), {"tile_shape": (64, 128), "tile_origin": (0, 0)}
    shape = {"levels": 3, "reversible": True, "component_transform": True, "precincts": ((32, 64), (32, 32))}
    return coded(
        samples, area=area, layer_bytes=layers, sop=True, eph=True, codeblock=(16, 32), **shape, **tiles
    )


def decoded(data: bytes, **options: Any) -> list[np.ndarray] | None:
    try:
        return j2klearn.decode(data, upsample=False, **options)
    except DecodingError:  # tiles without samples at this resolution
        return None


def same(left: list[np.ndarray] | None, right: list[np.ndarray] | None) -> bool:
    if left is None or right is None:
        return left is right
    return len(left) == len(right) and all(map(np.array_equal, left, right))


def fewer_resolutions(data: bytes, count: int) -> bytes | None:
    """Return a file with so many resolutions; None if its tile grid cannot be divided."""
    codestream = boxes.find_codestream(data)
    header = read_main_header(codestream)
    scale = 1 << (header.common_levels + 1 - count)
    axes = zip(header.tile_grid, header.tile_size, header.tile_origin, strict=True)
    if any(tiles > 1 and (size % scale or origin % scale) for tiles, size, origin in axes):
        with pytest.raises(UnsupportedError, match="divisible"):
            j2klearn.repack(data, resolutions=count)
        return None
    return j2klearn.repack(data, resolutions=count)


def sop_numbers(codestream: bytes) -> dict[int, list[int]]:
    """Return the numbers in the SOP marker segments of each tile."""
    found: dict[int, list[int]] = {}
    for part in tile_parts(codestream):
        at = part.start
        for length in part.header.packets or []:
            assert codestream[at : at + 4] == b"\xff\x91\x00\x04"
            found.setdefault(part.header.tile, []).append(int.from_bytes(codestream[at + 4 : at + 6], "big"))
            at += length
        assert at == part.end
    return found


@pytest.mark.parametrize(
    ("order", "division"),
    [*((order, "") for order in ORDERS), ("LRCP", "L"), ("LRCP", "R"), ("LRCP", "RL"), ("RLCP", "R"), ("RLCP", "RL"),
     ("RPCL", "R"), ("CPRL", "C"), ("CPRL", "R")],
)  # fmt: skip
def test_order_and_tile_parts(source: bytes, order: str, division: str, tmp_path: Path) -> None:
    out = j2klearn.repack(source, progression=order, tile_parts=division, plt=True, tlm=True)
    header = read_main_header(out)
    assert header.progression == ORDERS.index(order)
    parts = list(tile_parts(out))
    counts: dict[int, int] = {}
    for part in parts:
        assert part.header.index == counts.get(part.header.tile, 0)
        counts[part.header.tile] = part.header.index + 1
    assert all(part.header.count == counts[part.header.tile] for part in parts)
    if not division:
        assert set(counts.values()) == {1}
    elif division == "R" and order in ("RLCP", "RPCL"):
        assert set(counts.values()) == {header.levels + 1}
    at = out.index(Marker.TLM.code)
    (length,) = struct.unpack_from(">H", out, at + 2)
    tlm = Tlm.parse(out[at + 4 : at + 2 + length])
    assert tlm.tiles is not None
    assert tlm.tiles.tolist() == [part.header.tile for part in parts]
    assert tlm.lengths.tolist() == [part.header.length for part in parts]
    numbers = sop_numbers(out)
    assert all(found == list(range(len(found))) for found in numbers.values())
    assert same(decoded(out), decoded(source))
    before, after = tmp_path / "before.j2k", tmp_path / "after.j2k"
    before.write_bytes(source)
    after.write_bytes(out)
    assert np.array_equal(opj_decompress(after), opj_decompress(before))


def test_there_and_back_gives_the_same_bytes(source: bytes) -> None:
    plain = j2klearn.repack(source, tile_parts="", plt=False, tlm=False)
    assert plain == source
    for order in ORDERS:
        moved = j2klearn.repack(source, progression=order, plt=True)
        assert j2klearn.repack(moved, progression="LRCP", plt=False) == source


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("resolutions", [1, 2, 4])
def test_fewer_packets(source: bytes, layers: int, resolutions: int, tmp_path: Path) -> None:
    out = j2klearn.repack(source, layers=layers, resolutions=resolutions, progression="RPCL")
    header, old = read_main_header(out), read_main_header(source)
    assert (header.layers, header.levels) == (layers, resolutions - 1)
    reduce = 4 - resolutions
    assert header.area == old.area.resolution(reduce)
    assert len(header.qcd.exponents) == 3 * header.levels + 1
    assert len(header.precincts) == resolutions
    assert same(decoded(out), decoded(source, layers=layers, reduce=reduce))
    path = tmp_path / "a.j2k"
    path.write_bytes(out)
    assert np.array_equal(opj_decompress(path), np.stack(decoded(out) or [], axis=-1))


def test_learned_files(rgb: np.ndarray) -> None:
    data = j2klearn.encode(rgb, bpp=[0.5, 1, 2], tile_size=128, embed_model=True, fallback=False)
    out = j2klearn.repack(data, progression="LRCP", tile_parts="", tlm=False)
    assert j2klearn.info(out).learned
    assert j2klearn.info(out).model_embedded
    assert np.array_equal(j2klearn.decode(out), j2klearn.decode(data))
    fewer = j2klearn.repack(data, layers=2)
    assert np.array_equal(j2klearn.decode(fewer), j2klearn.decode(data, layers=2))
    with pytest.raises(UnsupportedError, match="keeps its resolutions"):
        j2klearn.repack(data, resolutions=2)
    with pytest.raises(UnsupportedError, match="neural"):
        j2klearn.repack(j2klearn.encode(rgb[:32, :32], profile="neural"))


def test_boxes(rgb: np.ndarray) -> None:
    data = j2klearn.encode(rgb[:100, :150], model=None, lossless=True, levels=3)
    res = boxes.box(b"res ", boxes.box(b"resc", struct.pack(">HHHHbb", 300, 1, 300, 7, 2, 2)))
    index = boxes.box(b"cidx", b"points somewhere")
    head = data.index(b"jp2h") - 4
    (length,) = struct.unpack_from(">I", data, head)
    data = (
        data[:head] + boxes.box(b"jp2h", data[head + 8 : head + length] + res) + index + data[head + length :]
    )
    data += boxes.box(b"xml ", b"<a/>")
    same_size = j2klearn.repack(data, progression="RPCL")
    assert same_size.endswith(boxes.box(b"xml ", b"<a/>"))
    assert b"cidx" not in same_size
    small = j2klearn.repack(data, resolutions=2)
    assert np.array_equal(j2klearn.decode(small), j2klearn.decode(data, reduce=2))
    at = small.index(b"ihdr") + 4
    assert struct.unpack_from(">II", small, at) == (25, 38)
    at = small.index(b"resc") + 4
    assert struct.unpack_from(">HHHHbb", small, at) == (75, 1, 75, 7, 2, 2)


def test_georeference_of_a_lower_resolution(rgb: np.ndarray) -> None:
    from j2klearn.io.tiff_directory import Entry, read_directory, write_directory
    from j2klearn.jp2.metadata import _GEOTIFF

    scale = Entry(33550, 12, 3, struct.pack("<3d", 0.5, 0.25, 0))
    tags = b"II*\0" + struct.pack("<I", 8) + write_directory([scale], 8)
    data = j2klearn.encode(rgb, model=None, lossless=True) + boxes.uuid_box(_GEOTIFF, tags)
    small = j2klearn.repack(data, resolutions=4)
    content = small[small.index(_GEOTIFF) + 16 :]
    assert list(read_directory(content)[0].numbers()) == [2.0, 1.0, 0.0]


def test_what_cannot_be_done_is_said(source: bytes) -> None:
    for options, why in (
        ({"layers": 4}, "1 to 3"),
        ({"resolutions": 0}, "1 to 4"),
        ({"progression": "XYZ"}, "LRCP"),
        ({"tile_parts": "Q"}, "letters"),
        ({"plt": "yes"}, "plt"),
    ):
        with pytest.raises(OptionError, match=why):
            j2klearn.repack(source, **options)
    odd = coded(np.zeros((1, 90, 90)), tile_shape=(33, 33), levels=2)
    with pytest.raises(UnsupportedError, match="divisible by 2"):
        j2klearn.repack(odd, resolutions=2)
    fine = coded(np.zeros((1, 600, 600)), levels=1, precincts=((4, 4),), codeblock=(4, 4))
    with pytest.raises(OptionError, match="255"):
        j2klearn.repack(fine, progression="PCRL", tile_parts="R")
    for broken in (source[: len(source) // 2], source[:-300], b"nothing", b""):
        with pytest.raises(CodestreamError):
            j2klearn.repack(broken)
    assert j2klearn.decode(source).size  # the file itself is in order


def test_damaged_files_raise_only_our_errors(source: bytes) -> None:
    random = np.random.default_rng(3)
    for _ in range(300):
        damaged = bytearray(source)
        for at in random.integers(0, len(source), random.integers(1, 6)):
            damaged[at] = random.integers(0, 256)
        with contextlib.suppress(J2KError):
            j2klearn.repack(bytes(damaged), progression="RPCL", layers=1, resolutions=2)


@pytest.mark.skipif(not STREAMS, reason="the conformance streams are not beside the project")
@pytest.mark.filterwarnings("ignore::j2klearn.errors.CodestreamWarning")
@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_conformance_streams(path: Path, tmp_path: Path) -> None:
    """Every order, fewer layers and fewer resolutions; PPM, PPT and POC disappear with the order."""
    data, facts = path.read_bytes(), j2klearn.info(path)
    whole, checked = decoded(data), 0
    for order in ORDERS:
        out = j2klearn.repack(
            data, progression=order, plt=True, tlm=True, tile_parts="R" if order[0] == "R" else None
        )
        header = read_main_header(boxes.find_codestream(out))
        assert not header.packed
        assert not header.poc
        assert same(decoded(out), whole), order
    kept = j2klearn.repack(data)
    assert same(decoded(kept), whole)
    for layers in {1, facts.layers // 2} - {0}:
        assert same(decoded(j2klearn.repack(data, layers=layers)), decoded(data, layers=layers))
    for reduce in range(1, facts.levels + 1):
        out = fewer_resolutions(data, facts.levels + 1 - reduce)
        if out is None:
            continue
        assert same(decoded(out), decoded(data, reduce=reduce)), reduce
        checked += 1
    assert checked or facts.tiles > 1 or not facts.levels
    suffix = path.suffix if path.suffix == ".jp2" else ".j2k"
    before, after = (tmp_path / f"{name}{suffix}" for name in ("before", "after"))
    before.write_bytes(data)
    after.write_bytes(j2klearn.repack(data, progression="RPCL", tile_parts="R", plt=True, tlm=True))
    pictures = []
    for file in (before, after):
        subprocess.run(
            ["opj_decompress", "-i", file, "-o", file.with_suffix(".pgx")], check=True, capture_output=True
        )
        pictures.append([plane.read_bytes() for plane in sorted(tmp_path.glob(f"{file.stem}_*.pgx"))])
    assert pictures[0]
    assert pictures[0] == pictures[1]


def test_command(rgb: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path, out = tmp_path / "in.jp2", tmp_path / "out.jp2"
    path.write_bytes(j2klearn.encode(rgb, model=None, bpp=[1, 2], plt=True))
    words = [
        "--progression",
        "rpcl",
        "--tile-parts",
        "r",
        "--tlm",
        "--no-plt",
        "--layers",
        "1",
        "--resolutions",
        "3",
    ]
    assert main(["repack", str(path), str(out), *words]) == 0
    assert f"{out.stat().st_size} bytes" in capsys.readouterr().out
    facts = j2klearn.info(out)
    assert (facts.progression, facts.layers, facts.levels) == ("RPCL", 1, 2)
    data = out.read_bytes()
    assert Marker.TLM.code in data
    assert all(part.header.packets is None for part in tile_parts(boxes.find_codestream(data)))
    raw = tmp_path / "out.j2k"
    assert main(["repack", str(path), str(raw), "--tile-parts", "none"]) == 0
    assert not j2klearn.info(raw).jp2
    assert main(["repack", str(raw), str(out)]) == 2
    assert "bare codestream" in capsys.readouterr().err
    assert main(["repack", str(path), str(out), "--layers", "9"]) == 2
