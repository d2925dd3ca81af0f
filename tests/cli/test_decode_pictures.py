"""`j2klearn decode`: the colours, depths, alpha and metadata of a file, in every format that it writes."""

from __future__ import annotations

import io
import itertools
import shutil
import struct
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

import j2klearn
from j2klearn.cli import main
from j2klearn.errors import MetadataWarning
from j2klearn.jp2.metadata import Metadata, add_metadata, read_metadata
from tests.support.jp2_files import (
    box,
    cmyk_profile,
    definitions,
    enumerated,
    icc_colour,
    icc_profile,
    jp2_file,
)

_SIZE = (24, 40)


def decoded(tmp_path: Path, file: bytes, name: str, *options: str) -> Path:
    source, target = tmp_path / "a.jp2", tmp_path / name
    source.write_bytes(file)
    assert main(["decode", str(source), str(target), *options]) == 0
    return target


def ramp(depth: int, components: int) -> NDArray[Any]:
    """Samples over the whole range, another one in each component."""
    y, x = np.mgrid[: _SIZE[0], : _SIZE[1]]
    planes = [((x * 37 + y * (11 + 6 * i) + 5 * i) * 97) % (1 << depth) for i in range(components)]
    planes[0][0, :2] = 0, (1 << depth) - 1
    out = np.stack(planes, -1).astype(np.uint8 if depth <= 8 else np.uint16)
    return out if components > 1 else out[:, :, 0]


def chunks(path: Path) -> dict[bytes, bytes]:
    data, at, found = path.read_bytes(), 8, {}
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        found[kind] = data[at + 8 : at + 8 + size]
        at += size + 12
    return found


def read_png(path: Path) -> NDArray[Any]:
    """Read a PNG file with pypng, which changes no samples."""
    import png

    width, height, rows, info = png.Reader(bytes=path.read_bytes()).read()
    out = np.vstack([np.asarray(row, np.uint16) for row in rows]).reshape(height, width, -1)
    assert info["planes"] == out.shape[2]
    return out if out.shape[2] > 1 else out[:, :, 0]


def scaled(samples: NDArray[Any], depth: int, to: int) -> NDArray[Any]:
    """Scale by the definition, in floating point."""
    return np.floor(samples.astype(np.float64) * ((1 << to) - 1) / ((1 << depth) - 1) + 0.5)


_MATRIX = list(itertools.product((1, 2, 4, 5, 8, 10, 12, 16), (1, 2, 3, 4)))


@pytest.mark.parametrize(("depth", "components"), _MATRIX)
def test_depths_and_components(tmp_path: Path, depth: int, components: int) -> None:
    samples = ramp(depth, components)
    file = j2klearn.encode(samples, bit_depth=depth, lossless=True, model=None)

    png = decoded(tmp_path, file, "a.png")
    written = png.read_bytes()[24]
    assert written == (1 if depth == 1 and components == 1 else 8 if depth <= 8 else 16)
    found = read_png(png)
    assert np.array_equal(found, scaled(samples, depth, written))
    assert np.array_equal(found >> (written - depth), samples)  # as PNG 13.12 says for sBIT
    assert chunks(png).get(b"sBIT") == (bytes([depth] * components) if depth < written else None)

    with tifffile.TiffFile(decoded(tmp_path, file, "a.tif")) as tiff:
        page = tiff.pages[0]
        assert page.bitspersample == depth
        assert page.photometric.name == ("RGB" if components >= 3 else "MINISBLACK")
        assert tuple(page.extrasamples) == ((2,) if components in (2, 4) else ())
        assert np.array_equal(page.asarray(), samples)

    npy = np.load(decoded(tmp_path, file, "a.npy"))
    assert npy.dtype == samples.dtype
    assert np.array_equal(npy, samples)

    if components in (1, 3):
        name = "a.pgm" if components == 1 else "a.ppm"
        kind, size, top, data = decoded(tmp_path, file, name).read_bytes().split(b"\n", 3)
        assert (kind, size, int(top)) == (b"P5" if components == 1 else b"P6", b"40 24", 2**depth - 1)
        assert np.array_equal(np.frombuffer(data, ">u2" if depth > 8 else "u1"), samples.reshape(-1))
    head, data = decoded(tmp_path, file, "a.pam").read_bytes().split(b"ENDHDR\n", 1)
    kind = "RGB" if components > 2 else "GRAYSCALE" if depth > 1 else "BLACKANDWHITE"
    assert (
        head.decode().split()
        == (
            f"P7 WIDTH 40 HEIGHT 24 DEPTH {components} MAXVAL {2**depth - 1} "
            f"TUPLTYPE {kind}{'' if components % 2 else '_ALPHA'}"
        ).split()
    )
    assert np.array_equal(np.frombuffer(data, ">u2" if depth > 8 else "u1"), samples.reshape(-1))
    if components in (1, 3) and depth <= 8:
        with Image.open(decoded(tmp_path, file, "a.bmp")) as picture:
            assert np.array_equal(np.asarray(picture), scaled(samples, depth, 8))


