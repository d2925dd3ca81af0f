"""Partial reads: correct samples, few bytes read, and clear errors for damaged files and faulty file objects."""

from __future__ import annotations

import io
import struct
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data as photographs

import j2klearn
from j2klearn.errors import CodestreamError, OptionError, TruncatedWarning
from j2klearn.io.sources import merge, open_source
from tests.support.remote import Failing, FailingStream, Lying, Recorder, ShortReads

TARGETS = [0.3, 0.8, 2.0]

#: (region, reduce, layers).
REGIONS = [((130, 200, 170, 290), 0, 0), ((0, 350, 400, 600), 1, 2), ((77, 5, 300, 9), 3, 1)]


@pytest.fixture(scope="module")
def picture():
    camera = photographs.camera()
    return np.tile(np.block([[camera, camera[:, ::-1]], [camera[::-1], camera[::-1, ::-1]]]), (2, 2))[
        :1200, :1400
    ]


@pytest.fixture(scope="module")
def tiled(picture):
    return j2klearn.encode(picture, bpp=TARGETS, tile_size=128, model="hybrid97-8p7-dq")


@pytest.fixture(scope="module")
def wholes(tiled):
    """The whole picture, decoded at every resolution."""
    return [j2klearn.decode(tiled, reduce=reduce).astype(int) for reduce in range(6)]


