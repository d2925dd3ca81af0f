"""TIFF files of every depth and layout that TIFF 6.0 allows, written tag by tag."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.api.convert import convert
from j2klearn.api.options import EncodeOptions
from j2klearn.errors import InputError
from j2klearn.io.picture_reader import open_picture

from ..support.tiff_files import packed, tiff_bytes

HEIGHT, WIDTH = 37, 51
LOSSLESS = EncodeOptions(lossless=True, model=None)
SHORT = 3
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, SEPARATED, YCC = 0, 1, 2, 3, 5, 6
EXTRA = {0: "unspecified", 1: "premultiplied", 2: "alpha"}

#: Components, PhotometricInterpretation, ExtraSamples (None: no such tag), and the colours and extra components meant.
BANDS: list[tuple[int, int, tuple[int, ...] | None, str, tuple[str, ...]]] = [
    (1, WHITE_IS_ZERO, None, "grey", ()),
    (1, BLACK_IS_ZERO, None, "grey", ()),
    (2, BLACK_IS_ZERO, (2,), "grey", ("alpha",)),
    (2, WHITE_IS_ZERO, (1,), "grey", ("premultiplied",)),
    (2, BLACK_IS_ZERO, None, "grey", ("unspecified",)),
    (3, BLACK_IS_ZERO, None, "rgb", ()),
    (7, BLACK_IS_ZERO, None, "rgb", ("unspecified",) * 4),
    (3, RGB, None, "rgb", ()),
    (4, RGB, None, "rgb", ("unspecified",)),
    (4, RGB, (0,), "rgb", ("unspecified",)),
    (4, RGB, (1,), "rgb", ("premultiplied",)),
    (6, RGB, None, "rgb", ("unspecified",) * 3),
    (6, RGB, (2,), "rgb", ("alpha", "unspecified", "unspecified")),
    (4, SEPARATED, None, "cmyk", ()),
    (5, SEPARATED, (2,), "cmyk", ("alpha",)),
]


def noise(shape: tuple[int, ...], bits: int) -> NDArray[Any]:
    rng = np.random.default_rng(bits)
    return rng.integers(0, 1 << bits, shape).astype(np.uint8 if bits <= 8 else np.uint16)


@pytest.mark.parametrize("size", ["in memory", "in parts"])
def test_depths_and_layouts(tmp_path: Path, size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each size class has every depth and layout with two of the four byte orders and planes, in turn."""
    if size == "in parts":
        monkeypatch.setattr("j2klearn.io.memory_map.LARGE", 1)
    path, count = tmp_path / "a.tif", 0
    for at, (bits, bands, order, planar) in enumerate(
        itertools.product((1, 2, 4, 6, 8, 10, 12, 14, 16), BANDS, "<>", (False, True))
    ):
        turn = at // 4 + at // (4 * len(BANDS)) + (order == ">") + planar
        if turn % 2 == (size == "in parts"):
            continue
        big = count % 3 == 0  # BigTIFF has the same samples after a header of its own
        number, photometric, extra, colour, meant = bands
        image = noise((HEIGHT, WIDTH, number), bits)
        planes = [image[:, :, index] for index in range(number)] if planar else [image]
        strips = [packed(plane, bits, order) for plane in planes]
        tags = {} if extra is None else {338: (SHORT, extra)}
        path.write_bytes(
            tiff_bytes(image.shape, bits, photometric, strips, order=order, big=big, planar=planar, tags=tags)
        )
        expected = image.copy()
        if photometric == WHITE_IS_ZERO:
            expected[:, :, 0] = (1 << bits) - 1 - expected[:, :, 0]
        expected = expected[:, :, 0] if number == 1 else expected
        with open_picture(path) as picture:
            assert (picture.colour, picture.extra, picture.bit_depth) == (colour, meant, bits), bands
            assert picture.samples.dtype == expected.dtype, bands
            assert np.array_equal(picture.read(), expected), (bits, bands, order)
            assert np.array_equal(picture.samples[5:23], expected[5:23]), (bits, bands, order)
        if order == "<" and not planar:
            target = tmp_path / ("a.jpx" if colour == "cmyk" else "a.jp2")
            convert(path, target, LOSSLESS)
            assert np.array_equal(j2klearn.decode(target), expected), (bits, bands)
            assert j2klearn.info(target).precision == bits
        count += 1
    print(f"{count} TIFF files, {size}")
    assert count == 9 * len(BANDS) * 2


def test_reversed_bits(tmp_path: Path) -> None:
    """FillOrder 2: the lowest bit of a byte comes first."""
    image = noise((HEIGHT, WIDTH), 1)
    strip = bytes(int(f"{byte:08b}"[::-1], 2) for byte in packed(image, 1))
    (tmp_path / "a.tif").write_bytes(
        tiff_bytes(image.shape, 1, WHITE_IS_ZERO, [strip], tags={266: (SHORT, [2])})
    )
    with open_picture(tmp_path / "a.tif") as picture:
        assert np.array_equal(picture.read(), 1 - image)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("deep", [False, True])