def test_the_matrix_is_as_large_as_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    print(f"{len(_MATRIX)} combinations of depth and components, each in up to five formats")
    assert len(_MATRIX) == 32


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm", ".pbm", ".bmp", ".jpg", ".webp"])
def test_bilevel_pages_are_black_and_white(tmp_path: Path, suffix: str) -> None:
    page = (np.indices((64, 64)).sum(0) // 16 % 2).astype(np.uint8)
    file = j2klearn.encode(page, bit_depth=1, lossless=True, model=None)
    with Image.open(decoded(tmp_path, file, f"a{suffix}")) as picture:
        found = np.asarray(picture.convert("L"))
    if suffix == ".jpg":
        found = np.where(np.abs(found.astype(int) - 255 * page) < 60, 255 * page, 99)
    assert np.array_equal(found, 255 * page)


def test_one_is_black_in_bilevel_pictures_of_jpx(tmp_path: Path) -> None:
    page = ramp(1, 1)
    with Image.open(decoded(tmp_path, jp2_file(page, 1, enumerated(0)), "a.png")) as picture:
        assert np.array_equal(np.asarray(picture), page == 0)
    with Image.open(decoded(tmp_path, jp2_file(page, 1, enumerated(15)), "a.png")) as picture:
        assert np.array_equal(np.asarray(picture), page == 1)


def ycc(rgb: NDArray[Any], red: float = 0.299, blue: float = 0.114) -> NDArray[np.float64]:
    """Return luma 0 to 1 and colour differences -0.5 to 0.5 of RGB 0 to 1."""
    y = red * rgb[..., 0] + (1 - red - blue) * rgb[..., 1] + blue * rgb[..., 2]
    return np.stack([y, (rgb[..., 2] - y) / (2 * (1 - blue)), (rgb[..., 0] - y) / (2 * (1 - red))], -1)


@pytest.mark.parametrize("depth", [8, 10, 12, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_luma_and_colour_differences_become_rgb(tmp_path: Path, depth: int, suffix: str) -> None:
    rgb = ramp(8, 3) / 255
    top, half, step = 2**depth - 1, 2 ** (depth - 1), 2 ** (depth - 8)
    full = ycc(rgb) * top + [0, half, half]
    video = ycc(rgb) * [219 * step, 224 * step, 224 * step] + [16 * step, half, half]
    high = ycc(rgb, 0.2126, 0.0722) * [219 * step, 224 * step, 224 * step] + [16 * step, half, half]
    for space, codes in ((18, full), (24, full), (3, full), (4, video), (1, high), (11, (1 - rgb) * top)):
        codes = np.clip(np.rint(codes), 0, top).astype(np.uint8 if depth == 8 else np.uint16)
        path = decoded(tmp_path, jp2_file(codes, depth, enumerated(space)), f"a{suffix}")
        found = (
            read_png(path) / (255 if depth == 8 else 65535)
            if suffix == ".png"
            else tifffile.imread(path) / top
        )
        assert np.abs(found - rgb).max() < 2.2 / 2**depth, space


def test_colour_differences_with_a_sign(tmp_path: Path) -> None:
    """All components signed: as OpenJPEG and Kakadu write sYCC of signed samples."""
    rgb = ramp(8, 3) / 255
    codes = np.clip(np.rint(ycc(rgb) * 255 - [128, 0, 0]), -128, 127).astype(np.int8)
    found = read_png(decoded(tmp_path, jp2_file(codes, 8, enumerated(18)), "a.png"))
    assert np.abs(found / 255 - rgb).max() < 2.2 / 256


def test_extended_srgb(tmp_path: Path) -> None:
    rgb = ramp(8, 3) / 255
    codes = np.rint(rgb * 510 + 384).astype(np.uint16)
    found = read_png(decoded(tmp_path, jp2_file(codes, 10, enumerated(20)), "a.png")) / 65535
    assert np.abs(found - rgb).max() < 1.5 / 510


@pytest.mark.parametrize("depth", [8, 12])
def test_cmyk(tmp_path: Path, depth: int) -> None:
    inks = ramp(depth, 4)
    top = 2**depth - 1
    file = jp2_file(inks, depth, enumerated(12))
    with tifffile.TiffFile(decoded(tmp_path, file, "a.tif")) as tiff:
        assert tiff.pages[0].photometric.name == "SEPARATED"
        assert np.array_equal(tiff.asarray(), inks)
    found = read_png(decoded(tmp_path, file, "a.png")) / (255 if depth == 8 else 65535)
    light = 1 - inks / top
    assert found.shape == (*_SIZE, 3)
    assert np.abs(found - light[..., :3] * light[..., 3:]).max() < 1 / top


def test_ycck(tmp_path: Path) -> None:
    inks = ramp(8, 4) / 255
    codes = np.dstack([ycc(1 - inks[..., :3]) * 255 + [0, 128, 128], inks[..., 3] * 255])
    file = jp2_file(np.clip(np.rint(codes), 0, 255).astype(np.uint8), 8, enumerated(13))
    found = tifffile.imread(decoded(tmp_path, file, "a.tif")) / 255
    assert np.abs(found - inks).max() < 2.2 / 256


def test_cielab(tmp_path: Path) -> None:
    from skimage.color import lab2rgb, rgb2lab

    rgb = ramp(8, 3)
    lab = rgb2lab(rgb, illuminant="D65")
    parameters = struct.pack(">7I", 100, 0, 255, 128 * 257, 255, 128 * 257, 0x00443635)
    codes = np.rint(lab * [655.35, 257, 257] + [0, 128 * 257, 128 * 257]).astype(np.uint16)
    file = jp2_file(codes, 16, enumerated(14, parameters))
    found = read_png(decoded(tmp_path, file, "a.png")) / 65535
    assert np.abs(found - lab2rgb(lab, illuminant="D65")).max() < 2e-3
    with tifffile.TiffFile(decoded(tmp_path, file, "a.tif")) as tiff:
        assert tiff.pages[0].photometric.name == "CIELAB"
        kept = tiff.asarray()
    assert np.abs(kept[..., 0] / 655.35 - lab[..., 0]).max() < 0.01
    assert np.abs(kept.view(np.int16)[..., 1:] / 256 - lab[..., 1:]).max() < 0.01


def test_default_cielab_against_lcms(tmp_path: Path) -> None:
    """Without parameters: D50, and the ranges and offsets of T.801."""
    codes = np.array([[[255, 128, 96], [128, 128, 96], [140, 160, 120], [120, 115, 85]]], np.uint8)
    found = read_png(decoded(tmp_path, jp2_file(codes, 8, enumerated(14)), "a.png"))
    values = codes.astype(float)
    lab = np.stack(
        [values[..., 0] * 100 / 255, (values[..., 1] - 128) * 170 / 255, (values[..., 2] - 96) * 200 / 255],
        -1,
    )
    codes8 = np.rint(lab * [2.55, 1, 1] + [0, 128, 128]).astype(np.uint8)
    ours = Image.frombytes("LAB", (4, 1), (codes8 ^ np.array([0, 128, 128], np.uint8)).tobytes())
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
    )
    expected = np.asarray(ImageCms.applyTransform(ours, transform)).astype(int)
    assert np.abs(found.astype(int) - expected).max() <= 3


def palette(entries: NDArray[Any], depth: int = 8) -> bytes:
    count, columns = entries.shape
    head = struct.pack(">HB", count, columns) + bytes([depth - 1] * columns)
    table = entries.astype(">u2" if depth > 8 else "u1").tobytes()
    return box(b"pclr", head + table) + box(
        b"cmap", b"".join(struct.pack(">HBB", 0, 1, i) for i in range(columns))
    )


@pytest.mark.parametrize(("columns", "depth"), [(1, 8), (3, 8), (4, 8), (3, 16)])
def test_palettes(tmp_path: Path, columns: int, depth: int) -> None:
    entries = np.random.default_rng(1).integers(0, 1 << depth, (16, columns))
    entries[0], entries[1] = 0, (1 << depth) - 1
    indices = ramp(4, 1)
    extra = [definitions((0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 1, 0))] if columns == 4 else []
    file = jp2_file(indices, 4, enumerated(17 if columns == 1 else 16), palette(entries, depth), *extra)
    expected = entries[indices] if columns > 1 else entries[indices][..., 0]
    assert np.array_equal(read_png(decoded(tmp_path, file, "a.png")), expected)
    assert np.array_equal(tifffile.imread(decoded(tmp_path, file, "a.tif")), expected)
    assert np.array_equal(np.load(decoded(tmp_path, file, "a.npy")), expected)


def test_channels_in_another_order(tmp_path: Path) -> None:
    samples = ramp(8, 4)
    file = jp2_file(samples, 8, enumerated(16), definitions((0, 1, 0), (1, 0, 3), (2, 0, 2), (3, 0, 1)))
    assert np.array_equal(read_png(decoded(tmp_path, file, "a.png")), samples[..., ::-1])


@pytest.mark.parametrize("depth", [8, 12, 16])
def test_premultiplied_alpha(tmp_path: Path, depth: int) -> None:
    top = 2**depth - 1
    straight = ramp(depth, 4).astype(np.float64)
    straight[0, 5, 3] = 0
    samples = np.rint(straight * [[[1, 1, 1, 0]]] * straight[..., 3:] / top + straight * [[[0, 0, 0, 1]]])
    samples = samples.astype(np.uint8 if depth == 8 else np.uint16)
    file = jp2_file(samples, depth, enumerated(16), definitions((0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 2, 0)))
    with tifffile.TiffFile(decoded(tmp_path, file, "a.tif")) as tiff:
        assert tuple(tiff.pages[0].extrasamples) == (1,)
        assert np.array_equal(tiff.asarray(), samples)
    alpha = samples[..., 3:].astype(np.float64)
    colours = np.where(alpha, np.floor(samples[..., :3] * float(top) / np.maximum(alpha, 1) + 0.5), 0)
    expected = np.dstack([np.minimum(colours, top), samples[..., 3]])
    found = read_png(decoded(tmp_path, file, "a.png"))
    assert np.array_equal(found, scaled(expected, depth, 8 if depth == 8 else 16))


@pytest.mark.parametrize(
    ("components", "name", "words"),
    [
        (4, "a.jpg", "j2klearn does not write alpha to JPEG files: write PNG or TIFF"),
        (2, "a.bmp", "j2klearn does not write alpha to BMP files: write PNG or TIFF"),
        (4, "a.ppm", "j2klearn does not write alpha to PNM files: write PNG or TIFF"),
        (
            5,
            "a.png",
            "j2klearn does not write the components that are neither colours nor alpha (2 here) to PNG files: "
            "write TIFF",
        ),
        (3, "a.pgm", "j2klearn does not write colours to PGM files: write PNG or TIFF"),
        (3, "a.gif", "j2klearn does not write colours to GIF files: write PNG or TIFF"),
        (
            1,
            "a.pbm",
            "j2klearn does not write samples of more than one bit to PBM files: write PGM, PNG or TIFF",
        ),
        (1, "a.xyz", "no picture format has the suffix '.xyz'"),
        (1, "a", "no picture format has the suffix ''"),
        (3, "a.jpx", "decoding writes no JPEG 2000 files: use convert to code a file again"),
        (1, "a.icns", "Pillow cannot write this picture to .icns: it would have another size"),
    ],
)
def test_what_a_format_does_not_hold_is_an_error_of_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], components: int, name: str, words: str
) -> None:
    source, target = tmp_path / "a.jp2", tmp_path / name
    source.write_bytes(j2klearn.encode(ramp(8, components), lossless=True, model=None))
    assert main(["decode", str(source), str(target)]) == 2
    error = capsys.readouterr().err
    assert error == f"error: {words}\n"
    assert not target.exists()