def crop(whole, region, reduce, offset=(0, 0)):
    """Return the part of a picture, decoded whole with `reduce`, that lies in a region of the full resolution."""
    scale = 1 << reduce
    y0, x0, y1, x1 = (v + offset[i % 2] for i, v in enumerate(region))
    top, left = (-(-v // scale) for v in offset)
    return whole[
        -(-y0 // scale) - top : -(-y1 // scale) - top, -(-x0 // scale) - left : -(-x1 // scale) - left
    ]


LAYOUTS = {
    "plain": {},
    "precincts": {"precincts": [(64, 64), (32, 32)]},
    "markers": {"sop": True, "eph": True, "offset": (37, 51), "tile_offset": (0, 32)},
    "bare": {"plt": False, "tlm": False},
    "one tile": {"tile_size": None, "plt": True, "precincts": [(128, 128)]},
}


#: Every progression with every layout, and the transforms in turn.
CASES = [
    (progression, layout, ("hybrid97-9c-compact", None)[(row + column) % 2])
    for row, progression in enumerate(["LRCP", "RLCP", "RPCL", "PCRL"])
    for column, layout in enumerate(LAYOUTS)
]


@pytest.mark.parametrize(("progression", "layout", "model"), CASES)
def test_regions_equal_the_whole(picture, progression, layout, model):
    options = {"tile_size": 128, **LAYOUTS[layout]}
    data = j2klearn.encode(picture[:500, :600], bpp=TARGETS, progression=progression, model=model, **options)
    offset = options.get("offset", (0, 0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for region, reduce, layers in REGIONS:
            whole = j2klearn.decode(data, reduce=reduce, layers=layers).astype(int)
            part = j2klearn.decode(data, region=region, reduce=reduce, layers=layers)
            expected = crop(whole, region, reduce, offset)
            assert part.shape == expected.shape
            assert np.abs(part - expected).max(initial=0) <= 1


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 1199), st.integers(0, 1399), st.integers(1, 300), st.integers(1, 300), st.integers(0, 5)
)
def test_any_region(tiled, wholes, y0, x0, height, width, reduce):
    region = (y0, x0, min(1200, y0 + height), min(1400, x0 + width))
    expected = crop(wholes[reduce], region, reduce)
    if not expected.size:
        with pytest.raises(OptionError, match="nothing of the picture"):
            j2klearn.decode(tiled, region=region, reduce=reduce)
        return
    assert np.abs(j2klearn.decode(tiled, region=region, reduce=reduce) - expected).max() <= 1


def test_tile_parts_lie_one_resolution_after_the_other(tiled):
    header = j2klearn.info(tiled)
    assert header.progression == "RPCL"
    file = Recorder(tiled)
    j2klearn.decode(file, reduce=5)
    assert file.bytes < 0.15 * len(tiled)  # including the 16 KiB of the first read, for the main header
    assert file.requests <= 4


def test_tiles_have_no_seams():
    # the texture has the same statistics everywhere, so a larger error at tile borders is caused by the tiles
    side, tile, reach = 1024, 128, 8
    spectrum = np.fft.rfft2(np.random.default_rng(1).standard_normal((side, side)))
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    texture = np.fft.irfft2(spectrum / np.maximum(frequency, 1 / side) ** 1.3, (side, side))
    texture = np.clip(128 + 45 * texture / texture.std(), 0, 255).round().astype(np.uint8)
    at = np.minimum(np.arange(tile), np.arange(tile)[::-1]) < reach
    near = at[:, None] | at

    def at_borders(**options):
        decoded = j2klearn.decode(j2klearn.encode(texture, bpp=0.5, tile_size=tile, **options))
        error = np.square(decoded.astype(float) - texture)
        tiles = error.reshape(side // tile, tile, side // tile, tile).swapaxes(1, 2)[1:-1, 1:-1]
        return (10 * np.log10(tiles[:, :, near].mean(2) / tiles[:, :, ~near].mean(2))).mean()

    assert abs(at_borders()) < 0.1
    assert at_borders(model=None) > 0.2


def test_layers_are_stretches_in_rlcp(picture):
    data = j2klearn.encode(picture, bpp=TARGETS, tile_size=128, progression="RLCP", model="hybrid97-8p7-dq")
    file = Recorder(data)
    j2klearn.decode(file, layers=1)
    share = TARGETS[0] / TARGETS[-1]
    assert file.bytes < (share + 0.08) * len(data)
    assert file.requests <= 10


def test_a_region_of_a_file_object_reads_a_part_of_it(tiled):
    file = Recorder(tiled)
    j2klearn.decode(file, region=(600, 600, 650, 650))
    assert file.bytes < 0.5 * len(tiled)
    assert file.requests < 60


def test_urls(tiled):
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://folder/picture.jp2", "wb") as stream:
        stream.write(tiled)
    url = "memory://folder/picture.jp2"
    part = j2klearn.decode(url, region=(0, 0, 64, 64))
    assert np.array_equal(part, j2klearn.decode(tiled, region=(0, 0, 64, 64)))
    assert j2klearn.info(url) == j2klearn.info(tiled)
    with pytest.raises(CodestreamError, match="cannot read memory://folder/none"):
        j2klearn.decode("memory://folder/none.jp2")


def test_requests_to_a_server_are_few(tiled):
    from fsspec.implementations.memory import MemoryFileSystem

    asked = []

    class Server(MemoryFileSystem):
        protocol = "server"

        def cat_ranges(self, paths, starts, ends, **options):
            asked.extend(starts)
            return super().cat_ranges(paths, starts, ends, **options)

    import fsspec

    fsspec.register_implementation("server", Server, clobber=True)
    with fsspec.open("server://picture.jp2", "wb") as stream:
        stream.write(tiled)
    part = j2klearn.decode("server://picture.jp2", region=(600, 600, 650, 650))
    assert np.array_equal(part, j2klearn.decode(tiled, region=(600, 600, 650, 650)))
    assert len(asked) < 12


def test_a_layer_at_a_url_is_not_the_whole_file(picture):
    """The packets of a layer are spread over the file: the gaps between them must not be read."""
    from fsspec.implementations.memory import MemoryFileSystem

    read = []

    class Server(MemoryFileSystem):
        protocol = "measuring"

        def cat_ranges(self, paths, starts, ends, **options):
            read.extend(end - start for start, end in zip(starts, ends, strict=True))
            return super().cat_ranges(paths, starts, ends, **options)

    import fsspec

    picture = np.tile(picture, (2, 1))
    data = j2klearn.encode(picture, bpp=[0.25, 1.0, 4.0], tile_size=256, model=None)
    fsspec.register_implementation("measuring", Server, clobber=True)
    with fsspec.open("measuring://picture.jp2", "wb") as stream:
        stream.write(data)
    assert j2klearn.decode("measuring://picture.jp2", layers=1).shape == picture.shape
    assert sum(read) < 0.2 * len(data)


def test_a_server_that_sends_too_much(tiled):
    """A server that does not support ranges sends the whole file for every request."""
    fsspec = pytest.importorskip("fsspec")
    from fsspec.implementations.memory import MemoryFileSystem

    class Server(MemoryFileSystem):
        protocol = "rangeless"

        def cat_ranges(self, paths, starts, ends, **options):
            return [self.cat_file(path) for path in paths]

    fsspec.register_implementation("rangeless", Server, clobber=True)
    with fsspec.open("rangeless://picture.jp2", "wb") as stream:
        stream.write(tiled)
    with pytest.raises(CodestreamError, match="sends more bytes than requested"):
        j2klearn.decode("rangeless://picture.jp2", region=(0, 0, 10, 10))


def test_short_reads(tiled):
    part = j2klearn.decode(ShortReads(tiled), region=(100, 100, 140, 140))
    assert np.array_equal(part, j2klearn.decode(tiled, region=(100, 100, 140, 140)))


@pytest.mark.parametrize("after", [0, 1, 2, 5])
@pytest.mark.parametrize("error", [OSError, RuntimeError, EOFError])
def test_a_file_object_that_fails(tiled, after, error):
    with pytest.raises(CodestreamError, match="the connection was lost"):
        j2klearn.decode(Failing(tiled, after, error), region=(100, 100, 140, 140))


def test_a_file_object_that_fails_and_goes_on(tiled):
    file = Failing(tiled, 2)
    with j2klearn.open(file) as picture:
        with pytest.raises(CodestreamError, match="the connection was lost"):
            picture.read((100, 100, 140, 140))
        file.left = 1000  # the connection works again: the file need not be reopened
        right = j2klearn.decode(tiled, region=(100, 100, 140, 140))
        assert np.array_equal(picture.read((100, 100, 140, 140)), right)


def test_file_objects_that_cannot_be_read(tiled):
    with pytest.raises(CodestreamError, match="the connection was lost"):
        j2klearn.decode(FailingStream(tiled, 0, RuntimeError))
    closed = Recorder(tiled)
    closed.close()
    with pytest.raises(CodestreamError, match="cannot be read"):
        j2klearn.decode(closed)
    with pytest.raises(CodestreamError, match="open for reading bytes"):
        j2klearn.decode(io.StringIO("text"))


@pytest.mark.parametrize("more", [50_000, 1 << 40, 1 << 62])
def test_a_file_object_that_says_it_is_longer(tiled, more):
    with pytest.raises(CodestreamError, match="ends at byte"):
        j2klearn.decode(Lying(tiled, more))
    file = j2klearn.open(Lying(tiled, more))  # parts within the real size can be read
    assert np.array_equal(file[:32, :32], j2klearn.decode(tiled, region=(0, 0, 32, 32)))


def test_a_file_object_that_says_it_is_shorter(tiled):
    file = j2klearn.open(Lying(tiled, -len(tiled) // 2))
    with pytest.warns(TruncatedWarning):
        assert file.read((1150, 1300, 1200, 1400)).shape == (50, 100)
    for more in (-len(tiled), -2 * len(tiled)):
        with pytest.raises(CodestreamError):
            j2klearn.open(Lying(tiled, more))


def _tlm(data: bytes) -> int:
    return data.index(b"\xff\x55")


def test_tlm_that_contradicts_the_file_is_not_followed(tiled):
    region = (300, 300, 340, 340)
    right = j2klearn.decode(tiled, region=region)
    start = _tlm(tiled)
    (size,) = struct.unpack_from(">H", tiled, start + 2)
    for change in (b"\x00\x00\xff\xff", b"\x00\x00\x00\x01"):
        wrong = bytearray(tiled)
        wrong[start + 8 : start + 12] = change
        assert np.array_equal(j2klearn.decode(bytes(wrong), region=region), right)
    wrong = bytearray(tiled)
    entries = wrong[start + 6 : start + 2 + size]
    wrong[start + 6 : start + 2 + size] = entries[6:] + entries[:6]
    assert np.array_equal(j2klearn.decode(bytes(wrong), region=region), right)


def test_plt_that_contradicts_the_file_is_not_followed(tiled):
    region = (300, 300, 340, 340)
    right = j2klearn.decode(tiled, region=region)
    wrong = bytearray(tiled)
    at = 0
    while (at := wrong.find(b"\xff\x58\x00", at)) > 0:
        if wrong[at + 5] < 0x7F:
            wrong[at + 5] ^= 0x01
        at += 3
    assert np.array_equal(j2klearn.decode(bytes(wrong), region=region), right)


def test_plt_whose_wrong_lengths_add_up_is_not_followed(tiled):
    right = j2klearn.decode(tiled, layers=1)
    wrong = bytearray(tiled)
    at = 0
    while (at := wrong.find(b"\xff\x58\x00", at)) > 0:
        lengths = wrong[at + 5 : at + 2 + struct.unpack_from(">H", wrong, at + 2)[0]]
        if len(lengths) > 1 and max(lengths) < 0x80:
            wrong[at + 5 : at + 5 + len(lengths)] = lengths[::-1]
        at += 3
    assert wrong != tiled
    file = j2klearn.open(bytes(wrong))
    for _ in range(2):
        assert np.array_equal(file.read(layers=1), right)


@pytest.fixture(scope="module")
def pointers(tiled):
    """The offsets of all bytes in TLM and PLT marker segments after the marker."""
    start = _tlm(tiled)
    places = list(range(start + 2, start + 2 + struct.unpack_from(">H", tiled, start + 2)[0]))
    at = 0
    while (at := tiled.find(b"\xff\x58\x00", at)) > 0:
        places += range(at + 2, at + 2 + struct.unpack_from(">H", tiled, at + 2)[0])
        at += 3
    return places


@pytest.fixture(scope="module")
def piece(tiled):
    """A small region, decoded with one layer."""
    return j2klearn.decode(tiled, region=(300, 300, 340, 340), layers=1)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_tlm_and_plt_of_any_bytes(tiled, pointers, piece, data):
    """Decoding gives the correct samples or a typed error, never other samples."""
    region, places = (300, 300, 340, 340), pointers
    wrong = bytearray(tiled)
    for place in data.draw(st.lists(st.sampled_from(places), min_size=1, max_size=20)):
        wrong[place] = data.draw(st.integers(0, 255))
    with warnings.catch_warnings():
        warnings.simplefilter("error", TruncatedWarning)
        try:
            found = j2klearn.decode(bytes(wrong), region=region, layers=1)
        except (CodestreamError, TruncatedWarning):
            return
    assert np.array_equal(found, piece)


def test_regions_outside_the_picture(tiled):
    with j2klearn.open(tiled) as file:
        for region in ((1200, 0, 1300, 10), (-20, 0, -10, 10), (0, 1400, 10, 1500)):
            for read in (file.read, lambda region: j2klearn.decode(tiled, region=region)):
                with pytest.raises(OptionError, match="lies outside the picture"):
                    read(region)
        assert file.read((1190, 1390, 9999, 9999)).shape == (10, 10)
        for index in (np.s_[1200], np.s_[0, 1400], np.s_[:, :, 0]):
            with pytest.raises(IndexError):
                file[index]


def test_damage_is_an_error(tiled):
    wrong = bytearray(tiled)
    start = wrong.index(b"\xff\x90")
    wrong[start : start + 2] = b"\x00\x00"
    wrong[_tlm(tiled) : _tlm(tiled) + 2] = b"\xff\x64"
    with pytest.raises(CodestreamError):
        j2klearn.decode(bytes(wrong), region=(0, 0, 10, 10))


def test_truncated(tiled):
    region = (1150, 1300, 1200, 1400)
    right = j2klearn.decode(tiled, region=region).astype(int)
    for share in (0.95, 0.6, 0.2):
        with pytest.warns(TruncatedWarning):
            got = j2klearn.decode(tiled[: int(share * len(tiled))], region=region)
        assert got.shape == right.shape
        assert np.abs(got - right).mean() < 60
    with warnings.catch_warnings():  # the missing bytes are not needed for this region
        warnings.simplefilter("error")
        assert j2klearn.decode(tiled[: int(0.95 * len(tiled))], region=(0, 0, 32, 32)).shape == (32, 32)


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 400)), min_size=1, max_size=60))
def test_merged_stretches(pairs):
    ranges = [(start, start + size) for start, size in pairs if size]
    stretches = merge(ranges)
    assert stretches == sorted(stretches)
    assert all(any(a <= start and end <= b for a, b in stretches) for start, end in ranges)
    data = bytes(i * 7 % 251 for i in range(6000))
    every = [(start, start + size) for start, size in pairs]
    assert open_source(data).read(every) == [data[start:end] for start, end in every]


def test_open(tmp_path, picture, tiled, wholes):
    path = tmp_path / "a.jp2"
    path.write_bytes(tiled)
    whole = wholes[0].astype(np.uint8)
    with j2klearn.open(path) as file:
        assert (file.shape, file.dtype, file.ndim, file.size) == (picture.shape, np.uint8, 2, picture.size)
        assert (len(file), file.levels, file.layers, file.tile_size, file.learned) == (
            1200,
            5,
            3,
            (128, 128),
            True,
        )
        assert "1200" in repr(file)
        assert np.array_equal(np.asarray(file), whole)
        assert np.abs(file[100:160, -90:].astype(int) - whole[100:160, -90:]).max() <= 1
        assert file[7].shape == (1400,)
        assert file[::4, ::4].shape == (300, 350)
        assert file[5:5, :].shape == (0, 1400)
        out = np.zeros_like(whole)
        file.copy_to(out)
        assert np.abs(out.astype(int) - whole).max() <= 1
        half = np.zeros((600, 700), np.uint8)
        file.copy_to(half, reduce=1)
        assert np.abs(half.astype(int) - wholes[1]).max() <= 1
        with pytest.raises(OptionError, match="shape"):
            file.copy_to(np.zeros((3, 3), np.uint8))
    with pytest.raises(CodestreamError, match="cannot read"):
        j2klearn.open(tmp_path / "none.jp2")


def test_blocks_cover_the_picture(tiled, wholes):
    file = j2klearn.open(tiled)
    out = np.zeros((600, 700), np.uint8)
    file.copy_to(out, reduce=1, block=(200, 300))
    assert np.abs(out.astype(int) - wholes[1]).max() <= 1


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, struct.pack(">I", 97)),  # height
        (0, struct.pack(">II", 80, 96)),
        (4, bytes(4)),  # width
        (4, b"\xff" * 4),
        (8, bytes(2)),  # number of components
        (8, b"\xff\xff"),
    ],
)
@pytest.mark.parametrize("tile_size", [None, 32])
def test_an_image_header_that_contradicts_the_codestream(picture, tmp_path, place, value, tile_size):
    """The codestream says what the picture is, for the whole picture as for its parts."""
    small = picture[200:296, 200:280]
    file = bytearray(j2klearn.encode(small, lossless=True, model=None, tile_size=tile_size))
    at = file.index(b"ihdr") + 4 + place
    file[at : at + len(value)] = value
    file = bytes(file)
    path = tmp_path / "a.jp2"
    path.write_bytes(file)
    facts = j2klearn.info(file)
    assert (facts.height, facts.width, facts.components) == (96, 80, 1)
    assert np.array_equal(j2klearn.decode(file), small)
    assert np.array_equal(j2klearn.decode(file, components=[0]), small)
    assert np.array_equal(j2klearn.decode(file, region=(10, 20, 40, 60)), small[10:40, 20:60])
    assert j2klearn.decode(file, reduce=1).shape == (48, 40)
    assert np.array_equal(j2klearn.open(file)[:], small)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The IHDR dimensions")  # glymur's own remark
        for source in (file, path):
            assert np.array_equal(j2klearn.Jp2kr(source)[:], small)


