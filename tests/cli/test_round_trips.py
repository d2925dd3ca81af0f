"""A picture file that was encoded without loss and decoded to its format has the same samples, meaning and metadata."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from jpylyzer import jpylyzer
from numpy.typing import NDArray
from PIL import Image, ImageCms

from j2klearn import cli
from j2klearn.io.input_picture import InputPicture
from j2klearn.io.picture_reader import open_picture

from ..support.tiff_files import packed, tiff_bytes

HEIGHT, WIDTH = 37, 51
SHORT, LOSSLESS = 3, ("--lossless", "--model", "none")


def noise(bands: int, bits: int, signed: bool = False) -> NDArray[Any]:
    rng = np.random.default_rng(bands + 100 * bits)
    image = rng.integers(0, 1 << bits, (HEIGHT, WIDTH, bands)) - (signed << (bits - 1))
    image = image.astype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}")
    return image[:, :, 0] if bands == 1 else image


def there_and_back(source: Path, folder: Path) -> Path:
    with open_picture(source) as picture:
        middle = folder / ("a.jpx" if picture.colour in ("cmyk", "cielab") else "a.jp2")
    target = folder / f"back{source.suffix}"
    assert cli.main(["encode", str(source), str(middle), *LOSSLESS]) == 0
    assert cli.main(["decode", str(middle), str(target)]) == 0
    return target


def meaning(picture: InputPicture) -> tuple[Any, ...]:
    return picture.colour, picture.extra, picture.bit_depth, picture.samples.dtype, picture.shape


def same(source: Path, target: Path) -> None:
    with open_picture(source) as before, open_picture(target) as after:
        assert meaning(after) == meaning(before)
        assert np.array_equal(after.read(), before.read())


@pytest.mark.parametrize("size", ["in memory", "in parts"])
def test_tiff(
    tmp_path: Path, size: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bands x meaning of the extra bands x depth x sign."""
    if size == "in parts":
        monkeypatch.setattr("j2klearn.io.memory_map.LARGE", 1)
    source, count = tmp_path / "a.tif", 0
    grey, rgb, rgbn, cmyk, lab = (1, 1, ()), (3, 2, ()), (6, 2, (0,) * 3), (4, 5, ()), (3, 8, ())
    alphas = [(2, 1, (2,)), (2, 1, (1,)), (4, 2, (2,)), (4, 2, (1,)), (4, 2, (0,)), rgbn]
    kinds = itertools.chain(
        itertools.product((1, 2, 4, 8, 10, 12, 16), (grey, rgb), (False,)),
        itertools.product((8, 10, 16), alphas, (False,)),
        itertools.product((8, 16), ((6, 2, (2, 0, 0)), cmyk), (False,)),
        itertools.product((8,), (lab,), (False,)),
        itertools.product((8, 16), (grey, rgb, (5, 2, (0, 0))), (True,)),
    )
    for bits, (bands, photometric, extra), signed in kinds:
        image = noise(bands, bits, signed)
        tags: dict[int, tuple[int, Any]] = {338: (SHORT, extra)} if extra else {}
        if signed:
            tags[339] = (SHORT, [2] * bands)
        strip = image.astype("<i2").tobytes() if signed and bits == 16 else packed(image, bits)
        source.write_bytes(tiff_bytes(image.shape, bits, photometric, [strip], tags=tags))
        same(source, there_and_back(source, tmp_path))
        count += 1
    with capsys.disabled():
        print(f"{count} round trips of TIFF files {size}")


