"""The parsers of marker segments: they agree with glymur's, and damaged data gets a typed error."""

from __future__ import annotations

import contextlib
import io
import itertools
import struct
import tracemalloc
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from glymur.codestream import Codestream
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import j2klearn
from j2klearn.access.tile_index import from_tlm
from j2klearn.codestream.coding_segments import Coc, Cod, CodingStyle, Poc, Progression, Rgn
from j2klearn.codestream.main_header import main_segments, read_main_header
from j2klearn.codestream.markers import Marker, MarkerSegment, walk
from j2klearn.codestream.packets import packet_order
from j2klearn.codestream.pointer_segments import Plt, Tlm, packet_lengths
from j2klearn.codestream.quantisation_segments import Qcc, Qcd, QuantisationStyle
from j2klearn.codestream.segments import Com, Siz, Sot
from j2klearn.codestream.tile_parts import read_tile_part_header, tile_parts
from j2klearn.core.geometry import Rect
from j2klearn.core.peeking import peek_bytes
from j2klearn.errors import CodestreamError, J2KError, LimitError
from j2klearn.jp2 import boxes
from j2klearn.jp2.metadata import read_metadata
from j2klearn.jp2.peek import is_learned
from j2klearn.layers import keep_layers
from tests.support.paths import CONFORMANCE

#: The names of markers that glymur calls differently from T.800.
_GLYMURS_NAMES = {"COM": "CME", "POC": "POD"}


def segment(marker: Marker, body: bytes) -> bytes:
    """Return a marker segment."""
    return marker.code + struct.pack(">H", len(body) + 2) + body


def with_segments(stream: bytes, *added: bytes) -> bytes:
    """Return a codestream with marker segments appended to its main header."""
    end = read_main_header(stream).end
    return stream[:end] + b"".join(added) + stream[end:]


def headers(stream: bytes) -> Iterator[MarkerSegment]:
    """Yield every marker and marker segment of a codestream, except SOC and those between packets."""
    peek, size = peek_bytes(stream), len(stream)
    *main, last = walk(peek, 2, size)
    yield from main
    at = last.start
    while stream[at : at + 2] != Marker.EOC.code:
        sot = Sot.read(stream[at : at + 12])
        yield MarkerSegment(Marker.SOT, at, at + 12)
        yield from walk(peek, at + 12, size)
        at = at + sot.length if sot.length else size - 2
    yield MarkerSegment(Marker.EOC, at, at + 2)