def test_signed_and_deep_samples_are_an_error_of_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "a.jp2"
    deep = ramp(12, 1)
    for samples, suffix, what in (
        ((deep.astype(int) - 2048).astype(np.int16), "png", "signed samples"),
        (deep, "jpg", "samples of more than 8 bits"),
    ):
        source.write_bytes(j2klearn.encode(samples, lossless=True, model=None))
        assert main(["decode", str(source), str(tmp_path / f"a.{suffix}")]) == 2
        assert capsys.readouterr().err.startswith(f"error: j2klearn does not write {what} to")


@pytest.mark.parametrize("depth", [8, 12])
@pytest.mark.parametrize("signed", [False, True])
def test_signed_samples_in_tiff(tmp_path: Path, depth: int, signed: bool) -> None:
    samples = ramp(depth, 3)
    if signed:
        samples = (samples.astype(int) - (1 << depth - 1)).astype(np.int8 if depth == 8 else np.int16)
    file = j2klearn.encode(samples, bit_depth=depth, lossless=True, model=None)
    with tifffile.TiffFile(decoded(tmp_path, file, "a.tif")) as tiff:
        assert tiff.pages[0].sampleformat == (2 if signed else 1)
        assert np.array_equal(tiff.asarray(), samples)


@pytest.mark.parametrize("space", [9, 19, 21, 22, 23, 1000])
def test_other_colour_spaces_are_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], space: int
) -> None:
    source = tmp_path / "a.jp2"
    source.write_bytes(jp2_file(ramp(8, 3), 8, enumerated(space)))
    assert main(["decode", str(source), str(tmp_path / "a.png")]) == 1
    assert capsys.readouterr().err == (
        f"error: the enumerated colour space {space} cannot be converted: decode to a .npy file\n"
    )
    assert main(["decode", str(source), str(tmp_path / "a.npy")]) == 0