def test_parts_of_a_picture_far_from_the_first_tile(picture):
    """The tiles begin at the origin of the reference grid, and the way to the picture must not be walked."""
    small = picture[200:240, 200:248]
    file = j2klearn.encode(small, lossless=True, model=None, offset=(2**30, 2**30 + 7))
    with j2klearn.open(file) as far:
        assert np.array_equal(np.concatenate(list(far.bands(rows=8))), small)
        out = np.zeros_like(small)
        far.copy_to(out, block=(8, 8))
        assert np.array_equal(out, small)


@pytest.mark.parametrize("options", [{"lossless": True, "model": None}, {"ratio": 4, "fallback": False}])
def test_pictures_beyond_what_openjpeg_counts(picture, options):
    """Valid files, and no option of the caller is wrong."""
    file = bytearray(j2klearn.encode(picture[200:240, 200:248], jp2=False, tile_size=64, **options))
    at = file.index(b"\xff\x51") + 6
    end = 2**31 + 64
    struct.pack_into(">8I", file, at, end + 48, end + 40, end, end, 64, 64, end, end)
    file = bytes(file)
    assert j2klearn.info(file).width == 48
    for read in (
        lambda: j2klearn.decode(file),
        lambda: j2klearn.decode(file, reduce=1),
        lambda: j2klearn.decode(file, region=(0, 0, 9, 9)),
        lambda: j2klearn.open(file)[::2, ::2],
        lambda: j2klearn.Jp2kr(file)[:9, :9],
    ):
        with pytest.raises(CodestreamError):
            read()


def test_a_resolution_without_samples(picture):
    file = bytearray(j2klearn.encode(picture[:40, :48], lossless=True, model=None, jp2=False))
    struct.pack_into(">2I", file, file.index(b"\xff\x51") + 14, 47, 39)  # a single pixel is left
    file = bytes(file)
    with pytest.raises(OptionError, match=r"^nothing of the picture is left at reduce=2$"):
        j2klearn.decode(file, reduce=2)
    with pytest.raises(OptionError, match=r"^nothing of the picture lies in the region \(0, 0, 1, 1\) at"):
        j2klearn.decode(file, region=(0, 0, 1, 1), reduce=2)