def glymurs(stream: bytes) -> list[Any]:
    """Return the same marker segments as glymur parses them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parsed = Codestream(io.BytesIO(stream), len(stream), header_only=False)
    return [s for s in parsed.segment if s.marker_id not in ("SOC", "SOP", "EPH")]


def _style_is(ours: CodingStyle, theirs: Any, levels: int, block_style: int, wavelet: int) -> None:
    assert (ours.levels, ours.block_style, int(ours.reversible)) == (levels, block_style, wavelet)
    assert tuple(1 << exponent for exponent in ours.code_block) == tuple(theirs.code_block_size)
    sizes = np.array(theirs.precinct_size)  # width and height
    if sizes.ndim == 1:  # none are signalled: glymur has a single entry
        sizes = np.array([sizes] * (levels + 1))
    # glymur 0.14.8 stores signalled sizes in eight bits
    bits = 0xFF if sizes.dtype == np.uint8 else 0xFFFF
    assert [[1 << ppx & bits, 1 << ppy & bits] for ppy, ppx in ours.precincts] == sizes.tolist()


def _quantisation_is(ours: Qcd, theirs: Any, style: int) -> None:
    assert (ours.style, ours.guard_bits) == (style & 0x1F, theirs.guard_bits)
    assert (list(ours.exponents), list(ours.mantissas)) == (theirs.exponent, theirs.mantissa)


def same(marker: int, body: bytes, theirs: Any, components: int) -> None:
    """Compare our parser with glymur's, field by field."""
    match marker:
        case Marker.SIZ:
            siz = Siz.parse(body)
            assert siz.capabilities == theirs.rsiz
            assert siz.area == Rect(theirs.yosiz, theirs.xosiz, theirs.ysiz, theirs.xsiz)
            assert siz.tile_size == (theirs.ytsiz, theirs.xtsiz)
            assert siz.tile_origin == (theirs.ytosiz, theirs.xtosiz)
            assert (siz.precisions, siz.signed) == (theirs.bitdepth, theirs.signed)
            assert siz.subsampling == tuple(zip(theirs.yrsiz, theirs.xrsiz, strict=True))
            assert len(siz.precisions) == theirs.Csiz
        case Marker.COD:
            cod = Cod.parse(body)
            assert (cod.sop, cod.eph) == (bool(theirs.scod & 2), bool(theirs.scod & 4))
            assert (cod.progression, cod.layers) == (theirs.prog_order, theirs.layers)
            assert cod.component_transform == theirs.mct
            _style_is(cod.style, theirs, theirs.num_res, theirs.cstyle, theirs.xform)
        case Marker.COC:
            coc = Coc.parse(body, components)
            assert coc.component == theirs.ccoc
            spcoc = theirs.spcoc.tolist()
            _style_is(coc.style, theirs, spcoc[0], spcoc[3], spcoc[4])
        case Marker.QCD:
            _quantisation_is(Qcd.parse(body), theirs, theirs.sqcd)
        case Marker.QCC:
            qcc = Qcc.parse(body, components)
            assert qcc.component == theirs.cqcc
            _quantisation_is(qcc.quantisation, theirs, theirs.sqcc)
        case Marker.RGN:
            rgn = Rgn.parse(body, components)
            assert (rgn.component, 0, rgn.shift) == (theirs.crgn, theirs.srgn, theirs.sprgn)
        case Marker.POC:
            # 0 stands for the largest value; glymur does not replace it
            largest_end = 256 if components < 257 else 16384
            ends = tuple(end or largest_end for end in theirs.cdpod)
            fields = (theirs.rspod, theirs.cspod, theirs.lyepod, theirs.repod, ends, theirs.ppod)
            assert Poc.parse(body, components).progressions == tuple(zip(*fields, strict=True))
        case Marker.COM:
            assert Com.parse(body) == Com(theirs.rcme, theirs.ccme)
        case Marker.SOT:
            assert Sot.parse(body) == Sot(theirs.isot, theirs.psot, theirs.tpsot, theirs.tnsot)
        case Marker.TLM:
            tlm = Tlm.parse(body)
            assert tlm.index == theirs.ztlm
            assert (tlm.tiles is None) == (theirs.ttlm.tolist() is None)
            assert tlm.tiles is None or np.array_equal(tlm.tiles, theirs.ttlm)
            assert np.array_equal(tlm.lengths, theirs.ptlm)
        case Marker.PLT:
            plt = Plt.parse(body)
            # glymur 0.14.8 stores the lengths in eight bits
            assert plt.index == theirs.zplt
            assert [length & 0xFF for length in packet_lengths(plt.data)] == list(theirs.iplt)


def compared(stream: bytes) -> Counter[str]:
    """Compare all marker segments of a codestream; return the number of each name."""
    components = len(read_main_header(stream).precisions)
    ours, theirs = list(headers(stream)), glymurs(stream)
    count: Counter[str] = Counter()
    for (marker, start, end), other in itertools.zip_longest(ours, theirs, fillvalue=(0, 0, 0)):
        name = Marker(marker).name if marker in iter(Marker) else f"0x{marker:x}"
        length = end - start - 2  # without the marker
        assert (_GLYMURS_NAMES.get(name, name), start, length) == (
            other.marker_id,
            other.offset,
            other.length,
        )
        same(marker, stream[start + 4 : end], other, components)
        count[name] += 1
    return count


@pytest.mark.skipif(not CONFORMANCE.is_dir(), reason="the conformance streams are not beside the project")
def test_conformance_streams_are_read_as_glymur_reads_them() -> None:
    paths = [path for path in sorted(CONFORMANCE.iterdir()) if path.suffix in (".j2k", ".j2c", ".jp2")]
    count: Counter[str] = Counter()
    for path in paths:
        count += compared(boxes.find_codestream(path.read_bytes()))
    assert len(paths) > 50
    assert count.keys() >= {
        "SIZ",
        "COD",
        "COC",
        "QCD",
        "QCC",
        "RGN",
        "POC",
        "COM",
        "SOT",
        "TLM",
        "PPM",
        "PPT",
    }


_LAYOUTS: list[dict[str, Any]] = [
    {},
    {"tile_size": (60, 100), "offset": (3, 5), "tile_offset": (2, 4), "plt": True, "tlm": True, "layers": 3},
    {"precincts": [(64, 128), (32, 32)], "progression": "RPCL", "sop": True, "eph": True, "plt": True},
    {"tile_size": 64, "progression": "RLCP", "layers": 2, "tlm": True, "plt": True},
    {"progression": "CPRL", "levels": 1, "codeblock_size": (16, 64), "component_transform": False},
    {"progression": "PCRL", "levels": 3, "model": None, "wavelet": "5-3", "mode_switches": 5},
    {"lossless": True, "model": None, "levels": 0},
    {"embed_model": True, "fallback": False},
]