@pytest.mark.parametrize(
    "header",
    [
        (enumerated(16), box(b"pclr", b"\0\x02\x03")),
        (enumerated(16), box(b"pclr", struct.pack(">HB", 4, 3) + b"\7\7\7" + bytes(12))),
        (
            enumerated(16),
            box(b"pclr", struct.pack(">HB", 4, 1) + b"\7" + bytes(4)),
            box(b"cmap", b"\0\x09\1\0"),
        ),
        (
            enumerated(16),
            box(b"pclr", struct.pack(">HB", 4, 1) + b"\x25" + bytes(40)),
            box(b"cmap", b"\0\0\1\0"),
        ),
        (enumerated(16), box(b"cmap", b"\0\0\0")),
        (enumerated(16), box(b"cdef", b"\0")),
        (enumerated(16), definitions((0, 0, 1), (1, 0, 2), (9, 0, 3))),
        (enumerated(16), definitions((0, 0, 1))),
        (enumerated(12), definitions((0, 0, 1))),
    ],
)
def test_damaged_colour_boxes_are_an_error_of_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], header: tuple[bytes, ...]
) -> None:
    source = tmp_path / "a.jp2"
    source.write_bytes(jp2_file(ramp(8, 3), 8, *header))
    assert main(["decode", str(source), str(tmp_path / "a.png")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1


_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
_GEO = [
    (33550, "d", 3, (10.0, 10.0, 0.0), True),
    (33922, "d", 6, (0.0, 0.0, 0.0, 5e5, 4e6, 0.0), True),
    (34735, "H", 8, (1, 1, 0, 1, 3072, 0, 1, 32633), True),
]


def _metadata() -> Metadata:
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "from a camera", 6
    exif.get_ifd(0x8769)[0x9003] = "2020:01:02 03:04:05"
    exif.get_ifd(0x8825)[1] = "N"
    geo = io.BytesIO()
    tifffile.imwrite(geo, np.zeros((1, 1), np.uint8), extratags=_GEO, metadata=None, byteorder=">")
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
    return Metadata(_SRGB, exif.tobytes()[6:], xmp, geo.getvalue(), (300.0, 299.72))


def _exif_tags(exif: Image.Exif) -> tuple[Any, ...]:
    return (
        exif.get(0x010E),
        exif.get(0x0112),
        dict(exif.get_ifd(0x8769)).get(0x9003),
        dict(exif.get_ifd(0x8825)).get(1),
    )


_EXIF_TAGS = ("from a camera", 6, "2020:01:02 03:04:05", "N")


@pytest.mark.parametrize(
    ("suffix", "lost"),
    [
        (".tif", ""),
        (".png", "the georeferencing"),
        (".jpg", "the georeferencing"),
        (".webp", "the georeferencing and the resolution"),
        (".ppm", "all"),
    ],
)
def test_metadata_is_carried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str, lost: str
) -> None:
    given = _metadata()
    file = add_metadata(j2klearn.encode(ramp(8, 3), lossless=True, model=None), given)
    path = decoded(tmp_path, file, f"a{suffix}")
    errors = capsys.readouterr().err
    if lost == "all":
        lost = "the ICC profile, EXIF, XMP, the georeferencing and the resolution"
        assert errors == f"warning: PNM cannot hold {lost}: left out\n"
        return
    assert errors.count("\n") == (1 if lost else 0)
    assert lost in errors
    with Image.open(path) as picture:
        info, exif = picture.info, picture.getexif()
        assert info["icc_profile"] == given.icc_profile
        assert _exif_tags(exif) == _EXIF_TAGS
        xmp = info["xmp"]
        assert (xmp.encode() if isinstance(xmp, str) else xmp) == given.xmp
        if "resolution" not in lost:
            tolerance = 0.5 if suffix == ".jpg" else 0.02
            assert info["dpi"] == pytest.approx(given.dpi, abs=tolerance)
    if suffix == ".tif":
        with tifffile.TiffFile(path) as tiff:
            tags = {tag.code: tag.value for tag in tiff.pages[0].tags}
        assert all(tags[code] == value for code, _, _, value, _ in _GEO)


def test_georeferencing_and_resolution_are_those_of_the_part(tmp_path: Path) -> None:
    samples = np.zeros((64, 80), np.uint8)
    file = add_metadata(j2klearn.encode(samples, lossless=True, model=None), _metadata_without_profile())
    path = decoded(tmp_path, file, "a.tif", "--region", "16,8,48,72", "--reduce", "1")
    with tifffile.TiffFile(path) as tiff:
        tags = tiff.pages[0].tags
        assert tags[33550].value[:2] == (20.0, 20.0)
        i, j, _, x, y, _ = tags[33922].value
        # the corner of the part is 8 pixels of 10 m to the east, and 16 to the south
        assert (x - i * 20, y + j * 20) == (500_080.0, 3_999_840.0)
        assert tags[282].value[0] / tags[282].value[1] == pytest.approx(150)


def _metadata_without_profile() -> Metadata:
    given = _metadata()
    return Metadata(None, given.exif, given.xmp, given.geotiff, given.dpi)


def test_tiff_to_jp2_to_tiff(tmp_path: Path) -> None:
    given, samples = _metadata(), ramp(16, 3)
    first = decoded(
        tmp_path, add_metadata(j2klearn.encode(samples, lossless=True, model=None), given), "first.tif"
    )
    for command in ("convert", "encode"):
        middle, last = tmp_path / "b.jp2", tmp_path / "last.tif"
        assert main([command, str(first), str(middle), "--lossless", "--model", "none"]) == 0
        assert valid(middle)
        assert main(["decode", str(middle), str(last)]) == 0
        with tifffile.TiffFile(first) as one, tifffile.TiffFile(last) as two:
            before, after = (
                {tag.code: tag.value for tag in t.pages[0].tags if tag.code != 273} for t in (one, two)
            )
            offsets = {34665, 34853}
            assert (
                before.keys()
                == after.keys()
                >= {270, 274, 282, 296, 700, 33550, 33922, 34675, 34735, *offsets}
            )
            assert all(before[code] == after[code] for code in before.keys() - offsets - {282, 283})
            for code in (282, 283):
                assert before[code][0] / before[code][1] == pytest.approx(
                    after[code][0] / after[code][1], rel=1e-4
                )
            assert np.array_equal(two.asarray(), samples)
        exiftool_agrees(first, last)


def valid(path: Path) -> bool:
    from jpylyzer import jpylyzer

    return jpylyzer.checkOneFile(str(path)).findtext("isValid") == "True"


def exiftool_agrees(one: Path, two: Path) -> None:
    """Compare what ExifTool reads, if it is installed."""
    if shutil.which("exiftool") is None:
        return
    leave_out = [word for group in ("System", "File", "ExifTool") for word in ("-x", f"{group}:all")]
    found = [
        subprocess.run(
            ["exiftool", "-G1", "-a", "-s", *leave_out, "-x", "StripOffsets", str(path)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for path in (one, two)
    ]
    assert found[0] == found[1]
    assert "DateTimeOriginal" in found[0]


_MATRIX_TAGS = [b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC"]


@pytest.mark.parametrize(
    ("components", "profile", "method"),
    [
        (3, _SRGB, 2),
        (3, icc_profile(b"RGB ", b"XYZ ", b"scnr", _MATRIX_TAGS), 2),
        (4, icc_profile(b"RGB ", b"XYZ ", b"mntr", _MATRIX_TAGS), 2),
        (1, icc_profile(b"GRAY", b"XYZ ", b"mntr", [b"wtpt", b"kTRC"]), 2),
        (3, icc_profile(b"RGB ", b"XYZ ", b"mntr", [*_MATRIX_TAGS, b"A2B0"]), 1),
        (3, icc_profile(b"RGB ", b"Lab ", b"mntr", [b"A2B0", b"B2A0"]), 1),
        (3, icc_profile(b"RGB ", b"Lab ", b"prtr", [b"A2B0", b"B2A0"]), 1),
        (3, icc_profile(b"RGB ", b"XYZ ", b"spac", _MATRIX_TAGS), 1),
        (1, icc_profile(b"GRAY", b"Lab ", b"mntr", [b"wtpt", b"kTRC"]), 1),
        (1, _SRGB, 1),
        (3, icc_profile(b"GRAY", b"XYZ ", b"mntr", [b"wtpt", b"kTRC"]), 1),
        (3, _SRGB[:-1], 1),
        (3, b"no profile", 1),
    ],
)
def test_files_with_any_icc_profile_are_valid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], components: int, profile: bytes, method: int
) -> None:
    source, middle = tmp_path / "a.tif", tmp_path / "a.jp2"
    samples = ramp(8, components)
    tifffile.imwrite(
        source,
        samples,
        photometric="rgb" if components > 2 else "minisblack",
        iccprofile=profile,
        extrasamples=["unassalpha"] if components == 4 else None,
    )
    assert main(["convert", str(source), str(middle), "--lossless", "--model", "none"]) == 0
    errors = capsys.readouterr().err
    assert errors.count("\n") == (0 if method == 2 else 1)
    data = middle.read_bytes()
    assert data[data.index(b"colr") + 4] == method
    assert valid(middle)
    with Image.open(middle) as picture:  # OpenJPEG in Pillow
        assert np.array_equal(np.asarray(picture), samples)
    with middle.open("rb") as stream:
        assert read_metadata(stream).icc_profile == profile


def test_a_profile_with_tables_comes_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = icc_profile(b"RGB ", b"Lab ", b"mntr", [b"A2B0", b"B2A0"])
    source, middle, target = (tmp_path / name for name in ("a.tif", "a.jp2", "b.tif"))
    tifffile.imwrite(source, ramp(8, 3), photometric="rgb", iccprofile=profile)
    assert main(["convert", str(source), str(middle), "--lossless", "--model", "none"]) == 0
    assert main(["decode", str(middle), str(target)]) == 0
    with tifffile.TiffFile(target) as tiff:
        assert tiff.pages[0].tags[34675].value == profile


@pytest.mark.parametrize("depth", [8, 12])
def test_cmyk_with_a_profile(tmp_path: Path, depth: int) -> None:
    profile, inks = cmyk_profile(), ramp(depth, 4)
    file = jp2_file(inks, depth, icc_colour(profile, 3), enumerated(12))
    with tifffile.TiffFile(decoded(tmp_path, file, "a.tif")) as tiff:
        assert tiff.pages[0].photometric.name == "SEPARATED"
        assert tiff.pages[0].tags[34675].value == profile
        assert np.array_equal(tiff.asarray(), inks)
    png = decoded(tmp_path, file, "a.png")
    assert b"iCCP" not in chunks(png)
    codes = scaled(inks, depth, 8).astype(np.uint8)
    cmyk = Image.frombytes("CMYK", _SIZE[::-1], codes.tobytes())
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), "CMYK", "RGB"
    )
    converted = ImageCms.applyTransform(cmyk, transform)
    assert converted is not None
    found = read_png(png) / (1 if depth == 8 else 257)
    assert np.abs(found - np.asarray(converted)).max() <= (1 if depth == 8 else 2)
    assert (
        np.abs(found - read_png(decoded(tmp_path, jp2_file(inks, depth, enumerated(12)), "b.png"))).max() > 20
    )


