"""The Pillow plugin."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import glymur
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile

import j2klearn
from j2klearn.core.request import Decoded, ReadRequest
from j2klearn.ebcot.reader import read
from j2klearn.errors import CodestreamError, InputError, J2KError, OptionError, TruncatedWarning
from tests.support.judges import psnr

j2klearn.register_pillow()


def save(picture: Image.Image, **keywords: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, format="J2KL", **keywords)
    return out.getvalue()


def reopen(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.fixture(scope="module")
def picture(rgb: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(rgb)


@pytest.fixture(scope="module")
def data(picture: Image.Image) -> bytes:
    return save(picture, quality_layers=[40, 20, 10])


def test_learned_files_open_at_full_quality(data: bytes, rgb: NDArray[np.uint8]) -> None:
    opened = reopen(data)
    assert (opened.format, opened.mode, opened.size) == ("J2KL", "RGB", (383, 257))
    assert np.array_equal(np.asarray(opened), j2klearn.decode(data))
    assert psnr(rgb, np.asarray(opened)) > 32
    with Image.open(io.BytesIO(data), formats=["JPEG2000"]) as plain:
        assert psnr(rgb, np.asarray(plain)) < psnr(rgb, np.asarray(opened)) - 3


@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_ordinary_files_go_to_pillows_own_plugin(first: str, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "learned.jp2").write_bytes(data)
    order = ["j2klearn.register_pillow()", "Image.init()"]
    script = "\n".join(
        [
            "import j2klearn",
            "from PIL import Image",
            *(order if first == "ours" else reversed(order)),
            "j2klearn.register_pillow()",
            f"print(Image.open({str(glymur.data.nemo())!r}).format)",
            f"print(Image.open({str(glymur.data.goodstuff())!r}).format)",
            f"print(Image.open({str(tmp_path / 'learned.jp2')!r}).format)",
        ]
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["JPEG2000", "JPEG2000", "J2KL"]


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16", "1", "P", "YCbCr"])
def test_modes(mode: str, picture: Image.Image, rgb: NDArray[np.uint8]) -> None:
    deep = rgb[:, :, 0].astype(np.uint16) * 257
    original = Image.fromarray(deep) if mode == "I;16" else picture.convert(mode)
    opened = reopen(save(original, quality_layers=[4]))
    expected = {"1": "L", "P": "RGB", "YCbCr": "RGB"}.get(mode, mode)
    assert opened.mode == expected
    opened.load()
    assert opened.mode == expected
    reference = np.asarray(original.convert(expected) if expected != mode else original)
    peak = 65535.0 if mode == "I;16" else 255.0
    assert psnr(reference, np.asarray(opened), peak) > (12 if mode in ("1", "P") else 30)


def test_reduce_and_layers(data: bytes) -> None:
    for reduce, layers in ((0, 1), (2, 0), (3, 2)):
        opened = reopen(data)
        opened.reduce, opened.layers = reduce, layers
        expected = j2klearn.decode(data, reduce=reduce, layers=layers)
        assert np.array_equal(np.asarray(opened), expected)
        assert opened.size == (expected.shape[1], expected.shape[0])
    opened = reopen(data)
    with pytest.raises(OptionError):
        opened.reduce = 9
    assert opened.reduce(2).size == (192, 129)  # the method of Pillow's pictures


def test_thumbnails_use_the_resolutions(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    reduced = []

    def recorded(codestream: Any, learned: Any, request: ReadRequest, run: Any) -> Decoded:
        reduced.append(request.reduce)
        return read(codestream, learned, request, run)

    monkeypatch.setattr("j2klearn.interop.pillow.read", recorded)
    opened = reopen(data)
    reference = reopen(data).convert("RGB")
    opened.thumbnail((40, 32))
    assert opened.size == (40, 27)
    reference.thumbnail((40, 32))
    # at least twice the size of the thumbnail: Pillow's reducing_gap is 2
    assert sorted(reduced) == [0, 2]
    assert psnr(np.asarray(reference), np.asarray(opened)) > 30


def test_metadata_survives_in_both_directions(picture: Image.Image) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010E] = "a picture"
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
    first = reopen(save(picture, icc_profile=profile, exif=exif, xmp=xmp, dpi=(300, 600), comment="by hand"))
    second = reopen(save(first))
    for opened in (first, second):
        assert opened.info["icc_profile"] == profile
        assert opened.info["xmp"] == xmp
        assert opened.info["dpi"] == pytest.approx((300, 600))
        assert opened.getexif()[0x010E] == "a picture"
    assert first.info["comment"] == b"by hand"
    # and saving in other formats keeps it
    out = io.BytesIO()
    second.save(out, format="PNG", icc_profile=second.info["icc_profile"], exif=second.getexif())
    assert Image.open(out).info["icc_profile"] == profile


def test_pillows_keywords(picture: Image.Image) -> None:
    opened = save(
        picture,
        quality_mode="dB",
        quality_layers=[30, 36],
        num_resolutions=4,
        codeblock_size=(32, 16),
        precinct_size=(128, 64),
        tile_size=(160, 128),
        offset=(24, 16),
        tile_offset=(16, 8),
        progression="RPCL",
        irreversible=True,
        mct=1,
        plt=True,
    )
    j = j2klearn.Jp2k(opened)
    siz, cod = j.codestream.segment[1:3]
    assert (siz.xtsiz, siz.ytsiz, siz.xosiz, siz.yosiz, siz.xtosiz, siz.ytosiz) == (160, 128, 24, 16, 16, 8)
    assert (cod.num_res, cod.layers, cod.prog_order, cod.code_block_size) == (3, 2, 2, (16, 32))
    assert psnr(np.asarray(picture), np.asarray(reopen(opened))) == pytest.approx(36, abs=0.3)
    bare = save(picture, no_jp2=True)
    assert bare[:4] == b"\xff\x4f\xff\x51"
    signed = save(picture, signed=True, quality_layers=[10])
    assert j2klearn.decode(signed).dtype == np.int8
    assert psnr(np.asarray(picture), np.asarray(reopen(signed))) > 32


@pytest.mark.parametrize(
    ("error", "keywords"),
    [
        (OptionError, {"quality_layers": [10, 1, 5]}),
        (OptionError, {"quality_layers": 10}),
        (OptionError, {"quality_mode": "bits", "quality_layers": [10]}),
        (OptionError, {"cinema_mode": "cinema2k-24"}),
        (OptionError, {"comment": "x" * 70_000}),
        (OptionError, {"progression": "ABCD"}),
    ],
)
def test_refused(picture: Image.Image, error: type[Exception], keywords: dict[str, Any]) -> None:
    with pytest.raises(error):
        save(picture, **keywords)


def test_pictures_that_are_not_coded(picture: Image.Image) -> None:
    for mode in ("CMYK", "F", "HSV"):
        with pytest.raises(InputError):
            save(picture.convert("L").convert(mode) if mode == "F" else picture.convert(mode))


def test_a_file_that_is_not_learned_or_cut(data: bytes) -> None:
    from PIL import UnidentifiedImageError

    for size in (0, 12, 60, 90):
        with pytest.raises((UnidentifiedImageError, OSError)):
            reopen(data[:size]).load()


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pictures_are_pickled(mode: str, protocol: int, picture: Image.Image) -> None:
    small = picture.crop((0, 0, 170, 160))
    if mode == "I;16":
        small = Image.fromarray(np.asarray(small.convert("L")).astype(np.uint16) * 257)
    else:
        small = small.convert(mode)
    # very small files may have an ordinary wavelet
    opened = reopen(save(small, comment="by hand", quality_layers=[8 if mode == "L" else 20]))
    again = pickle.loads(pickle.dumps(opened, protocol))  # not loaded yet
    assert (again.mode, again.size, again.format) == (mode, (170, 160), "J2KL")
    assert (again.info, again.tobytes()) == (opened.info, opened.tobytes())
    twice = copy.deepcopy(pickle.loads(pickle.dumps(again)))
    assert twice.tobytes() == opened.tobytes()
    assert twice.resize((85, 80), Image.Resampling.NEAREST).size == (85, 80)


def test_a_reduced_picture_is_pickled(data: bytes) -> None:
    opened = reopen(data)
    opened.reduce, opened.layers = 1, 2
    again = pickle.loads(pickle.dumps(opened))
    assert (again.reduce, again.layers, again.size) == (1, 2, (192, 129))
    assert again.tobytes() == opened.tobytes()


def test_a_spawned_process_gets_pictures(data: bytes) -> None:
    opened = [reopen(data), j2klearn.open(data), j2klearn.Jp2k(io.BytesIO(data))]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(np.asarray, opened))
    assert all(np.array_equal(samples, j2klearn.decode(data)) for samples in found)


@pytest.mark.parametrize("profile", ["ebcot", "neural"])
def test_truncated_files_are_errors_unless_pillow_is_told_otherwise(
    profile: str, data: bytes, rgb: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = data if profile == "ebcot" else j2klearn.encode(rgb[:64, :80], profile="neural", quality=60)
    cut = whole[: len(whole) - 100]
    opened = reopen(cut)
    with pytest.raises(OSError, match="LOAD_TRUNCATED_IMAGES") as caught:
        opened.load()
    assert isinstance(caught.value, J2KError)
    with pytest.raises(CodestreamError):
        opened.tobytes()
    with pytest.raises(CodestreamError):
        pickle.dumps(opened)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.warns(TruncatedWarning):
        opened.load()  # the same picture
    with pytest.warns(TruncatedWarning):
        expected = j2klearn.decode(cut)
    assert np.array_equal(np.asarray(opened), expected)


def test_the_limit_of_pixels_is_pillows(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("j2klearn.core.limits.MAX_PIXELS", 9)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 9)
    with pytest.raises(Image.DecompressionBombError):
        reopen(data)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert reopen(data).convert("RGB").size == (383, 257)


def test_a_file_is_closed_after_loading(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.jp2").write_bytes(data)
    opened = Image.open(tmp_path / "a.jp2")
    stream = opened.fp
    opened.load()
    assert stream.closed
    own = io.BytesIO(data)
    Image.open(own).load()
    assert not own.closed


@pytest.mark.parametrize(
    "keywords",
    [
        {"quality_layers": 20},
        {"quality_layers": "20"},
        {"quality_layers": object()},
        {"quality_layers": ["a"]},
        {"quality_layers": [20], "tile_size": (64,)},
        {"quality_layers": [20], "offset": "12"},
        {"quality_layers": [20], "num_resolutions": 2.5},
        {"quality_layers": [20], "precinct_size": 1.5},
    ],
)
def test_invalid_arguments_are_typed_errors(keywords: dict[str, Any], picture: Image.Image) -> None:
    with pytest.raises(J2KError):
        save(picture, **keywords)


def test_numbers_of_numpy_are_arguments(picture: Image.Image) -> None:
    small = picture.crop((0, 0, 96, 96))
    plain = save(small, quality_layers=[20, 10], tile_size=(64, 48), num_resolutions=3, plt=True)
    same = save(
        small,
        quality_layers=np.array([20, 10]),
        tile_size=np.array([64, 48]),
        num_resolutions=np.int64(3),
        plt=np.bool_(True),
    )
    assert same == plain


def _with_header(data: bytes, old: bytes, new: bytes) -> bytes:
    """Return a file in which one piece of the JP2 header is replaced by another one of the same length."""
    assert len(old) == len(new)
    assert data.count(old) == 1
    return data.replace(old, new)


def _enumerated(space: int) -> bytes:
    return b"colr\x01\x00\x00" + space.to_bytes(4, "big")


def test_colours_of_a_file_are_those_of_the_mode(picture: Image.Image) -> None:
    ycc = np.asarray(picture.convert("YCbCr"))
    data = j2klearn.encode(ycc, ratio=4, fallback=False, component_transform=False)
    opened = reopen(_with_header(data, _enumerated(16), _enumerated(18)))
    assert (opened.format, opened.mode) == ("J2KL", "RGB")
    assert psnr(np.asarray(picture), np.asarray(opened)) > 30


def test_inks_open_as_inks(picture: Image.Image) -> None:
    inks = np.asarray(picture.convert("CMYK"))
    data = j2klearn.encode(inks, ratio=4, alpha=False, fallback=False)
    data = _with_header(data, b"\x00\x03\xff\xff\xff\xff", b"\x00\x03\x00\x00\x00\x04")  # the fourth ink
    opened = reopen(_with_header(data, _enumerated(16), _enumerated(12)))
    assert (opened.format, opened.mode) == ("J2KL", "CMYK")
    assert psnr(inks, np.asarray(opened)) > 30


def test_a_fourth_band_without_meaning_is_not_alpha(rgb: NDArray[np.uint8]) -> None:
    bands = np.dstack([rgb, rgb[:, :, 0]])
    data = j2klearn.encode(bands, ratio=8, alpha=False, fallback=False)
    opened = reopen(data)
    assert opened.mode == "RGBX"
    assert np.array_equal(np.asarray(opened), j2klearn.decode(data))
    assert np.array_equal(np.asarray(opened.convert("RGB")), j2klearn.decode(data)[:, :, :3])


def test_premultiplied_colours_are_divided_by_alpha(picture: Image.Image) -> None:
    bands = np.asarray(picture.convert("RGBA")).copy()
    bands[:, :, 3] = 128
    bands[:, :, :3] //= 2
    data = j2klearn.encode(bands, ratio=4, fallback=False)
    straight, premultiplied = (b"\x00\x03" + kind + b"\x00\x00" for kind in (b"\x00\x01", b"\x00\x02"))
    opened = reopen(_with_header(data, straight, premultiplied))
    assert opened.mode == "RGBA"
    assert psnr(np.asarray(picture), np.asarray(opened)[:, :, :3]) > 30


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "I;16"])
def test_a_transparent_colour_becomes_alpha(mode: str, picture: Image.Image) -> None:
    small = picture.crop((0, 0, 90, 80))
    if mode == "I;16":
        small = Image.fromarray(np.asarray(small.convert("L")).astype(np.uint16) * 257)
    else:
        small = small.convert(mode)
    colour = small.getpixel((3, 5))
    small.info["transparency"] = colour
    decoded = j2klearn.decode(save(small, lossless=True))
    samples = np.asarray(small.convert("L") if mode == "1" else small).reshape(80, 90, -1)
    assert np.array_equal(decoded[:, :, :-1], samples)
    clear = np.all(samples == samples[5, 3], axis=-1)
    assert np.array_equal(decoded[:, :, -1] == 0, clear)
    assert np.all(decoded[:, :, -1][~clear] == np.iinfo(decoded.dtype).max)


@pytest.mark.parametrize(
    "keywords",
    [
        {"dpi": 300},
        {"dpi": ("a", "b")},
        {"dpi": (300,)},
        {"exif": 3},
        {"xmp": 3},
        {"icc_profile": "a"},
        {"comment": 5},
        {"save_all": True, "append_images": [Image.new("L", (9, 9))]},
    ],
)
def test_what_a_file_cannot_hold_is_a_typed_error(keywords: dict[str, Any], picture: Image.Image) -> None:
    with pytest.raises(J2KError):
        save(picture.crop((0, 0, 64, 64)), **keywords)


def test_save_all_writes_a_single_picture(picture: Image.Image) -> None:
    small = picture.crop((0, 0, 64, 64))
    assert save(small, save_all=True) == save(small)
