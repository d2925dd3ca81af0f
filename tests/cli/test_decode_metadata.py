"""`j2klearn decode`: ICC profiles, EXIF, XMP, IPTC, resolution and georeferencing, from file to file."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

import j2klearn
from j2klearn.cli import main
from j2klearn.errors import MetadataWarning
from j2klearn.jp2.metadata import Metadata, add_metadata, read_metadata
from tests.support.decoding import SIZE, decoded, ramp, valid
from tests.support.jp2_files import (
    box,
    cmyk_profile,
    enumerated,
    icc_profile,
    jp2_file,
)

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
        (2, icc_profile(b"GRAY", b"XYZ ", b"scnr", [b"wtpt", b"kTRC"]), 2),
        (3, cmyk_profile(), 1),
        (4, cmyk_profile(), 1),
        (3, icc_profile(b"RGB ", b"XYZ ", b"prtr", _MATRIX_TAGS), 1),
        (3, icc_profile(b"RGB ", b"XYZ ", b"scnr", _MATRIX_TAGS[:-1]), 1),
        (3, icc_profile(b"RGB ", b"Lab ", b"scnr", [b"A2B0"]), 1),
        (3, icc_profile(b"RGB ", b"XYZ ", b"mntr", [*_MATRIX_TAGS, b"D2B0"]), 1),
        (3, icc_profile(b"RGB ", b"RGB ", b"link", [b"A2B0"]), 1),
        (3, icc_profile(b"Lab ", b"Lab ", b"abst", [b"A2B0"]), 1),
        (3, icc_profile(b"RGB ", b"Lab ", b"nmcl", [b"ncl2"]), 1),
        (1, icc_profile(b"GRAY", b"XYZ ", b"prtr", [b"wtpt", b"kTRC"]), 1),
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
        extrasamples=["unassalpha"] if components in (2, 4) else None,
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


def test_xmp_that_is_padded_with_zeros_makes_a_valid_file(tmp_path: Path) -> None:
    target = tmp_path / "a.jp2"
    plain = j2klearn.encode(ramp(8, 3), lossless=True, model=None)
    for xmp in (
        b"<x/>\0",
        b"<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?><x/> \n<?xpacket end='w'?>\0\0",
    ):
        target.write_bytes(add_metadata(plain, Metadata(xmp=xmp)))
        assert valid(target)
        assert read_metadata(io.BytesIO(target.read_bytes())).xmp == xmp.rstrip(b"\0")
    wide = "<x/>".encode("utf-16-le")
    assert read_metadata(io.BytesIO(add_metadata(plain, Metadata(xmp=wide)))).xmp == wide


@pytest.mark.parametrize("words", [("--bpp", "2"), ("--profile", "neural", "--quality", "30")])
def test_learned_files_have_metadata_too(tmp_path: Path, words: tuple[str, ...]) -> None:
    profile = icc_profile(b"RGB ", b"Lab ", b"mntr", [b"A2B0", b"B2A0"])
    source, middle, target = (tmp_path / name for name in ("a.tif", "a.jp2", "b.tif"))
    picture = np.repeat(np.repeat(ramp(8, 3), 4, 0), 4, 1)[:32, :48]
    tifffile.imwrite(
        source, picture, photometric="rgb", iccprofile=profile, resolution=(300, 300), resolutionunit="inch"
    )
    assert main(["encode", str(source), str(middle), *words]) == 0
    assert valid(middle)
    assert main(["decode", str(middle), str(target)]) == 0
    with Image.open(target) as found:
        assert found.info["icc_profile"] == profile
        assert found.info["dpi"] == pytest.approx((300, 300))
        assert np.array_equal(np.asarray(found), j2klearn.decode(middle))


def test_a_profile_with_tables_comes_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = icc_profile(b"RGB ", b"Lab ", b"mntr", [b"A2B0", b"B2A0"])
    source, middle, target = (tmp_path / name for name in ("a.tif", "a.jp2", "b.tif"))
    tifffile.imwrite(source, ramp(8, 3), photometric="rgb", iccprofile=profile)
    assert main(["convert", str(source), str(middle), "--lossless", "--model", "none"]) == 0
    assert main(["decode", str(middle), str(target)]) == 0
    with tifffile.TiffFile(target) as tiff:
        assert tiff.pages[0].tags[34675].value == profile


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
        assert tifffile.imread(decoded(tmp_path, file, "a.tif")).shape == (*SIZE, 3)
