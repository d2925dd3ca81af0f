"""`j2klearn decode`: the colours, depths and alpha of a file, in every format that it writes."""

from __future__ import annotations

import io
import itertools
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

import j2klearn
from j2klearn.cli import main
from tests.support.decoding import SIZE, chunks, decoded, ramp, read_png, scaled
from tests.support.jp2_files import (
    box,
    cmyk_profile,
    definitions,
    enumerated,
    icc_colour,
    icc_profile,
    jp2_file,
    palette,
)

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
    assert found.shape == (*SIZE, 3)
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
    cmyk = Image.frombytes("CMYK", SIZE[::-1], codes.tobytes())
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