@pytest.mark.parametrize("options", _LAYOUTS)
def test_our_own_files_are_read_as_glymur_reads_them(options: dict[str, Any], rgb: NDArray[np.uint8]) -> None:
    given = {} if options.get("lossless") else {"bpp": 2}
    count = compared(j2klearn.encode(rgb[:150, :170], jp2=False, **given, **options))
    assert count["SIZ"] == count["COD"] == 1
    assert bool(count["PLT"]) == bool(options.get("plt"))


def test_other_marker_segments_are_read_as_glymur_reads_them(stream: bytes) -> None:
    """Marker segments that OpenJPEG's encoder does not write."""
    count = compared(with_segments(stream, *_OTHERS))
    assert count >= Counter({"COC": 2, "QCC": 3, "RGN": 1, "POC": 1, "PPM": 2, "TLM": 2, "0xff30": 1})
    header = read_main_header(with_segments(stream, *_OTHERS))
    assert header.packed
    assert not header.uniform
    assert [coc.component for coc in header.coc] == [0, 2]
    assert [len(qcc.quantisation.exponents) for qcc in header.qcc] == [1, 1, 16]
    assert header.rgn == (Rgn(1, 7),)
    assert header.poc[0].progressions[1] == Progression(1, 0, 2, 33, 256, 4)


#: Marker segments to add to a codestream of three components.
_OTHERS = [
    segment(Marker.COC, bytes([0, 1, 2, 3, 4, 0, 1, 0x00, 0x65, 0xFF])),
    segment(Marker.COC, bytes([2, 0, 5, 4, 4, 0x2A, 0])),
    segment(Marker.QCC, bytes([0, 0x40, 0x48])),
    segment(Marker.QCC, bytes([1, 0x41, 0x7F, 0xFE])),
    segment(Marker.QCC, bytes([2, 0xE2]) + bytes(range(32))),
    segment(Marker.RGN, bytes([1, 0, 7])),
    segment(Marker.POC, struct.pack(">BBHBBB", 0, 0, 1, 3, 3, 1) + struct.pack(">BBHBBB", 1, 0, 2, 33, 0, 4)),
    segment(Marker.PPM, b"\x00" + bytes(20)),
    segment(Marker.PPM, b"\x01" + bytes(3)),
    segment(Marker.TLM, struct.pack(">BBHH", 0, 0x00, 400, 500)),
    segment(Marker.TLM, struct.pack(">BBBI", 1, 0x50, 3, 1 << 20)),
    segment(Marker.CRG, bytes(12)),
    b"\xff\x30",
]


@pytest.fixture(scope="module")
def stream(rgb: NDArray[np.uint8]) -> bytes:
    """A learned codestream with several tiles, layers, PLT and TLM."""
    return j2klearn.encode(
        rgb[:100, :120], bpp=1, fallback=False, jp2=False, tile_size=64, layers=2, plt=True, tlm=True
    )


@pytest.mark.parametrize("components", [1, 255, 256, 257, 16384])
def test_indices_of_components(components: int) -> None:
    """T.800 codes the index in two bytes from 257 components on; glymur 0.14.8 does so in COC from 256 on."""
    width = 1 if components < 257 else 2
    last = (components - 1).to_bytes(width, "big")
    style = bytes([0, 1, 4, 4, 0, 0])
    assert Coc.parse(last + style, components).component == components - 1
    assert Qcc.parse(last + b"\x41\x12\x34", components).component == components - 1
    assert Rgn.parse(last + b"\x00\x05", components) == Rgn(components - 1, 5)
    poc = struct.pack(">BBHBBB" if width == 1 else ">BHHBHB", 0, 0, 1, 1, 0, 2)
    assert Poc.parse(poc, components).progressions[0].end_component == (256 if width == 1 else 16384)
    if components != 256:  # every index of one byte is then valid
        with pytest.raises(CodestreamError, match="no such component"):
            Rgn.parse(components.to_bytes(width, "big") + b"\x00\x05", components)


def test_a_tile_grid_that_glymur_refuses() -> None:
    """glymur divides by the difference of the size and the origin of a tile, which can be zero."""
    siz = Siz.parse(struct.pack(">H8IH", 0, 20, 20, 9, 9, 5, 5, 5, 5, 1) + b"\x07\x01\x01")
    assert siz.tile_origin == siz.tile_size == (5, 5)
    assert siz.tile_grid == (3, 3)