def test_palettes(tmp_path: Path, bits: int, deep: bool) -> None:
    indices = noise((HEIGHT, WIDTH), bits)
    colours = noise((1 << bits, 3), 16 if deep else 8)
    table = colours if deep else colours.astype(np.uint16) * 257
    (tmp_path / "a.tif").write_bytes(
        tiff_bytes(
            indices.shape, bits, PALETTE, [packed(indices, bits)], tags={320: (SHORT, table.T.ravel())}
        )
    )
    with open_picture(tmp_path / "a.tif") as picture:
        assert picture.bit_depth == (16 if deep else 8)
        assert np.array_equal(picture.read(), colours[indices])


def test_files_without_a_photometric_interpretation(tmp_path: Path) -> None:
    """They are read as libtiff reads them: black is zero, and three or four components are RGB."""
    for number, colour in ((1, "grey"), (3, "rgb"), (4, "rgb")):
        image = noise((HEIGHT, WIDTH, number), 8)
        (tmp_path / "a.tif").write_bytes(tiff_bytes(image.shape, 8, None, [packed(image, 8)]))
        with open_picture(tmp_path / "a.tif") as picture:
            assert picture.colour == colour
            assert np.array_equal(picture.read().reshape(image.shape), image)


def test_ycc_of_the_full_range(tmp_path: Path) -> None:
    """Without subsampling, and with the levels of sYCC, the samples are kept; the colour space is sYCC."""
    image = noise((HEIGHT, WIDTH, 3), 8)
    levels = [(0, 1), (255, 1), (128, 1), (255, 1), (128, 1), (255, 1)]
    tags: dict[int, tuple[int, Any]] = {530: (SHORT, [1, 1]), 532: (5, levels)}
    (tmp_path / "a.tif").write_bytes(tiff_bytes(image.shape, 8, YCC, [packed(image, 8)], tags=tags))
    convert(tmp_path / "a.tif", tmp_path / "a.jp2", LOSSLESS)
    for name in ("a.tif", "a.jp2"):
        with open_picture(tmp_path / name) as picture:
            assert picture.colour == "sycc"
            assert np.array_equal(picture.read(), image)


def _file(shape: tuple[int, ...], bits: Any, photometric: int, **tags: Any) -> Callable[[], bytes]:
    size = int(np.prod(shape)) * 8
    further = {int(name.removeprefix("tag")): value for name, value in tags.items()}
    return lambda: tiff_bytes(shape, bits, photometric, [bytes(size)], tags=further)


GREY, COLOUR = (HEIGHT, WIDTH), (HEIGHT, WIDTH, 3)
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "unequal depths": (_file(COLOUR, (5, 6, 5), RGB), r"different depths \(5, 6, 5 bits\)"),
    "shallow alpha": (_file((9, 9, 4), (16, 16, 16, 8), RGB), "different depths"),
    "mixed signs": (_file(COLOUR, 8, RGB, tag339=(SHORT, [1, 2, 1])), "unusual way"),
    "float16": (_file(GREY, 16, BLACK_IS_ZERO, tag339=(SHORT, [3])), "16-bit float16"),
    "float24": (_file(GREY, 24, BLACK_IS_ZERO, tag339=(SHORT, [3])), "24-bit float"),
    "float64": (_file(GREY, 64, BLACK_IS_ZERO, tag339=(SHORT, [3])), "64-bit float64"),
    "complex": (_file(GREY, 64, BLACK_IS_ZERO, tag339=(SHORT, [6])), "complex64"),
    "24 bits": (_file(GREY, 24, BLACK_IS_ZERO), "samples of 24 bits"),
    "LogLuv": (_file(GREY, 16, 32844), "LOGL samples"),
    "mask": (_file(GREY, 1, 4), "MASK samples"),
    "ITU Lab": (_file(COLOUR, 8, 10), "ITULAB samples"),
    "two inks": (_file((9, 9, 2), 8, SEPARATED), "2 SEPARATED samples per pixel"),
    "spot inks": (_file((9, 9, 5), 8, SEPARATED, tag332=(SHORT, [2])), "other inks than CMYK"),
    "video levels": (_file(COLOUR, 8, YCC, tag530=(SHORT, [1, 1])), "another kind than sYCC"),
    "subsampled": (_file(COLOUR, 8, YCC, tag530=(SHORT, [2, 2])), "another kind than sYCC"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(tmp_path: Path, name: str) -> None:
    content, words = REFUSED[name]
    (tmp_path / "a.tif").write_bytes(content())
    with pytest.raises(InputError, match=words):
        open_picture(tmp_path / "a.tif")