def test_cmyk_with_a_profile_that_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inks = ramp(8, 4)
    file = jp2_file(inks, 8, icc_colour(icc_profile(b"CMYK", b"Lab ", b"prtr", [b"A2B0"]), 3))
    found = read_png(decoded(tmp_path, file, "a.png"))
    assert (
        capsys.readouterr().err == "warning: the ICC profile cannot be used: CMYK is converted without it\n"
    )
    assert np.array_equal(found, read_png(decoded(tmp_path, jp2_file(inks, 8, enumerated(12)), "a.png")))


@pytest.mark.parametrize(("space", "profile"), [(12, cmyk_profile()), (16, None), (17, None)])
def test_jpx_files_name_any_profile(tmp_path: Path, space: int, profile: bytes | None) -> None:
    """With METH 3, and the enumerated colour space after it for readers that support no profiles."""
    if profile is None:
        profile = icc_profile(b"RGB " if space == 16 else b"GRAY", b"Lab ", b"prtr", [b"A2B0"])
    samples = ramp(8, {12: 4, 16: 3, 17: 1}[space])
    plain = jp2_file(samples, 8, enumerated(space)).replace(b"ftypjp2 ", b"ftypjpx ")
    file = add_metadata(plain, Metadata(profile))
    first = file.index(b"colr")
    assert file[first + 4] == 3
    assert file[file.index(b"colr", first + 1) + 4 :][:7] == bytes([1, 0, 0, 0, 0, 0, space])
    with tifffile.TiffFile(decoded(tmp_path, file, "a.tif")) as tiff:
        assert tiff.pages[0].tags[34675].value == profile
        assert np.array_equal(tiff.asarray(), samples)
    assert np.array_equal(j2klearn.decode(file), samples)