@pytest.mark.parametrize("suffix", ["png", "pgm", "ppm", "pam", "npy"])
def test_other_formats(tmp_path: Path, suffix: str) -> None:
    import imagecodecs

    path = tmp_path / f"a.{suffix}"
    kinds = {
        "png": [(bands, bits) for bands in (1, 2, 3, 4) for bits in (8, 16)],
        "pgm": [(1, bits) for bits in (1, 4, 8, 10, 12, 16)],
        "ppm": [(3, bits) for bits in (1, 4, 8, 10, 12, 16)],
        "pam": [(bands, bits) for bands in (1, 2, 3, 4) for bits in (8, 12, 16)],
        "npy": [(bands, bits) for bands in (1, 3, 5) for bits in (8, 16)],
    }
    tuples = {1: "GRAYSCALE", 2: "GRAYSCALE_ALPHA", 3: "RGB", 4: "RGB_ALPHA"}
    for bands, bits in kinds[suffix]:
        image, top = noise(bands, bits), (1 << bits) - 1
        image.flat[0] = top
        raw = image.astype(">u2" if bits > 8 else "u1").tobytes()
        if suffix == "png":
            path.write_bytes(imagecodecs.png_encode(image))
        elif suffix == "npy":
            np.save(path, image)
        elif suffix == "pam":
            lines = ("P7", f"WIDTH {WIDTH}", f"HEIGHT {HEIGHT}", f"DEPTH {bands}", f"MAXVAL {top}")
            head = "\n".join((*lines, f"TUPLTYPE {tuples[bands]}", "ENDHDR\n"))
            path.write_bytes(head.encode() + raw)
        else:
            path.write_bytes(b"P%d %d %d %d\n" % (5 if bands == 1 else 6, WIDTH, HEIGHT, top) + raw)
        same(path, there_and_back(path, tmp_path))


def exiftool(path: Path) -> dict[str, Any]:
    text = subprocess.run(
        ["exiftool", "-j", "-n", "-struct", "-G1", str(path)], check=True, capture_output=True, text=True
    ).stdout
    (found,) = json.loads(text)
    return dict(found)


@pytest.mark.parametrize("size", ["in memory", "in parts"])
def test_metadata_of_a_map(tmp_path: Path, size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """TIFF to JP2 to JP2 to TIFF: ICC profile, resolution, EXIF, XMP, IPTC and georeferencing stay."""
    if size == "in parts":
        monkeypatch.setattr("j2klearn.io.memory_map.LARGE", 1)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
    iptc = b"\x1c\x02\x00\x00\x02\x00\x02\x1c\x02\x05\x00\x04Town"
    keys = (1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 32633)
    tags: list[tuple[Any, ...]] = [
        (0x010E, "s", 0, "a map", True),
        (0x013B, "s", 0, "the artist", True),
        (0x0112, "H", 1, 3, True),
        (34675, 7, len(profile), profile, True),
        (700, 1, len(xmp), xmp, True),
        (33723, 7, len(iptc), iptc, True),
        (33550, "d", 3, (10.0, 10.0, 0.0), True),
        (33922, "d", 6, (0.0, 0.0, 0.0, 5e5, 5e6, 0.0), True),
        (34735, "H", len(keys), keys, True),
    ]
    source, first, second, target = (tmp_path / name for name in ("a.tif", "a.jp2", "b.jp2", "b.tif"))
    image = noise(3, 16)
    tifffile.imwrite(
        source, image, photometric="rgb", extratags=tags, resolution=(300, 254), resolutionunit=2, metadata=None,
        software=False,
    )  # fmt: skip
    for command in (("encode", source, first), ("convert", first, second)):
        assert cli.main([*(str(word) for word in command), *LOSSLESS]) == 0
    assert cli.main(["decode", str(second), str(target)]) == 0
    for path in (first, second):
        assert jpylyzer.checkOneFile(str(path)).findtext("isValid") == "True"
    same(source, target)
    with tifffile.TiffFile(source) as before, tifffile.TiffFile(target) as after:
        assert after.pages[0].tags.valueof(34675) == profile  # type: ignore[union-attr]
        assert after.geotiff_metadata == before.geotiff_metadata
        assert np.array_equal(after.asarray(), image)
    with Image.open(target) as picture:
        assert picture.info["dpi"] == pytest.approx((300, 254))
    if shutil.which("exiftool") is None:
        return
    old, new = exiftool(source), exiftool(target)
    names = ("ImageDescription", "Artist", "Orientation", "PixelScale", "ModelTiePoint")
    for name in (*(f"IFD0:{name}" for name in names), "IPTC:ObjectName", "ICC_Profile:ProfileDescription"):
        assert new[name] == old[name], name