_SIZ = struct.pack(">H8IH", 0, 300, 200, 0, 0, 100, 100, 0, 0, 1) + b"\x07\x01\x01"
_COD = struct.pack(">BBHBBBBBB", 0, 0, 1, 1, 2, 4, 4, 0, 0)


def _changed(body: bytes, at: int, value: bytes) -> bytes:
    return body[:at] + value + body[at + len(value) :]


@pytest.mark.parametrize(
    ("parse", "body", "error"),
    [
        (Siz.parse, _SIZ[:-1], CodestreamError),
        (Siz.parse, _SIZ + b"\x00", CodestreamError),
        (Siz.parse, _SIZ[:30], CodestreamError),
        (Siz.parse, _changed(_SIZ, 2, bytes(4)), CodestreamError),  # Xsiz
        (Siz.parse, _changed(_SIZ, 18, bytes(4)), CodestreamError),  # XTsiz
        (Siz.parse, _changed(_SIZ, 26, b"\x00\x00\x00\x01"), CodestreamError),  # XTOsiz greater than XOsiz
        (
            Siz.parse,
            _changed(_SIZ, 10, struct.pack(">I", 100)),
            CodestreamError,
        ),  # the first column of tiles is outside the picture
        (Siz.parse, _changed(_SIZ, 36, b"\x26"), CodestreamError),  # 39 bits
        (Siz.parse, _changed(_SIZ, 37, b"\x00"), CodestreamError),  # XRsiz
        (Siz.parse, _changed(_SIZ, 2, b"\xff" * 8), LimitError),
        (Siz.parse, _changed(_SIZ, 34, b"\x40\x01")[:36] + b"\x07\x01\x01" * 16385, LimitError),
        (Cod.parse, _COD[:4], CodestreamError),
        (Cod.parse, _COD[:-1], CodestreamError),
        (Cod.parse, _COD + b"\x11", CodestreamError),
        (Cod.parse, b"\x01" + _COD[1:] + b"\x11", CodestreamError),  # one precinct size for three resolutions
        (Cod.parse, b"\x01" + _COD[1:] + b"\x00\x10\x11", CodestreamError),
        (Cod.parse, _changed(_COD, 1, b"\x05"), CodestreamError),  # progression
        (Cod.parse, _changed(_COD, 2, bytes(2)), CodestreamError),  # layers
        (Cod.parse, _changed(_COD, 4, b"\x02"), CodestreamError),  # component transform
        (Cod.parse, _changed(_COD, 5, b"\x21"), CodestreamError),  # levels
        (Cod.parse, _changed(_COD, 6, b"\x05"), CodestreamError),  # code-blocks of more than 4096 samples
        (Cod.parse, _changed(_COD, 6, b"\x09"), CodestreamError),
        (Cod.parse, _changed(_COD, 9, b"\x02"), CodestreamError),  # wavelet
        (Qcd.parse, b"\x42", CodestreamError),
        (Qcd.parse, b"\x43\x00\x00", CodestreamError),
        (Qcd.parse, b"\x42\x00\x00\x00", CodestreamError),
        (Qcd.parse, b"\x41\x00\x00\x00\x00", CodestreamError),
        (Qcd.parse, b"\x40" + bytes(98), CodestreamError),
        (lambda body: Coc.parse(body, 3), b"\x00", CodestreamError),
        (lambda body: Coc.parse(body, 3), b"", CodestreamError),
        (lambda body: Rgn.parse(body, 3), b"\x01\x01\x01", CodestreamError),
        (lambda body: Rgn.parse(body, 3), b"\x01\x00", CodestreamError),
        (lambda body: Poc.parse(body, 3), b"", CodestreamError),
        (lambda body: Poc.parse(body, 3), b"\x00\x00\x00\x01\x01\x03", CodestreamError),
        (lambda body: Poc.parse(body, 3), b"\x01\x00\x00\x01\x01\x03\x00", CodestreamError),
        (lambda body: Poc.parse(body, 3), b"\x00\x00\x00\x01\x22\x03\x00", CodestreamError),
        (lambda body: Poc.parse(body, 3), b"\x00\x03\x00\x01\x01\x03\x00", CodestreamError),
        (lambda body: Poc.parse(body, 3), b"\x00\x00\x00\x00\x01\x03\x00", CodestreamError),
        (lambda body: Poc.parse(body, 3), b"\x00\x00\x00\x01\x01\x03\x05", CodestreamError),
        (Com.parse, b"\x00", CodestreamError),
        (Tlm.parse, b"\x00", CodestreamError),
        (Tlm.parse, b"\x00\x30" + bytes(5), CodestreamError),
        (Tlm.parse, b"\x00\x60" + bytes(5), CodestreamError),
        (Plt.parse, b"", CodestreamError),
        (packet_lengths, b"\x90\x80\x80\x80\x00", CodestreamError),  # 2^32
        (Sot.parse, bytes(7), CodestreamError),
        (Sot.parse, struct.pack(">HIBB", 0, 13, 0, 1), CodestreamError),
        (Sot.read, b"\xff\x90\x00\x0b" + bytes(9), CodestreamError),
    ],
)
def test_bounds(parse: Callable[[bytes], Any], body: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse(body)


def test_what_is_just_within_bounds() -> None:
    assert len(Siz.parse(_changed(_SIZ, 34, b"\x40\x00")[:36] + b"\x25\xff\xff" * 16384).precisions) == 16384
    assert Siz.parse(_changed(_SIZ, 2, struct.pack(">8I", 65535, 1, 0, 0, 1, 1, 0, 0))).tile_grid == (
        1,
        65535,
    )
    assert Cod.parse(_changed(_COD, 5, b"\x20")).style.levels == 32
    assert Cod.parse(b"\x01" + _COD[1:] + b"\x00\x11\xff").style.precincts == ((0, 0), (1, 1), (15, 15))
    assert len(Qcd.parse(b"\x42" + bytes(194)).exponents) == 97
    assert packet_lengths(b"\x8f\xff\xff\xff\x7f") == [(1 << 32) - 1]
    assert Sot.parse(struct.pack(">HIBB", 0, 0, 0, 1)).length == 0


def test_one_of_each_where_the_standard_has_one(stream: bytes) -> None:
    for found in main_segments(stream, read_main_header(stream).end):
        if found.marker in (Marker.COD, Marker.QCD):
            part = stream[found.start : found.end]
            with pytest.raises(CodestreamError, match="does not have one"):
                read_main_header(with_segments(stream, part))
            with pytest.raises(CodestreamError, match="does not have one"):
                read_main_header(stream[: found.start] + stream[found.end :])


def test_a_region_of_a_picture_with_another_order_of_packets(grey: NDArray[np.uint8]) -> None:
    """POC in the main header overrides the order in COD, so packets must not be located by COD."""
    options: dict[str, Any] = {"model": None, "plt": True, "progression": "LRCP", "layers": 3}
    stream = j2klearn.encode(grey, bpp=2, jp2=False, precincts=[(32, 32)], **options)
    whole, region = j2klearn.decode(stream), (40, 50, 90, 130)
    assert read_main_header(stream).uniform
    cod = next(found for found in main_segments(stream, len(stream)) if found.marker == Marker.COD)
    rpcl = bytearray(stream)
    rpcl[cod.start + 5] = 2
    change = struct.pack(">BBHBBB", 0, 0, 3, 33, 1, 0)
    changed = with_segments(bytes(rpcl), segment(Marker.POC, change))
    assert not read_main_header(changed).uniform
    assert np.array_equal(j2klearn.decode(changed), whole)
    assert np.array_equal(j2klearn.decode(changed, region=region), whole[40:90, 50:130])


def test_impossible_packet_lengths_are_as_none(grey: NDArray[np.uint8]) -> None:
    """A tile-part with an invalid PLT marker segment is read as a whole."""
    stream = j2klearn.encode(grey, bpp=2, jp2=False, model=None, plt=True, tile_size=128, progression="LRCP")
    part = next(tile_parts(stream)).header
    at = stream.index(Marker.PLT.code)
    broken = _changed(stream, at + 5, b"\xff" * 6)
    again = next(tile_parts(broken)).header
    assert part.packets is not None
    assert again.packets is None
    assert (again.size, again.segments) == (part.size, part.segments)
    region = (10, 20, 90, 100)
    assert np.array_equal(j2klearn.decode(broken, region=region), j2klearn.decode(stream, region=region))


@st.composite
def mutated(draw: st.DrawFn, originals: list[bytes]) -> bytes:
    """Draw the start of a file with bytes changed, inserted, removed or repeated, or truncated."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(data)))
        some = draw(st.integers(0, 40))
        match draw(st.sampled_from(["change", "put in", "take out", "repeat", "end"])):
            case "change":
                new = draw(st.binary(min_size=1, max_size=4))
                data[at : at + len(new)] = new
            case "put in":
                data[at:at] = draw(st.binary(max_size=20) | st.sampled_from(_OTHERS))
            case "take out":
                del data[at : at + some]
            case "repeat":
                data[at:at] = data[at : at + some]
            case "end":
                del data[at:]
    return bytes(data)


def test_mutations_of_headers_get_typed_errors(
    stream: bytes, layered: bytes, grey: NDArray[np.uint8]
) -> None:
    """All errors are typed, and the number of reads and the memory are bounded."""
    tiled = j2klearn.encode(grey[:70, :70], bpp=2, model=None, tile_size=32, tlm=True, plt=True)
    originals = [stream[:1500], with_segments(stream, *_OTHERS[:7])[:1500], layered[:700], tiled[:1200]]
    readers: list[Callable[[bytes], Any]] = [
        read_main_header,
        boxes.find_codestream,
        lambda data: boxes.resized(data, 7, 9),
        lambda data: read_metadata(io.BytesIO(data)),
        lambda data: is_learned(io.BytesIO(data)),
        lambda data: list(tile_parts(boxes.find_codestream(data))),
        lambda data: read_tile_part_header(
            data, data.index(Marker.SOT.code) if Marker.SOT.code in data else 0
        ),
        lambda data: from_tlm(data[: (header := read_main_header(data)).end], header),
        lambda data: keep_layers(data, 1),
    ]
    outcomes: Counter[str] = Counter()

    @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
    @given(mutated(originals))
    def check(data: bytes) -> None:
        looks = 0

        def peek(at: int, size: int) -> bytes:
            nonlocal looks
            looks += 1
            return data[at : at + size]

        assert sum(1 for _ in boxes.walk(peek, len(data))) <= len(data) // 8
        with contextlib.suppress(J2KError):
            assert sum(1 for _ in walk(peek, 2, len(data))) <= len(data) // 2
        assert looks <= len(data) // 8 + len(data) // 2 + 2
        for reader in readers:
            tracemalloc.start()
            try:
                reader(data)
                outcomes["read"] += 1
            except J2KError:
                outcomes["refused"] += 1
            finally:
                _, most = tracemalloc.get_traced_memory()
                tracemalloc.stop()
            assert most < 256 << 20

    check()
    assert outcomes["read"] > 200
    assert outcomes["refused"] > 200


def test_a_header_that_claims_more_packets_than_a_file_can_hold(stream: bytes) -> None:
    """A file of some kilobytes declares thousands of precincts for each of three components, and 65,535 layers."""
    cod = next(found for found in main_segments(stream, len(stream)) if found.marker == Marker.COD)
    claim = bytes([1, 2, 0xFF, 0xFF, 1, 1, 4, 4, 0, 0, 0x00, 0x11])
    huge = stream[: cod.start] + segment(Marker.COD, claim) + stream[cod.end :]
    header = read_main_header(huge)
    assert header.layers == 65535
    tracemalloc.start()
    try:
        assert packet_order(header, header.tile_area(0)) is None
        with pytest.raises(J2KError):
            keep_layers(huge, 1)
        with pytest.raises(J2KError):
            j2klearn.decode(huge, region=(1, 2, 9, 10))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 16 << 20


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.sampled_from([1, 3, 300]))
def test_any_bytes_get_typed_errors(body: bytes, components: int) -> None:
    errors = []
    parsers: list[Callable[[], Any]] = [
        *(lambda kind=kind: kind.parse(body) for kind in (Siz, Cod, Qcd, Com, Tlm, Plt, Sot)),  # type: ignore[attr-defined]
        *(lambda kind=kind: kind.parse(body, components) for kind in (Coc, Qcc, Rgn, Poc)),  # type: ignore[attr-defined]
        lambda: packet_lengths(body),
    ]
    for parse in parsers:
        try:
            parse()
        except J2KError as error:
            errors.append(str(error))
    assert all(errors)


def test_what_is_written_is_read() -> None:
    sot = Sot(5, 1000, 1, 2)
    assert Sot.read(sot.to_bytes()) == sot
    com = Com(1, b"text")
    assert com.to_bytes() == b"\xff\x64\x00\x08\x00\x01text"
    assert Com.parse(com.to_bytes()[4:]) == com
    assert not com.binary
    assert Qcd.parse(b"\x42\x7f\xff") == Qcd(QuantisationStyle.EXPOUNDED, 2, (15,), (2047,))