_IPTC = bytes.fromhex("1c0205000b") + b"a headline!"


@pytest.mark.parametrize("suffix", [".tif", ".jpg", ".png"])
def test_iptc_and_image_resources(tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str) -> None:
    from j2klearn.io.photoshop import resource

    resources = resource(1005, bytes(range(16))) + resource(1034, b"\1")
    profile = icc_profile(b"RGB ", b"Lab ", b"mntr", [b"A2B0"])
    with pytest.warns(MetadataWarning, match="UUID box"):
        file = add_metadata(
            j2klearn.encode(ramp(8, 3), lossless=True, model=None),
            Metadata(profile, iptc=_IPTC, photoshop=resources),
        )
    path = decoded(tmp_path, file, f"a{suffix}")
    errors = capsys.readouterr().err
    if suffix == ".png":
        assert errors == "warning: PNG cannot hold IPTC and Photoshop's image resources: left out\n"
        return
    assert not errors
    with Image.open(path) as picture:
        assert picture.info["icc_profile"] == profile
        if suffix == ".jpg":
            found = picture.info["photoshop"]
            assert (found[1005]["XResolution"], found[1034], found[0x0404]) == (
                1 / 65536 * 0x10203,
                b"\1",
                _IPTC,
            )
    if suffix == ".tif":
        with tifffile.TiffFile(path) as tiff:
            assert tiff.pages[0].tags[33723].value == _IPTC
            assert tiff.pages[0].tags[34377].value == resources
    if shutil.which("exiftool"):
        words = ["exiftool", "-s3", "-IPTC:ObjectName", str(path)]
        assert subprocess.run(words, check=True, capture_output=True, text=True).stdout == "a headline!\n"


