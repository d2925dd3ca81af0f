"""`Jp2k` and `Jp2kr` as replacements of glymur's classes."""

from __future__ import annotations

import gc
import inspect
import io
import itertools
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import glymur
import numpy as np
import pytest
from glymur.jp2box import InvalidJp2kError
from glymur.lib.openjp2 import OpenJPEGLibraryError
from numpy.typing import NDArray

import j2klearn
from j2klearn import Jp2k, Jp2kr
from j2klearn.core.geometry import ceil_div
from j2klearn.errors import J2KError, LimitError, OptionError, TruncatedWarning
from j2klearn.models.registry import DEFAULT_MODEL
from tests.support.judges import psnr
from tests.support.paths import CONFORMANCE


@pytest.fixture(scope="module")
def small(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(rgb[:121, :150])


def picture(kind: str, small: NDArray[np.uint8]) -> tuple[NDArray[Any], dict[str, Any]]:
    """Return a picture, and the keywords to write it with."""
    ramp = np.linspace(0, 255, small.shape[1]).astype(np.uint8)
    alpha = np.broadcast_to(ramp, small.shape[:2])
    match kind:
        case "grey":
            return small[:, :, 1], {}
        case "rgba":
            return np.dstack([small, alpha]), {}
        case "5 components":
            return np.dstack([small, small[:, :, 0] // 2, 255 - small[:, :, 1]]), {}
        case "12 bits":
            return small[:, :, 1].astype(np.uint16) << 4, {"bit_depth": 12}
        case "16 bits":
            return small.astype(np.uint16) * 257, {}
        case "16 bits signed":
            return ((small[:, :, 0].astype(np.int32) - 128) * 256).astype(np.int16), {}
        case "tiled":
            return small, {"tilesize": (64, 64)}
        case "offset":
            return small, {"grid_offset": (37, 21)}
    return small, {}


KINDS = ("grey", "rgb", "rgba", "5 components", "12 bits", "16 bits", "16 bits signed", "tiled", "offset")
REGIONS = ((0, 0, 40, 56), (17, 23, 90, 77), (81, 111, 121, 150), (60, 3, 61, 150))

#: Changes of bytes of the main header: offset and value. It holds SOC, SIZ for three components, and COD.
HEADER_DAMAGE = {
    "no COD": (52, b"\x55"),
    "no subsampling": (43, bytes(2)),
    "more tiles than there may be": (24, b"\x00\x00\x00\x01" * 2),
}


def opened(kind: type, path: Path) -> tuple[tuple[int, ...] | None, list[str]]:
    """Open a file; return its shape, or None after an error, and the warnings."""
    refusal = J2KError if kind is Jp2k else Exception
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            shape = kind(path).shape
        except refusal:
            shape = None
    return shape, [str(warning.message) for warning in caught] if shape else []


class TestMatrix:
    """One file serves every resolution, quality and region, whatever the picture."""

    @pytest.mark.parametrize("kind", KINDS)
    def test_pieces_are_those_of_the_whole(self, kind: str, small: NDArray[np.uint8]) -> None:
        image, keywords = picture(kind, small)
        j = Jp2k(io.BytesIO(), data=image, cratios=[40, 12, 4], transform="hybrid97-8p7-dq", **keywords)
        assert j.learned
        assert j.shape == image.shape
        grid_y, grid_x = keywords.get("grid_offset", (0, 0))
        grey_level = 1 << max(0, keywords.get("bit_depth", 8 * image.dtype.itemsize) - 8)
        for layer, reduce in itertools.product((0, 1, 2), range(6)):
            if layer and (layer + reduce) % 2 == 0:
                continue  # the other resolutions have the other layer
            j.layer = layer
            step = 1 << reduce
            whole = j[::step, ::step].astype(np.int64)
            top, left = ceil_div(grid_y, step), ceil_div(grid_x, step)
            assert whole.shape[:2] == (
                ceil_div(grid_y + image.shape[0], step) - top,
                ceil_div(grid_x + image.shape[1], step) - left,
            )
            for y0, x0, y1, x1 in REGIONS:
                rows = slice(ceil_div(grid_y + y0, step) - top, ceil_div(grid_y + y1, step) - top)
                columns = slice(ceil_div(grid_x + x0, step) - left, ceil_div(grid_x + x1, step) - left)
                expected = whole[rows, columns]
                if not expected.size:
                    with pytest.raises(OpenJPEGLibraryError):
                        j[y0:y1:step, x0:x1:step]
                    continue
                part = j[y0:y1:step, x0:x1:step]
                assert part.dtype == image.dtype
                assert part.shape == expected.shape
                assert np.abs(part - expected).max() <= grey_level, (layer, reduce, (y0, x0, y1, x1))

    @pytest.mark.parametrize("kind", KINDS)
    def test_quality_rises_with_layers(self, kind: str, small: NDArray[np.uint8]) -> None:
        image, keywords = picture(kind, small)
        j = Jp2k(io.BytesIO(), data=image, cratios=[40, 12, 4], **keywords)
        peak = 2.0 ** keywords.get("bit_depth", 8 * image.dtype.itemsize) - 1
        values = []
        for j.layer in (1, 2, 0):
            values.append(psnr(image, j[:], peak))
        assert values == sorted(values)
        assert values[-1] > 30


class TestDropIn:
    def test_classes_are_instances_of_glymurs(self) -> None:
        assert issubclass(Jp2k, glymur.Jp2k)
        assert issubclass(Jp2k, Jp2kr)
        assert issubclass(Jp2kr, glymur.Jp2kr)

    def test_arguments_are_glymurs_in_its_order(self) -> None:
        ours = list(inspect.signature(Jp2k).parameters.items())
        theirs = list(inspect.signature(glymur.Jp2k).parameters.items())
        assert ours[: len(theirs)] == theirs
        assert all(parameter.kind is parameter.KEYWORD_ONLY for _, parameter in ours[len(theirs) :])

    def test_glymur_has_the_seams(self) -> None:
        """glymur has every method that we override: after a renaming, our code would not be called."""
        for name in (
            "_read",
            "_read_openjp2",
            "_populate_dparams",
            "_parse",
            "_validate",
            "_initialize_shape",
        ):
            assert callable(getattr(glymur.Jp2kr, name))
        for name in (
            "_write",
            "_write_openjp2",
            "_populate_cparams",
            "_populate_comptparms",
            "_determine_colorspace",
            "_validate_image_datatype",
            "_write_wrapped_codestream",
            "_get_default_jp2_boxes",
            "_validate_jp2_box_sequence",
        ):
            assert callable(getattr(glymur.Jp2k, name))

    @pytest.mark.parametrize(
        "keywords", [{}, {"cratios": [20, 5]}, {"psnr": [30, 40]}, {"irreversible": True}]
    )
    def test_classic_files_are_glymurs_byte_for_byte(
        self, tmp_path: Path, small: NDArray[np.uint8], keywords: dict[str, Any]
    ) -> None:
        transform = "9-7" if "irreversible" in keywords else "5-3"
        ours, theirs = tmp_path / "ours.jp2", tmp_path / "theirs.jp2"
        Jp2k(ours, data=small, transform=transform, **keywords)
        glymur.Jp2k(theirs, data=small, **keywords)
        assert ours.read_bytes() == theirs.read_bytes()

    @pytest.mark.parametrize("keywords", [{}, {"cratios": [20, 5, 1]}, {"psnr": [30, 40, 0]}])
    def test_without_a_rate_files_are_lossless(
        self, small: NDArray[np.uint8], keywords: dict[str, Any]
    ) -> None:
        j = Jp2k(io.BytesIO(), data=small, **keywords)
        assert not j.learned
        assert np.array_equal(j[:], small)

    def test_lossy_files_are_learned_and_better(self, tmp_path: Path, rgb: NDArray[np.uint8]) -> None:
        learned = Jp2k(tmp_path / "learned.jp2", data=rgb, cratios=[24])
        classic = Jp2k(tmp_path / "classic.jp2", data=rgb, cratios=[24], transform="9-7")
        assert learned.learned
        assert not classic.learned
        assert learned.path.stat().st_size <= rgb.size / 24
        assert psnr(rgb, learned[:]) > psnr(rgb, classic[:])
        # and glymur reads an approximation of it
        assert psnr(rgb, glymur.Jp2k(learned.filename)[:]) > 22

    def test_psnr_is_that_of_the_picture_read_back(self, rgb: NDArray[np.uint8]) -> None:
        j = Jp2k(io.BytesIO(), data=rgb, psnr=[32, 38])
        assert psnr(rgb, j[:]) == pytest.approx(38, abs=0.3)
        j.layer = 1
        assert psnr(rgb, j[:]) == pytest.approx(32, abs=0.3)

    @pytest.mark.parametrize(
        "keywords",
        [
            {"transform": DEFAULT_MODEL},
            {"transform": DEFAULT_MODEL, "irreversible": True},
            {"transform": DEFAULT_MODEL, "cratios": [10, 1]},
            {"transform": DEFAULT_MODEL, "cratios": [10], "subsam": (2, 2)},
            {"transform": "no such model", "cratios": [10]},
            {"transform": "5-3", "irreversible": True},
            {"device": "abacus"},
            {"cratios": [10, 20]},
            {"numres": 20},
            {"bit_depth": 9},
            {"alpha": True},
        ],
    )
    def test_contradictions(self, small: NDArray[np.uint8], keywords: dict[str, Any]) -> None:
        with pytest.raises((InvalidJp2kError, OpenJPEGLibraryError)) as caught:
            Jp2k(io.BytesIO(), data=small, **keywords)
        assert isinstance(caught.value, J2KError)
        assert "\n" not in str(caught.value)

    def test_a_model_of_ones_own(self, tmp_path: Path, small: NDArray[np.uint8]) -> None:
        from j2klearn.models.registry import shipped

        path = tmp_path / "private.safetensors"
        path.write_bytes(shipped()[DEFAULT_MODEL].to_bytes())
        plain = Jp2k(tmp_path / "a.jp2", data=small, cratios=[20], transform=path)
        carrying = Jp2k(tmp_path / "b.jp2", data=small, cratios=[20], transform=str(path), embed_model=True)
        assert j2klearn.info(carrying.path).model_embedded
        assert np.array_equal(plain[:], Jp2kr(plain.path, transform=path)[:])
        assert carrying.learned

    def test_channels_are_marked(self, small: NDArray[np.uint8]) -> None:
        for transform, (kind, types) in itertools.product(
            (None, "9-7"), {"rgba": (0, 0, 0, 1), "5 components": (0, 0, 0, 65535, 65535)}.items()
        ):
            image, _ = picture(kind, small)
            j = Jp2k(io.BytesIO(), data=image, cratios=[10], transform=transform)
            definition = next(box for box in j.box[2].box if box.box_id == "cdef")
            assert definition.channel_type == types

    @pytest.mark.parametrize("transform", [None, "5-3"])
    @pytest.mark.parametrize("depth", [1, 4, 8, 10, 12, 16])
    @pytest.mark.parametrize("signed", [False, True])
    def test_bit_depths(
        self, small: NDArray[np.uint8], transform: str | None, depth: int, signed: bool
    ) -> None:
        dtype = np.dtype(("i" if signed else "u") + ("1" if depth <= 8 else "2"))
        offset = 1 << (depth - 1) if signed else 0
        image = ((small[:64, :80].astype(np.int64) * ((1 << depth) - 1)) // 255 - offset).astype(dtype)
        lossless = Jp2k(io.BytesIO(), data=image, bit_depth=depth, transform=transform)
        assert lossless.dtype == dtype
        assert np.array_equal(lossless[:], image)
        if transform is None:
            lossy = Jp2k(io.BytesIO(), data=image, bit_depth=depth, cratios=[3], transform=DEFAULT_MODEL)
            siz = lossy.codestream.segment[1]
            assert lossy.learned
            assert set(siz.bitdepth) == {depth}
            assert set(siz.signed) == {signed}
            assert psnr(image, lossy[:], 2.0**depth - 1) > (28 if depth > 1 else 8)


class TestFileObjects:
    @pytest.mark.parametrize("keywords", [{}, {"cratios": [10]}])
    def test_write_and_read(self, small: NDArray[np.uint8], keywords: dict[str, Any]) -> None:
        stream = io.BytesIO()
        written = Jp2k(stream, data=small, **keywords)
        data = stream.getvalue()
        assert data[4:8] == b"jP  "
        expected = written[:]
        for source in (stream, data, bytearray(data), memoryview(data)):
            with Jp2kr(source) as j:
                assert np.array_equal(j[:], expected)
                assert np.array_equal(np.asarray(j), expected)
                assert len(j) == 121

    def test_the_name_says_the_format(self, small: NDArray[np.uint8]) -> None:
        stream = io.BytesIO()
        stream.name = "picture.j2k"
        Jp2k(stream, data=small, cratios=[10])
        assert stream.getvalue()[:4] == b"\xff\x4f\xff\x51"

    def test_append_and_resolution_reach_the_stream(self, small: NDArray[np.uint8]) -> None:
        stream = io.BytesIO()
        j = Jp2k(stream, data=small, cratios=[10], capture_resolution=(2, 3))
        j.append(glymur.jp2box.XMLBox(xml=_xml()))
        boxes = Jp2kr(stream.getvalue()).box
        assert [box.box_id for box in boxes] == ["jP  ", "ftyp", "jp2h", "jp2c", "xml "]
        assert boxes[2].box[-1].box[0].vertical_resolution == 2

    def test_bytes_are_not_written_to(self, small: NDArray[np.uint8]) -> None:
        with pytest.raises(InvalidJp2kError):
            Jp2k(b"", data=small)

    def test_a_stream_that_fails(self, small: NDArray[np.uint8]) -> None:
        class Failing(io.BytesIO):
            def read(self, *_: Any) -> bytes:
                raise OSError("gone")

            def write(self, _: Any) -> int:
                raise OSError("full")

        with pytest.raises(OpenJPEGLibraryError, match="gone"):
            Jp2kr(Failing(b"x"))
        with pytest.raises(InvalidJp2kError, match="full"):
            Jp2k(Failing(), data=small)

    def test_text_is_refused(self) -> None:
        with pytest.raises(OpenJPEGLibraryError):
            Jp2kr(io.StringIO("text"))


def _xml() -> Any:
    from lxml import etree

    return etree.ElementTree(etree.fromstring(b"<a><b/></a>"))


class TestWriting:
    def test_an_empty_file_is_written_to(self, tmp_path: Path, small: NDArray[np.uint8]) -> None:
        path = tmp_path / "new.jp2"
        path.touch()
        assert np.array_equal(Jp2k(path, data=small)[:], small)

    @pytest.mark.parametrize("shape", [(1, 1), (1, 7), (3, 3), (5, 2, 3), (2, 9, 4), (33, 1)])
    @pytest.mark.parametrize("keywords", [{}, {"cratios": [2]}, {"cratios": [2], "transform": "9-7"}])
    def test_small_pictures(self, shape: tuple[int, ...], keywords: dict[str, Any]) -> None:
        image = np.random.default_rng(3).integers(0, 256, shape).astype(np.uint8)
        j = Jp2k(io.BytesIO(), data=image, **keywords)
        assert j[:].shape == shape
        if not keywords:
            assert np.array_equal(j[:], image)

    def test_the_promised_shape_is_held(self, tmp_path: Path, small: NDArray[np.uint8]) -> None:
        j = Jp2k(tmp_path / "a.jp2", shape=(10, 10))
        with pytest.raises(InvalidJp2kError):
            j[:] = small
        assert list(tmp_path.iterdir()) == []

    def test_a_failed_write_leaves_what_was_there(
        self, tmp_path: Path, small: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "a.jp2"
        Jp2k(path, data=small)
        before = path.read_bytes()

        def interrupted(*_: Any) -> None:
            raise KeyboardInterrupt

        for name in ("_write_to", "_define_channels"):
            with monkeypatch.context() as patch:
                patch.setattr(Jp2k, name, interrupted)
                with pytest.raises(KeyboardInterrupt):
                    Jp2k(path, data=small, transform="9-7")
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]
        with pytest.raises(OpenJPEGLibraryError):
            Jp2k(tmp_path / "no such folder" / "a.jp2", data=small)

    def test_a_failed_append_leaves_what_was_there(
        self, tmp_path: Path, small: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        j = Jp2k(tmp_path / "a.jp2", data=small)
        before = j.path.read_bytes()
        box = glymur.jp2box.XMLBox(xml=_xml())

        def cut(stream: Any) -> None:
            stream.write(b"half a box")
            raise OSError("disk full")

        monkeypatch.setattr(box, "write", cut)
        with pytest.raises(OSError, match="disk full"):
            j.append(box)
        assert j.path.read_bytes() == before

    def test_the_pixel_limit(self, small: NDArray[np.uint8]) -> None:
        stream = io.BytesIO()
        Jp2k(stream, data=small, cratios=[10])
        j = Jp2kr(stream, max_pixels=1000)
        with pytest.raises(LimitError):
            j[:]
        assert j[:30, :30].shape == (30, 30, 3)
        assert j[::8, ::8].shape == (16, 19, 3)
        j.max_pixels = None
        assert j[:].shape == small.shape
        with pytest.raises(LimitError):
            Jp2k(io.BytesIO(), data=small, cratios=[10], max_pixels=1000)


class TestTileWriters:
    @pytest.mark.parametrize("keywords", [{}, {"cratios": [8]}, {"cratios": [8], "transform": "5-3"}])
    @pytest.mark.parametrize("shape", [(120, 150, 3), (120, 150)])
    def test_tiles_make_the_picture(
        self, small: NDArray[np.uint8], keywords: dict[str, Any], shape: tuple[int, ...]
    ) -> None:
        image = small[:120, :150].reshape(120, 150, 3)
        image = image if len(shape) == 3 else image[:, :, 0]
        tiles = [image[y : y + 60, x : x + 64] for y in (0, 60) for x in (0, 64, 128)]
        by_tiles, at_once = io.BytesIO(), io.BytesIO()
        j = Jp2k(by_tiles, shape=shape, tilesize=(60, 64), numres=4, **keywords)
        for writer, tile in zip(j.get_tilewriters(), tiles, strict=True):
            writer[:] = tile
        Jp2k(at_once, data=image, tilesize=(60, 64), numres=4, **keywords)
        assert np.array_equal(Jp2kr(by_tiles)[:], Jp2kr(at_once)[:])

    def test_one_tile(self, small: NDArray[np.uint8]) -> None:
        stream = io.BytesIO()
        j = Jp2k(stream, shape=small.shape, tilesize=small.shape[:2])
        for writer in j.get_tilewriters():
            writer[:] = small
        assert np.array_equal(Jp2kr(stream)[:], small)
        with pytest.raises(RuntimeError):  # glymur writes it, with its own limit
            Jp2k(io.BytesIO(), shape=small.shape, tilesize=small.shape[:2], transform="5-3").get_tilewriters()

    @pytest.mark.parametrize("keywords", [{}, {"cratios": [8]}])
    def test_tlm_and_plt(self, small: NDArray[np.uint8], keywords: dict[str, Any]) -> None:
        j = Jp2k(io.BytesIO(), shape=(128, 128), tilesize=(64, 64), tlm=True, plt=True, numres=3, **keywords)
        for writer in j.get_tilewriters():
            writer[:] = small[:64, :64, 0]
        names = [segment.marker_id for segment in j.get_codestream(header_only=False).segment]
        assert "TLM" in names
        assert "PLT" in names
        assert np.array_equal(j[64:, 64:], j[:64, :64]) or keywords

    def test_breaking_off_leaves_no_file(self, tmp_path: Path, small: NDArray[np.uint8]) -> None:
        j = Jp2k(tmp_path / "a.jp2", shape=(128, 128), tilesize=(64, 64), numres=3)
        writers = j.get_tilewriters()
        for writer in writers:
            writer[:] = small[:64, :64, 0]
            break
        del writers, writer
        assert list(tmp_path.iterdir()) == []

    def test_wrong_tiles(self, small: NDArray[np.uint8]) -> None:
        for keywords in ({}, {"cratios": [8]}):
            j = Jp2k(io.BytesIO(), shape=(128, 128), tilesize=(64, 64), numres=3, **keywords)
            for writer in j.get_tilewriters():
                with pytest.raises(OpenJPEGLibraryError):
                    writer[:] = small[:64, :60, 0]
                with pytest.raises(RuntimeError):
                    writer[:32] = small[:64, :64, 0]
                break
        with pytest.raises(InvalidJp2kError):
            Jp2k(io.BytesIO(), shape=(128, 128)).get_tilewriters()

    def test_bit_depth(self, small: NDArray[np.uint8]) -> None:
        for dtype, depth in ((np.uint16, 12), (np.int16, 16), (np.uint16, 6)):
            tile = (small[:64, :64, 0] >> 2).astype(dtype)
            j = Jp2k(io.BytesIO(), shape=(128, 128), tilesize=(64, 64), numres=3, bit_depth=depth)
            for writer in j.get_tilewriters():
                writer[:] = tile
            assert np.array_equal(j[64:, :64], tile)
            assert j.codestream.segment[1].bitdepth[0] == depth


class TestReading:
    def test_components_alone(self, small: NDArray[np.uint8]) -> None:
        image, _ = picture("5 components", small)
        j = Jp2k(io.BytesIO(), data=image, cratios=[8], mct=False)
        whole = j[:]
        for chosen in (3, [4, 0], np.int64(1)):
            j.decoded_components = chosen
            assert np.array_equal(j[:], whole[:, :, chosen])
            assert np.array_equal(j[5:20, 7:9], whole[5:20, 7:9, chosen])
        for chosen in (5, -1, [0, 0]):
            with pytest.raises(OptionError):
                j.decoded_components = chosen

    def test_luma_alone(self, small: NDArray[np.uint8]) -> None:
        j = Jp2k(io.BytesIO(), data=small, cratios=[8], transform=DEFAULT_MODEL)
        luma = j[:] @ np.array([0.299, 0.587, 0.114])
        j.decoded_components = 0
        assert np.abs(j[:] - luma).max() < 4

    def test_a_tile(self, small: NDArray[np.uint8]) -> None:
        for keywords in ({"cratios": [8]}, {}):
            j = Jp2k(io.BytesIO(), data=small, tilesize=(64, 64), **keywords)
            assert np.abs(j._read(tile=4).astype(int) - j[64:, 64:128]).max() <= 1
            assert j.read_bands(tile=2).shape == (64, 22, 3)

    def test_a_file_that_changes_is_read_anew(self, tmp_path: Path, small: NDArray[np.uint8]) -> None:
        j = Jp2k(tmp_path / "a.jp2", data=small, cratios=[8])
        first = j[:]
        Jp2k(tmp_path / "a.jp2", data=255 - small, cratios=[8])
        assert np.abs(j[:].astype(int) + first - 255).mean() < 8

    def test_truncated_files_are_read_with_a_warning(self, small: NDArray[np.uint8]) -> None:
        for keywords in ({"cratios": [8]}, {}):
            stream = io.BytesIO()
            Jp2k(stream, data=small, **keywords)
            with pytest.warns(UserWarning, match="exceeds the length of the file"):
                j = Jp2kr(stream.getvalue()[:-1000])
            with pytest.warns(TruncatedWarning):
                assert psnr(small, j[:]) > 15

    @pytest.mark.filterwarnings("ignore")
    def test_damaged_files(self, small: NDArray[np.uint8]) -> None:
        stream = io.BytesIO()
        Jp2k(stream, data=small, cratios=[20])
        data = stream.getvalue()
        rng = np.random.default_rng(5)
        outcomes = set()
        for _ in range(150):
            damaged = bytearray(data)
            for _ in range(int(rng.integers(1, 4))):
                damaged[int(rng.integers(0, 250))] = int(rng.integers(0, 256))
            try:
                Jp2kr(bytes(damaged))[:]
                outcomes.add("read")
            except (J2KError, InvalidJp2kError, OpenJPEGLibraryError) as error:
                outcomes.add(type(error).__name__)
        assert len(outcomes) > 2
        for size in (0, 1, 2, 11, 12, 40, 90, 130):
            with pytest.raises((InvalidJp2kError, OpenJPEGLibraryError)):
                Jp2kr(data[:size])[:]

    @pytest.mark.parametrize("suffix", [".jp2", ".j2k"])
    def test_damaged_files_open_as_with_glymur(
        self, tmp_path: Path, small: NDArray[np.uint8], suffix: str
    ) -> None:
        """The same files open, with the same shape and warnings; our classes raise only `J2KError`.

        Where the image header box contradicts the codestream, both warn of it, and our shape is that of the codestream.
        """
        source, damaged = tmp_path / f"source{suffix}", tmp_path / f"damaged{suffix}"
        Jp2k(source, data=small, transform="9-7", cratios=[20])
        data, rng = source.read_bytes(), np.random.default_rng(6)
        codestream = data.index(b"\xff\x4f\xff\x51")
        last = data.index(b"\xff\x90")
        outcomes = []
        for _ in range(100):
            changed = bytearray(data)
            for _ in range(int(rng.integers(1, 4))):
                changed[int(rng.integers(0, last))] = int(rng.integers(0, 256))
            if changed[codestream + 16 : codestream + 24] != bytes(8):
                continue  # glymur's shapes ignore the origin
            damaged.write_bytes(changed)
            theirs, ours = opened(glymur.Jp2k, damaged), opened(Jp2k, damaged)
            if any("IHDR dimensions" in text for text in ours[1]):
                ours, theirs = (ours[0] is not None, ours[1]), (theirs[0] is not None, theirs[1])
            assert ours == theirs
            outcomes.append(ours[0] is not None)
        assert 8 < sum(outcomes) < len(outcomes) - 8

    @pytest.mark.filterwarnings("ignore")
    @pytest.mark.parametrize("damage", HEADER_DAMAGE)
    def test_a_damaged_main_header_is_found_by_slices(
        self, tmp_path: Path, rgb: NDArray[np.uint8], damage: str
    ) -> None:
        path = tmp_path / "a.jp2"
        Jp2k(path, data=rgb)
        at, values = HEADER_DAMAGE[damage]
        data = bytearray(path.read_bytes())
        start = data.index(b"\xff\x4f\xff\x51")
        data[start + at : start + at + len(values)] = values
        path.write_bytes(data)
        j = Jp2k(path)
        assert j.shape == glymur.Jp2k(path).shape == rgb.shape
        for index in (slice(None), (slice(0, 10), slice(0, 10)), (slice(None, None, -1),) * 2):
            with pytest.raises((OpenJPEGLibraryError, LimitError)) as caught:
                j[index]
            assert isinstance(caught.value, J2KError)

    @pytest.mark.filterwarnings("ignore")
    def test_the_preview_of_a_damaged_neural_file_is_not_the_picture(
        self, tmp_path: Path, small: NDArray[np.uint8]
    ) -> None:
        data = bytearray(j2klearn.encode(small[:24, :32], profile="neural", quality=30))
        start = data.index(b"\xff\x4f\xff\x51")
        data[data.index(b"\xff\x52", start) + 1] = 0x55  # removes COD
        with pytest.raises(OpenJPEGLibraryError, match="main header"):
            Jp2kr(bytes(data))

    def test_an_origin_beyond_the_picture(self, tmp_path: Path, small: NDArray[np.uint8]) -> None:
        path = tmp_path / "a.j2k"
        Jp2k(path, data=small)
        data = bytearray(path.read_bytes())
        data[16:20] = b"\x00\x01\x00\x00"  # XOsiz
        path.write_bytes(data)
        j = Jp2kr(path)
        assert j.shape == small.shape
        for index in (slice(None), slice(0, 0)):
            with pytest.raises(OpenJPEGLibraryError) as caught:
                j[index]
            assert isinstance(caught.value, J2KError)

    @pytest.mark.filterwarnings("ignore")
    def test_errors_that_are_kept_can_be_collected(self, tmp_path: Path, small: NDArray[np.uint8]) -> None:
        """An exception in a cycle with its frames references the mapping, and the garbage collector frees it."""
        j = Jp2k(tmp_path / "a.j2k", data=small)
        data = bytearray(j.path.read_bytes())
        data[data.index(b"\xff\x52") + 6 : data.index(b"\xff\x52") + 8] = b"\x00\x00"  # no layers
        j.path.write_bytes(data)
        for _ in range(2):
            with pytest.raises(OpenJPEGLibraryError) as caught:
                j[:]
            caught.value.itself = caught.value  # type: ignore[attr-defined]
            del caught
            gc.collect()

    def test_no_such_file(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            Jp2kr(tmp_path / "none.jp2")

    @pytest.mark.skipif(not CONFORMANCE.is_dir(), reason="the conformance streams are not beside the project")
    def test_conformance_streams_decode_as_with_openjpeg(self) -> None:
        paths = [path for path in sorted(CONFORMANCE.iterdir()) if path.suffix in (".j2k", ".j2c", ".jp2")]
        compared = 0
        for path in paths:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ours, theirs = (_outcome(reader, path) for reader in (Jp2kr, glymur.Jp2kr))
            if isinstance(theirs, list):
                assert isinstance(ours, list), path
                assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True)), path
                compared += 1
        assert compared > 40


def _outcome(reader: Any, path: Path) -> Any:
    try:
        bands = reader(path).read_bands()
    except (J2KError, RuntimeError, OSError, ValueError) as error:
        return error
    return bands if isinstance(bands, list) else [bands]


class TestThreads:
    def test_slices_from_eight_threads_are_the_serial_ones(self, small: NDArray[np.uint8]) -> None:
        rng = np.random.default_rng(7)
        corners = rng.integers(0, 40, (200, 2))
        indices = [np.s_[y : y + 8 : 1 << (y % 3), x : x + 9 : 1 << (y % 3)] for y, x in corners]
        for keywords in ({"cratios": [10]}, {}):
            j = Jp2k(io.BytesIO(), data=small[:50, :50, 0], numres=3, **keywords)
            serial = [j[index] for index in indices]
            with ThreadPoolExecutor(8) as pool:
                runs = list(pool.map(lambda _: [j[index] for index in indices], range(8)))  # noqa: B023
            for run in runs:
                assert all(np.array_equal(a, b) for a, b in zip(run, serial, strict=True))


class TestMemory:
    def test_a_thousand_opens_and_decodes(self, tmp_path: Path, small: NDArray[np.uint8]) -> None:
        Jp2k(tmp_path / "learned.jp2", data=small[:32, :32], cratios=[4])
        Jp2k(tmp_path / "ordinary.jp2", data=small[:32, :32])
        script = f"""
import gc, pathlib, j2klearn, torch
torch.set_num_threads(1)
paths = [pathlib.Path({str(tmp_path)!r}) / name for name in ("learned.jp2", "ordinary.jp2")]
data = [path.read_bytes() for path in paths]

def resident():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * 4096

def rounds(count):
    for _ in range(count):
        for source in (*paths, *data):
            j2klearn.Jp2k(source)[:]

rounds(40)
before = resident()
rounds(150)
print(resident() - before)
"""
        run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert int(run.stdout) < 1 << 20


class TestBoxes:
    def test_boxes_pass_byte_for_byte(self, tmp_path: Path, small: NDArray[np.uint8]) -> None:
        j = Jp2k(tmp_path / "a.jp2", data=small, cratios=[10])
        path = tmp_path / "b.jp2"
        data = j.path.read_bytes()
        extra = [
            _box(b"xml ", b'<?xml version="1.0"  encoding="UTF-8"?>\n<a  b = "c">\n</a >\n'),
            _box(b"uuid", bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03") + _geotiff()),
            _box(b"uuid", bytes(range(16)) + b"whatever"),
            _box(
                b"asoc",
                _box(b"lbl ", b"gml.data") + _box(b"asoc", _box(b"lbl ", b"gml.root-instance") + _gml()),
            ),
        ]
        ftyp = _box(b"ftyp", b"jp2 \x00\x00\x00\x00jp2 jpxb")
        header = data[40:-1]
        at = header.index(b"jp2c") - 4
        inner = header[:at] + _box(b"res ", _box(b"resc", bytes([0, 3, 0, 1, 0, 7, 0, 2, 1, 1])))
        jp2h = _box(b"jp2h", inner)
        original = data[:12] + ftyp + jp2h + b"".join(extra) + data[40 + at :]
        path.write_bytes(original)
        first = Jp2k(path)
        second = first.wrap(tmp_path / "c.jp2", boxes=first.box)
        assert second.path.read_bytes() == original
        stream = io.BytesIO()
        second.wrap(stream, boxes=second.box)
        assert stream.getvalue() == original
        assert np.array_equal(second[:], j[:])
        # appending keeps the other boxes, and a changed box is written with its changes
        second.append(glymur.jp2box.XMLBox(xml=_xml()))
        assert second.path.read_bytes()[: len(original)] == original
        second.box[2].box[1].colorspace = glymur.core.GREYSCALE
        changed = second.wrap(tmp_path / "d.jp2", boxes=second.box).path.read_bytes()
        assert changed[: len(original)] != original
        assert all(box in changed for box in extra)

    def test_palettes_pass(self, tmp_path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            j = Jp2k(glymur.data.jpxfile())
            again = j.wrap(tmp_path / "a.jpx", boxes=j.box)
            assert again.path.read_bytes() == j.path.read_bytes()
            assert np.array_equal(again[:64, :64], j[:64, :64])

    def test_wrapping_a_codestream(self, tmp_path: Path, small: NDArray[np.uint8]) -> None:
        image = small.astype(np.uint16) << 4
        j = Jp2k(tmp_path / "a.j2k", data=image, cratios=[10], grid_offset=(7, 9), bit_depth=12)
        wrapped = j.wrap(tmp_path / "a.jp2")
        ihdr = wrapped.box[2].box[0]
        assert (ihdr.height, ihdr.width, ihdr.bits_per_component) == (121, 150, 12)
        assert np.array_equal(wrapped[:], j[:])

    def test_a_new_channel_definition_takes_the_place_of_ours(
        self, tmp_path: Path, small: NDArray[np.uint8]
    ) -> None:
        image, _ = picture("rgba", small)
        j = Jp2k(tmp_path / "a.jp2", data=image, cratios=[10])
        new = glymur.jp2box.ChannelDefinitionBox(channel_type=(0, 0, 0, 2), association=(1, 2, 3, 0))
        j.box[2].box.append(new)
        wrapped = j.wrap(tmp_path / "b.jp2", boxes=j.box)
        definitions = [box.channel_type for box in wrapped.box[2].box if box.box_id == "cdef"]
        assert definitions == [(0, 0, 0, 2)]

    def test_a_failed_wrap_leaves_no_file(self, tmp_path: Path, small: NDArray[np.uint8]) -> None:
        j = Jp2k(tmp_path / "a.jp2", data=small)
        bad = glymur.jp2box.XMLBox(xml="no tree")
        with pytest.raises(AttributeError):
            j.wrap(tmp_path / "b.jp2", boxes=[*j.box, bad])
        assert list(tmp_path.iterdir()) == [j.path]


def _box(kind: bytes, content: bytes) -> bytes:
    return (len(content) + 8).to_bytes(4, "big") + kind + content


def _gml() -> bytes:
    return _box(b"xml ", b"<gml:FeatureCollection xmlns:gml='http://www.opengis.net/gml' />")


def _geotiff() -> bytes:
    import tifffile

    out = io.BytesIO()
    tifffile.imwrite(out, np.zeros((1, 1), np.uint8), extratags=[(33550, "d", 3, (10.0, 10.0, 0.0), True)])
    return out.getvalue()


def test_errors_are_one_tree() -> None:
    assert issubclass(OptionError, ValueError)
    from j2klearn.interop.glymur import errors

    for name in errors.__all__:
        kind = getattr(errors, name)
        if inspect.isclass(kind):
            assert issubclass(kind, J2KError)