def test_metadata_that_is_given_replaces_that_of_the_file() -> None:
    from j2klearn.io.photoshop import resource

    old = icc_profile(b"RGB ", b"Lab ", b"mntr", [b"A2B0"])
    first = Metadata(old, b"II*\0a", b"<a/>", None, (72.0, 72.0), b"a", resource(1034, b"\1"))
    second = Metadata(_SRGB, b"II*\0b", b"<b/>", None, (300.0, 300.0), b"b")
    with pytest.warns(MetadataWarning):
        file = add_metadata(j2klearn.encode(ramp(8, 3), lossless=True, model=None), first)
    found = read_metadata(io.BytesIO(add_metadata(file, second)))
    assert found == replace(second, photoshop=first.photoshop, dpi=found.dpi)
    assert found.dpi == pytest.approx(second.dpi)
    third = Metadata(photoshop=resource(1034, b"\2"))
    assert read_metadata(io.BytesIO(add_metadata(file, third))).photoshop == third.photoshop


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [(("resd",), 254.0), (("resc",), 508.0), (("resd", "resc"), 508.0), (("resc", "resd"), 508.0)],
)
def test_the_resolution_of_the_display_counts_if_there_is_no_other(
    tmp_path: Path, boxes: tuple[str, ...], expected: float
) -> None:
    content = b"".join(
        box(
            name.encode(),
            struct.pack(">HHHHbb", 2 if name == "resc" else 1, 1, 2 if name == "resc" else 1, 1, 4, 4),
        )
        for name in boxes
    )
    path = decoded(tmp_path, jp2_file(ramp(8, 3), 8, enumerated(16), box(b"res ", content)), "a.png")
    with Image.open(path) as picture:
        assert picture.info["dpi"] == pytest.approx((expected, expected))


@pytest.mark.parametrize("depth", [1, 8, 12])
@pytest.mark.parametrize("suffix", [".tif", ".png", ".ppm", ".npy"])
def test_large_pictures_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, depth: int, suffix: str
) -> None:
    samples = ramp(depth, 3)
    file = add_metadata(
        jp2_file(samples, depth, enumerated(18), definitions((0, 0, 3), (1, 0, 2), (2, 0, 1))),
        Metadata() if suffix == ".ppm" else replace(_metadata(), icc_profile=None, geotiff=None),
    )
    options: list[tuple[str, ...]] = [(), ("--reduce", "1")]
    small = [decoded(tmp_path, file, f"small{suffix}", *words).read_bytes() for words in options]
    monkeypatch.setattr("j2klearn.io.memory_map.LARGE", 1)
    monkeypatch.setattr("j2klearn.api.picture_file._BLOCK", (5, 40))
    large = [decoded(tmp_path, file, f"large{suffix}", *words).read_bytes() for words in options]
    assert large == small


def test_bands_are_rows_of_the_picture() -> None:
    samples = ramp(8, 2)
    for options in (
        {},
        {"tile_size": (8, 16)},
        {"tile_size": (7, 9), "offset": (3, 5), "tile_offset": (1, 2)},
    ):
        file = j2klearn.encode(samples, lossless=True, model=None, **options)
        with j2klearn.open(file) as picture:
            for reduce in range(picture.levels + 1):
                for rows in (1, 3, 11, 100):
                    bands = list(picture.bands(reduce=reduce, rows=rows))
                    assert len(bands) > 1 or rows > 3 or reduce
                    assert np.array_equal(np.concatenate(bands), picture.read(reduce=reduce))


@pytest.mark.parametrize("columns", [1, 3])
def test_large_pictures_with_a_palette(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    entries = np.random.default_rng(1).integers(0, 256, (16, columns))
    file = jp2_file(ramp(4, 1), 4, enumerated(17 if columns == 1 else 16), palette(entries))
    monkeypatch.setattr("j2klearn.io.memory_map.LARGE", 1)
    monkeypatch.setattr("j2klearn.api.picture_file._BLOCK", (5, 40))
    expected = entries[ramp(4, 1)].reshape(*_SIZE, columns).squeeze()
    assert np.array_equal(np.load(decoded(tmp_path, file, "a.npy")), expected)
    assert np.array_equal(read_png(decoded(tmp_path, file, "a.png")), expected)
    assert np.array_equal(tifffile.imread(decoded(tmp_path, file, "a.tif")), expected)


@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg"])
@pytest.mark.parametrize(
    "values", [(65535, 1, 65535, 1, 127, 127), (1, 65535, 1, 65535, -128, -128), (1, 0, 1, 0, 0, 0)]
)
def test_resolutions_that_mean_nothing_are_left_out(
    tmp_path: Path, suffix: str, values: tuple[int, ...]
) -> None:
    resolution = box(b"res ", box(b"resc", struct.pack(">HHHHbb", *values)))
    path = decoded(tmp_path, jp2_file(ramp(8, 3), 8, enumerated(16), resolution), f"a{suffix}")
    with Image.open(path) as picture:
        assert picture.info.get("dpi", (1, 1)) == (1, 1)


def test_damaged_metadata_does_not_stop_a_picture(tmp_path: Path) -> None:
    from j2klearn.io.tiff_directory import read_directory

    given, rng = _metadata(), np.random.default_rng(2)
    assert given.exif is not None
    assert given.geotiff is not None
    for data in (given.exif, given.geotiff):
        for _ in range(500):
            damaged = bytearray(data[: int(rng.integers(0, len(data) + 1))])
            for _ in range(int(rng.integers(0, 6))):
                if damaged:
                    damaged[int(rng.integers(0, len(damaged)))] = int(rng.integers(0, 256))
            assert all(len(entry.values) <= len(data) for entry in read_directory(bytes(damaged)))
    plain = j2klearn.encode(ramp(8, 3), lossless=True, model=None)
    for geotiff, exif in (
        (b"II*\0", b""),
        (given.geotiff[:60], given.exif[:50]),
        (b"junk" * 9, b"MM\0*" + b"\xff" * 30),
    ):
        file = add_metadata(plain, Metadata(None, exif, b"not XML", geotiff))
        decoded(tmp_path, file, "a.tif", "--reduce", "1")
        assert tifffile.imread(decoded(tmp_path, file, "a.tif")).shape == (*_SIZE, 3)
