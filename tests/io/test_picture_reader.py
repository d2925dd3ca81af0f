"""Every sample of every kind of picture file is read as it is, whatever the layout of the file and its size."""

from __future__ import annotations

import io
import itertools
import os
import shutil
import struct
import subprocess
import threading
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tifffile
from jpylyzer import jpylyzer
from numpy.typing import NDArray
from PIL import Image, ImageCms

import j2klearn
from j2klearn import cli
from j2klearn.api.convert import convert
from j2klearn.api.options import EncodeOptions
from j2klearn.errors import InputError, InputWarning, J2KError, LimitError
from j2klearn.io.picture_reader import open_picture
from j2klearn.io.pictures import read_picture

from ..support.tiff_files import packed

HEIGHT, WIDTH = 41, 53
LOSSLESS = EncodeOptions(lossless=True, model=None)

LAYOUTS: dict[str, dict[str, Any]] = {
    "one strip": {"rowsperstrip": HEIGHT},
    "strips": {"rowsperstrip": 7},
    "tiles": {"tile": (16, 32)},
}
COMPRESSIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "lzw": {"compression": "lzw"},
    "deflate, predictor": {"compression": "zlib", "predictor": True},
    "packbits": {"compression": "packbits"},
    "zstd": {"compression": "zstd"},
}


class Kind(NamedTuple):
    """A kind of picture: what tifffile is to write, and the samples, depth, colours and extra components to expect."""

    image: NDArray[Any]
    options: dict[str, Any]
    expected: NDArray[Any]
    depth: int
    colour: str
    extra: tuple[str, ...] = ()


def ramp(bands: int, dtype: Any, bits: int | None = None) -> NDArray[Any]:
    """Samples over the whole range, other ones in each band."""
    y, x, k = np.mgrid[:HEIGHT, :WIDTH, :bands]
    info = np.iinfo(dtype)
    top = (1 << (bits or info.bits)) - 1
    values = (x * (k + 3) * 1237 + y * (k + 1) * 7919) % (top + 1) + (0 if bits else info.min)
    values[0, 0], values[-1, -1] = values.min(), values.max()
    out = values.astype(dtype)
    return out[:, :, 0] if bands == 1 else out


NAMES = {0: "unspecified", 1: "premultiplied", 2: "alpha"}


def kinds() -> dict[str, Kind]:
    out = {}
    for dtype in (np.uint8, np.uint16, np.int8, np.int16):
        name, bits = np.dtype(dtype).name, np.iinfo(dtype).bits
        grey = ramp(1, dtype)
        out[f"grey {name}"] = Kind(grey, {"photometric": "minisblack"}, grey, bits, "grey")
        inverted = np.iinfo(dtype).max + np.iinfo(dtype).min - grey.astype(int)
        out[f"white is zero {name}"] = Kind(
            grey, {"photometric": "miniswhite"}, inverted.astype(dtype), bits, "grey"
        )
        for extra in ((), (0,), (1,), (2,), (0, 0), (2, 0), (0, 0, 0)):
            image = ramp(3 + len(extra), dtype)
            words = tuple(NAMES[code] for code in extra)
            out[f"rgb {name} {words}"] = Kind(
                image, {"photometric": "rgb", "extrasamples": extra}, image, bits, "rgb", words
            )
        for code in (0, 1, 2):
            image = ramp(2, dtype)
            out[f"grey {name} {NAMES[code]}"] = Kind(
                image,
                {"photometric": "minisblack", "extrasamples": (code,)},
                image,
                bits,
                "grey",
                (NAMES[code],),
            )
    for bits, dtype in ((8, np.uint8), (16, np.uint16)):
        image = ramp(4, dtype)
        out[f"cmyk {bits}"] = Kind(image, {"photometric": "separated"}, image, bits, "cmyk")
        image = ramp(5, dtype)
        out[f"cmyk {bits} alpha"] = Kind(
            image, {"photometric": "separated", "extrasamples": (2,)}, image, bits, "cmyk", ("alpha",)
        )
    lab = ramp(3, np.uint8)
    out["cielab"] = Kind(lab, {"photometric": "cielab"}, lab ^ np.array([0, 128, 128], np.uint8), 8, "cielab")
    out["icclab"] = Kind(lab, {"photometric": "icclab"}, lab, 8, "cielab")
    indices = ramp(1, np.uint8)
    table = np.stack([np.arange(256) * 3 % 256, np.arange(256)[::-1], np.arange(256)]).astype(np.uint16)
    out["palette 8"] = Kind(
        indices,
        {"photometric": "palette", "colormap": table * 257},
        np.moveaxis(table[:, indices], 0, -1).astype(np.uint8),
        8,
        "rgb",
    )
    deep = (table * 211 + 7).astype(np.uint16)
    out["palette 16"] = Kind(
        indices, {"photometric": "palette", "colormap": deep}, np.moveaxis(deep[:, indices], 0, -1), 16, "rgb"
    )
    bilevel = ramp(1, np.uint8) > 99
    out["bilevel"] = Kind(bilevel, {"photometric": "minisblack"}, bilevel.astype(np.uint8), 1, "grey")
    out["bilevel, white is zero"] = Kind(
        bilevel, {"photometric": "miniswhite"}, 1 - bilevel.astype(np.uint8), 1, "grey"
    )
    return out


KINDS = kinds()


def in_pieces(picture: Any) -> NDArray[Any]:
    """Read the rows in uneven pieces, as large pictures are read."""
    cuts = (0, 5, 6, 23, HEIGHT)
    return np.concatenate([picture.samples[a:b] for a, b in itertools.pairwise(cuts)])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_matrix_of_tiff_files(tmp_path: Path, layout: str) -> None:
    """Kind x layout x compression x planes, with byte orders and BigTIFF in turn: ours equal tifffile's samples."""
    count = 0
    path = tmp_path / "a.tif"
    for (name, kind), (compression, coding) in itertools.product(KINDS.items(), COMPRESSIONS.items()):
        if "predictor" in compression and kind.image.dtype == bool:
            continue
        planes = ("contig", "separate") if kind.image.ndim == 3 else (None,)
        for planar in planes:
            options = {**kind.options, **LAYOUTS[layout], **coding}
            if kind.image.dtype == bool and planar is None and "tile" in options and "palette" in name:
                continue
            image = np.moveaxis(kind.image, -1, 0) if planar == "separate" else kind.image
            order, big = "<>"[count // 2 % 2], count % 7 == 0
            tifffile.imwrite(path, image, planarconfig=planar, byteorder=order, bigtiff=big, **options)
            with open_picture(path) as picture:
                assert (picture.colour, picture.extra) == (kind.colour, kind.extra), name
                assert picture.bit_depth == kind.depth, name
                for read in (picture.read(), in_pieces(picture)):
                    assert read.dtype == kind.expected.dtype, (name, compression, planar)
                    assert np.array_equal(read, kind.expected), (name, compression, planar)
            count += 1
    print(f"{count} combinations of TIFF files, {layout}")
    assert count > 400


@pytest.mark.parametrize("size", ["in memory", "in parts"])
def test_matrix_of_round_trips(tmp_path: Path, size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind x size class: a lossless file holds the same samples, and its boxes mean the same.

    Of kinds that there are in each dtype, a size class has every other dtype.
    """
    if size == "in parts":
        monkeypatch.setattr("j2klearn.io.memory_map.LARGE", 1)
    count, dtypes = 0, ["uint8", "uint16", "int8", "int16"]
    seen: Counter[str] = Counter()
    for name, kind in KINDS.items():
        dtype = next((dtype for dtype in dtypes if f" {dtype}" in name), None)
        if dtype is not None:
            seen[dtype] += 1
            if (seen[dtype] + dtypes.index(dtype)) % 2 == (size == "in parts"):
                continue
        source = tmp_path / "a.tif"
        tifffile.imwrite(source, kind.image, **kind.options)
        target = tmp_path / ("a.jpx" if kind.colour in ("cmyk", "cielab") else "a.jp2")
        convert(source, target, EncodeOptions(lossless=True, model=None, tile_size=32))
        if target.suffix == ".jp2":
            assert jpylyzer.checkOneFile(str(target)).findtext("isValid") == "True", name
        with warnings.catch_warnings():
            if kind.colour == "cielab":
                warnings.filterwarnings(
                    "ignore", ".*Bad COLR"
                )  # OpenJPEG's opinion of the parameters of CIELab
            decoded = j2klearn.decode(target)
        assert decoded.dtype == kind.expected.dtype, name
        assert np.array_equal(decoded, kind.expected), name
        assert j2klearn.info(target).precision == kind.depth, name
        with open_picture(target) as again:
            assert (again.colour, again.bit_depth) == (kind.colour, kind.depth), name
            assert (again.extra or ()) == kind.extra, name
            assert np.array_equal(again.read(), kind.expected), name
        count += 1
        second = tmp_path / f"b{target.suffix}"
        convert(target, second, LOSSLESS)  # JPEG 2000 to JPEG 2000
        with open_picture(second) as again:
            assert (again.colour, again.bit_depth, again.extra or ()) == (
                kind.colour,
                kind.depth,
                kind.extra,
            ), name
            assert np.array_equal(again.read(), kind.expected), name
        count += 1
    print(f"{count} round trips {size}")
    assert count > 60


def png_bytes(picture: Image.Image, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", **options)
    return out.getvalue()


def with_chunk(data: bytes, kind: bytes, content: bytes) -> bytes:
    """Insert a chunk after the image header of a PNG file."""
    chunk = struct.pack(">I", len(content)) + kind + content
    return data[:33] + chunk + struct.pack(">I", zlib.crc32(kind + content)) + data[33:]


def files() -> Iterator[tuple[str, bytes, NDArray[Any], int, tuple[str, ...]]]:
    """Yield the name and bytes of files of other formats, and the samples, depth and extra components to expect."""
    import imagecodecs

    for dtype, bits in ((np.uint8, 8), (np.uint16, 16)):
        for bands in (1, 2, 3, 4):
            image = ramp(bands, dtype)
            extra = ("alpha",) if bands in (2, 4) else ()
            yield f"{bands}x{bits}.png", imagecodecs.png_encode(image), image, bits, extra
    for bits in (1, 2, 4):
        image = ramp(1, np.uint8, bits)
        header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, bits, 0, 0, 0, 0)
        packed = [
            b"\0" + np.packbits(np.unpackbits(row[:, None], axis=1)[:, 8 - bits :].ravel()).tobytes()
            for row in image
        ]
        chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"".join(packed))), (b"IEND", b"")]
        data = b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
            for kind, body in chunks
        )
        yield f"grey{bits}.png", data, image, bits, ()
    for bits in (9, 10, 12, 14):
        image = ramp(1, np.uint16, bits)
        for how, scaled in {
            "shifted": image << (16 - bits),
            "replicated": image << (16 - bits) | image >> (2 * bits - 16),
        }.items():
            plain = imagecodecs.png_encode(scaled)
            yield f"sbit{bits}-{how}.png", with_chunk(plain, b"sBIT", bytes([bits])), image, bits, ()
        unscaled = imagecodecs.png_encode(image | (image << 5))  # sBIT is not true: nothing may be cut
        yield (
            f"false-sbit{bits}.png",
            with_chunk(unscaled, b"sBIT", bytes([bits])),
            image | (image << 5),
            16,
            (),
        )
    grey16 = ramp(1, np.uint16)
    key = int(grey16[3, 4])
    alpha = np.where(grey16 == key, 0, 65535).astype(np.uint16)
    data = with_chunk(imagecodecs.png_encode(grey16), b"tRNS", struct.pack(">H", key))
    yield "trns16.png", data, np.dstack([grey16, alpha]), 16, ("alpha",)
    rgb8 = ramp(3, np.uint8)
    indexed = Image.fromarray(rgb8).quantize(13)
    yield "palette.png", png_bytes(indexed), np.asarray(indexed.convert("RGB")), 8, ()
    yield (
        "palette-alpha.png",
        png_bytes(indexed, transparency=2),
        np.dstack(
            [np.asarray(indexed.convert("RGB")), np.where(np.asarray(indexed) == 2, 0, 255).astype(np.uint8)]
        ),
        8,
        ("alpha",),
    )
    for bits in (1, 3, 8, 10, 12, 16):
        maxval, kind = (1 << bits) - 1, (">u2" if bits > 8 else "u1")
        for bands, letter in ((1, b"5"), (3, b"6")):
            image = ramp(bands, np.uint16 if bits > 8 else np.uint8, bits)
            head = b"P%s\n# text\n%d %d\n%d\n" % (letter, WIDTH, HEIGHT, maxval)
            yield f"{bands}x{bits}.pnm", head + image.astype(kind).tobytes(), image, bits, ()
            text = b" ".join(b"%d" % value for value in image.ravel())
            head = b"P%d %d %d #\n%d " % (int(letter) - 3, WIDTH, HEIGHT, maxval)
            yield f"{bands}x{bits}-text.pnm", head + text, image, bits, ()
        for bands, words in ((2, b"GRAYSCALE_ALPHA"), (4, b"RGB_ALPHA")):
            image = ramp(bands, np.uint16 if bits > 8 else np.uint8, bits)
            head = b"P7\nWIDTH %d\nHEIGHT %d\nDEPTH %d\nMAXVAL %d\nTUPLTYPE %s\nENDHDR\n" % (
                WIDTH, HEIGHT, bands, maxval, words,
            )  # fmt: skip
            yield f"{bands}x{bits}.pam", head + image.astype(kind).tobytes(), image, bits, ("alpha",)
    bitmap = ramp(1, np.uint8, 1)
    yield (
        "raw.pbm",
        b"P4 %d %d\n" % (WIDTH, HEIGHT) + np.packbits(1 - bitmap, axis=1).tobytes(),
        bitmap,
        1,
        (),
    )
    digits = b"\n".join(b"".join(b"%d" % value for value in row) for row in 1 - bitmap)
    yield "text.pbm", b"P1\n%d %d\n" % (WIDTH, HEIGHT) + digits, bitmap, 1, ()
    for dtype in (np.uint8, np.uint16, np.int8, np.int16, ">u2"):
        for bands in (1, 3, 7):
            image = ramp(bands, np.dtype(dtype).newbyteorder("="))
            out = io.BytesIO()
            np.save(out, image.astype(dtype))
            yield f"{np.dtype(dtype).str[1:]}-{bands}.npy", out.getvalue(), image, 8 * image.itemsize, ()
    for suffix, options in {"bmp": {}, "gif": {}, "webp": {"lossless": True}, "tga": {}}.items():
        out = io.BytesIO()
        Image.fromarray(rgb8 if suffix != "gif" else ramp(1, np.uint8)).save(out, suffix, **options)
        expected = rgb8 if suffix != "gif" else ramp(1, np.uint8)
        yield f"a.{suffix}", out.getvalue(), expected, 8, ()
    for mode in ("L", "RGB"):
        out = io.BytesIO()
        Image.fromarray(rgb8 if mode == "RGB" else rgb8[:, :, 0]).save(out, "JPEG")
        yield f"{mode}.jpg", out.getvalue(), np.asarray(Image.open(out)), 8, ()
    for bits in (1, 5, 8, 10, 12, 16):
        for bands in (1, 3, 4, 6):
            image = ramp(bands, np.uint8 if bits <= 8 else np.uint16, bits)
            yield (
                f"{bands}x{bits}.jp2",
                j2klearn.encode(image, bit_depth=bits, lossless=True, model=None),
                image,
                bits,
                (),
            )


@pytest.mark.parametrize("size", ["in memory", "in parts"])
def test_matrix_of_other_formats(tmp_path: Path, size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Format x mode x depth x sign x bands x size class: the file has the samples, and so has its lossless copy."""
    if size == "in parts":
        monkeypatch.setattr("j2klearn.io.memory_map.LARGE", 1)
    count = 0
    target = tmp_path / "out.jp2"
    for name, data, expected, bits, extra in files():
        path = tmp_path / name
        path.write_bytes(data)
        with open_picture(path) as picture:
            read = picture.read()
            assert read.dtype == expected.dtype, name
            assert np.array_equal(read, expected), name
            assert picture.bit_depth in (bits, None), name
            if not name.endswith((".npy", ".jp2")):
                assert picture.extra == extra, name
        assert np.array_equal(read_picture(path), expected), name
        convert(path, target, LOSSLESS)
        assert np.array_equal(j2klearn.decode(target), expected), name
        assert j2klearn.info(target).precision == bits, name
        count += 1
    print(f"{count} files of other formats, {size}")
    assert count > 100


def test_components_of_different_sizes(tmp_path: Path) -> None:
    """Subsampled components of a JPEG 2000 file are brought to the size of the others, and a warning says so."""
    image = ramp(3, np.uint8)
    if shutil.which("opj_compress") is None:
        pytest.skip("opj_compress is not installed")
    planes = (image[:, :, 0], image[::2, ::2, 1], image[::2, ::2, 2])
    (tmp_path / "a.raw").write_bytes(b"".join(plane.tobytes() for plane in planes))
    words = ["opj_compress", "-i", tmp_path / "a.raw", "-o", tmp_path / "a.jp2"]
    subprocess.run([*words, "-F", f"{WIDTH},{HEIGHT},3,8,u@1x1:2x2:2x2"], check=True, capture_output=True)
    with pytest.warns(InputWarning, match="components of different sizes"):
        convert(tmp_path / "a.jp2", tmp_path / "b.jp2", LOSSLESS)
    assert np.array_equal(j2klearn.decode(tmp_path / "b.jp2"), j2klearn.decode(tmp_path / "a.jp2"))


def test_learned_and_neural_files_are_read_as_such(tmp_path: Path, rgb: NDArray[np.uint8]) -> None:
    for options in ({"psnr": 40, "fallback": False}, {"profile": "neural", "quality": 60}):
        source, target = tmp_path / "a.jp2", tmp_path / "b.jp2"
        source.write_bytes(j2klearn.encode(rgb[:40, :64], **options))  # type: ignore[arg-type]
        convert(source, target, LOSSLESS)
        assert np.array_equal(j2klearn.decode(target), j2klearn.decode(source))


def write_pages(path: Path, *images: NDArray[Any]) -> None:
    with tifffile.TiffWriter(path) as file:
        for image in images:
            file.write(image, contiguous=False, metadata=None)


def test_several_pages(tmp_path: Path) -> None:
    """A file of several pictures is refused; `page` takes one. Reduced copies are no further pictures."""
    path, first, second = tmp_path / "a.tif", ramp(1, np.uint8), ramp(3, np.uint16)
    write_pages(path, first, second)
    with pytest.raises(InputError, match="holds several pictures: j2klearn encode --page N"):
        open_picture(path)
    for page, image in enumerate((first, second)):
        with open_picture(path, page=page) as picture:
            assert np.array_equal(picture.read(), image)
    assert cli.main(["encode", str(path), str(tmp_path / "a.jp2"), "--lossless", "--model", "none"]) == 1
    words = ["--page", "1", "--lossless", "--model", "none"]
    for command in ("encode", "convert"):
        assert cli.main([command, str(path), str(tmp_path / "a.jp2"), *words]) == 0
        assert np.array_equal(j2klearn.decode(tmp_path / "a.jp2"), second)
    with pytest.raises(InputError, match="no page 2"):
        open_picture(path, page=2)
    with tifffile.TiffWriter(path) as file:
        file.write(second, photometric="rgb")
        file.write(second[::2, ::2], photometric="rgb", subfiletype=1)
    assert np.array_equal(read_picture(path), second)
    Image.fromarray(first).save(
        tmp_path / "a.gif", save_all=True, append_images=[Image.fromarray(255 - first)]
    )
    with pytest.raises(InputError, match="holds 2 pictures"):
        open_picture(tmp_path / "a.gif")


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "float": (lambda path: tifffile.imwrite(path, ramp(1, np.uint8).astype(np.float32)), "32-bit float32"),
    "wide": (
        lambda path: tifffile.imwrite(path, ramp(1, np.uint16).astype(np.uint32) * 7),
        "at most 16 bits",
    ),
    "lab16": (
        lambda path: tifffile.imwrite(path, ramp(3, np.uint16), photometric="cielab"),
        "CIELab samples of 16",
    ),
    "cfa": (lambda path: tifffile.imwrite(path, ramp(1, np.uint16), photometric="cfa"), "CFA"),
    "stack": (
        lambda path: tifffile.imwrite(path, np.stack([ramp(1, np.uint8)] * 3), imagej=True),
        "of pictures|several",
    ),
    "mask": (
        lambda path: [
            tifffile.imwrite(path, ramp(3, np.uint8)),
            tifffile.imwrite(path, ramp(1, np.uint8) > 3, append=True, subfiletype=4),
        ],
        "transparency mask",
    ),
    "cut off": (
        lambda path: [tifffile.imwrite(path, ramp(3, np.uint8)), path.write_bytes(path.read_bytes()[:-9])],
        "is cut off",
    ),
    "text": (lambda path: path.write_text("no picture"), "not a picture"),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "float map": (lambda path: path.write_bytes(b"Pf\n2 2\n-1.0\n" + bytes(16)), "floating-point"),
    "short pgm": (lambda path: path.write_bytes(b"P5 9 9 255\n" + bytes(80)), "is cut off"),
    "folder": (lambda path: path.mkdir(), "is a folder"),
    "none": (lambda path: None, "No such file"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_kept_is_refused_by_name(tmp_path: Path, name: str) -> None:
    write, words = REFUSED[name]
    path = tmp_path / "a.tif"
    write(path)
    with pytest.raises(InputError, match=words):
        read_picture(path)


def test_colours_that_only_jpx_says(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", ramp(4, np.uint8), photometric="separated")
    with pytest.raises(InputError, match=r"cmyk, which a JP2 file cannot say: write a \.jpx file"):
        convert(tmp_path / "a.tif", tmp_path / "a.jp2", LOSSLESS)
    assert not (tmp_path / "a.jp2").exists()
    convert(tmp_path / "a.tif", tmp_path / "a.jpx", LOSSLESS)
    with Image.open(tmp_path / "a.jpx") as picture:
        assert picture.mode == "CMYK"
    with pytest.raises(InputError, match="mean nothing without their colour space"):
        read_picture(tmp_path / "a.tif")


def test_integers_of_32_bits_that_need_only_16(tmp_path: Path) -> None:
    for dtype, want in ((np.uint32, np.uint16), (np.int32, np.int16)):
        image = ramp(1, want)
        tifffile.imwrite(tmp_path / "a.tif", image.astype(dtype))
        read = read_picture(tmp_path / "a.tif")
        assert read.dtype == want
        assert np.array_equal(read, image)


def test_a_maxval_between_powers_of_two(tmp_path: Path) -> None:
    image = ramp(1, np.uint16, 10) % 1001
    (tmp_path / "a.pgm").write_bytes(b"P5 %d %d 1000\n" % (WIDTH, HEIGHT) + image.astype(">u2").tobytes())
    with pytest.warns(InputWarning, match="the maxval 1000"):
        picture = open_picture(tmp_path / "a.pgm")
    assert picture.bit_depth == 10
    assert np.array_equal(picture.read(), image)


def test_pipes(tmp_path: Path) -> None:
    image = ramp(3, np.uint16)
    for name, write in {
        "tif": lambda path: tifffile.imwrite(path, image, photometric="rgb"),
        "jp2": lambda path: path.write_bytes(j2klearn.encode(image, lossless=True, model=None)),
    }.items():
        plain, pipe = tmp_path / f"a.{name}", tmp_path / f"pipe-{name}"
        write(plain)
        os.mkfifo(pipe)
        writer = threading.Thread(target=pipe.write_bytes, args=(plain.read_bytes(),), daemon=True)
        writer.start()
        with open_picture(pipe) as picture:
            assert np.array_equal(picture.read(), image)
        writer.join(10)


def test_limits_of_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our limit counts, and Pillow's does not."""
    Image.fromarray(ramp(3, np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(ramp(3, np.uint8)).save(tmp_path / "a.jpg")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for name in ("a.png", "a.jpg"):
        with pytest.raises(LimitError):
            read_picture(tmp_path / name, max_pixels=HEIGHT * WIDTH - 1)
        assert read_picture(tmp_path / name, max_pixels=HEIGHT * WIDTH).shape == (HEIGHT, WIDTH, 3)


def test_resolutions_that_are_there_and_that_are_not(tmp_path: Path) -> None:
    grey = ramp(1, np.uint8)

    def dpi(name: str) -> tuple[float, float] | None:
        with open_picture(tmp_path / name) as picture:
            return picture.metadata.dpi

    for unit, want in ((1, None), (2, (300.0, 150.0)), (3, (762.0, 381.0))):
        tifffile.imwrite(tmp_path / "a.tif", grey, resolution=(300, 150), resolutionunit=unit)
        assert dpi("a.tif") == (want if want is None else pytest.approx(want))
    exif = Image.Exif()
    exif[0x010F] = "maker"
    Image.fromarray(grey).save(tmp_path / "a.jpg", exif=exif)
    assert dpi("a.jpg") is None
    Image.fromarray(grey).save(tmp_path / "a.jpg", dpi=(96, 96))
    assert dpi("a.jpg") == pytest.approx((96, 96))
    Image.fromarray(grey).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(
        with_chunk((tmp_path / "a.png").read_bytes(), b"pHYs", struct.pack(">IIB", 3, 1, 0))
    )
    assert dpi("a.png") is None
    assert dpi("b.png") is None


def test_metadata_of_every_size_and_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ICC, EXIF, XMP, IPTC and resolution of a TIFF file arrive in the JP2 file, whatever its size."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    tags = [
        (270, "s", 0, "a map", True),
        (34675, 7, len(profile), profile, True),
        (700, 1, 6, b"<xmp/>", True),
        (33723, 7, 5, b"\x1c\x02\x05\x00\x00", True),
        (33550, "d", 3, (10.0, 10.0, 0.0), True),
    ]
    for bands in (3, 5):
        image = ramp(bands, np.uint16)
        tifffile.imwrite(
            tmp_path / "a.tif", image, photometric="rgb", extratags=tags, resolution=(300, 300), resolutionunit=2,
            metadata=None, extrasamples=[0] * (bands - 3), tile=(16, 16), compression="zlib",
        )  # fmt: skip
        for large in (1 << 26, 1):
            monkeypatch.setattr("j2klearn.io.memory_map.LARGE", large)
            convert(tmp_path / "a.tif", tmp_path / "a.jp2", LOSSLESS)
            convert(tmp_path / "a.jp2", tmp_path / "b.jp2", LOSSLESS)
            for name in ("a.jp2", "b.jp2"):
                with open_picture(tmp_path / name) as picture:
                    found = picture.metadata
                    assert np.array_equal(picture.read(), image)
                    assert sum(b"\x1c\x02\x05" in content for _, content in picture.other_boxes) == 1
                assert found.icc_profile == profile
                assert found.xmp == b"<xmp/>"
                assert found.dpi == pytest.approx((300, 300), rel=1e-9)
                assert found.geotiff is not None
                exif = Image.Exif()
                exif.load(b"Exif\0\0" + (found.exif or b""))
                assert exif[270] == "a map"


def test_a_codestream_keeps_no_metadata_and_says_so(tmp_path: Path) -> None:
    Image.fromarray(ramp(3, np.uint8)).save(tmp_path / "a.png", dpi=(300, 300))
    with pytest.warns(InputWarning, match="cannot keep the resolution of"):
        convert(tmp_path / "a.png", tmp_path / "a.j2k", LOSSLESS)
    assert (tmp_path / "a.j2k").read_bytes().startswith(b"\xff\x4f\xff\x51")


def test_jp2_boxes_stay(tmp_path: Path) -> None:
    """The palette of a JP2 file is applied; XML, unknown UUID boxes and the resolution stay as they are."""
    from j2klearn.jp2.boxes import box, uuid_box
    from j2klearn.jp2.kept_boxes import with_boxes

    indices = ramp(1, np.uint8) % 4
    plain = j2klearn.encode(indices, bit_depth=2, lossless=True, model=None)
    at = plain.index(b"jp2c") - 4
    palette = np.array([[1, 2, 3], [200, 100, 50], [0, 0, 0], [255, 254, 253]], np.uint8)
    pclr = struct.pack(">HB3B", 4, 3, 7, 7, 7) + palette.tobytes()
    cmap = b"".join(struct.pack(">HBB", 0, 1, column) for column in range(3))
    colr = struct.pack(">BBBI", 1, 0, 0, 16)
    resd = box(b"resd", struct.pack(">HHHHbb", 7, 2, 9, 2, 1, 1))
    head = with_boxes(
        plain[:at],
        [(b"colr", colr), (b"pclr", pclr), (b"cmap", cmap), (b"res ", resd)],
        [(b"xml ", b"<a/>")],
        jpx=False,
    )
    source, target = tmp_path / "a.jp2", tmp_path / "b.jp2"
    source.write_bytes(head + plain[at:] + uuid_box(b"0123456789abcdef", b"mine"))
    convert(source, target, LOSSLESS)
    assert np.array_equal(j2klearn.decode(target), palette[indices])
    data = target.read_bytes()
    assert resd in data
    assert box(b"xml ", b"<a/>") in data
    assert uuid_box(b"0123456789abcdef", b"mine") in data
    assert b"pclr" not in data


def test_damaged_files_raise_our_errors(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    small = [(name, data) for name, data, *_ in files() if len(data) < 30_000]
    for name, kind in list(KINDS.items())[::5]:
        out = io.BytesIO()
        tifffile.imwrite(out, kind.image, compression="lzw", tile=(16, 16), **kind.options)
        small.append((f"{name}.tif", out.getvalue()))
    path = tmp_path / "damaged"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _, data in small:
            for _ in range(6):
                changed = bytearray(data[: int(rng.integers(1, len(data) + 1))])
                for _ in range(int(rng.integers(0, 6))):
                    changed[int(rng.integers(0, min(len(changed), 400)))] = int(rng.integers(0, 256))
                path.write_bytes(changed)
                try:
                    with open_picture(path, max_pixels=1 << 20) as picture:
                        if picture.pixels < 1 << 20:
                            picture.read()
                except J2KError:
                    pass


def png(samples: NDArray[Any], bits: int, colour_type: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG file written chunk by chunk."""
    height, width = samples.shape[:2]
    content = packed(samples, bits, ">")
    row = len(content) // height
    lines = b"".join(b"\0" + content[at : at + row] for at in range(0, len(content), row))
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    every = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in every
    )


@pytest.mark.parametrize(("bands", "bits"), [(1, 1), (1, 2), (1, 4), (1, 8), (1, 16), (3, 8), (3, 16)])
def test_transparent_colours_of_png(tmp_path: Path, bands: int, bits: int) -> None:
    """A transparent colour (tRNS) becomes an alpha component of the depth of the file."""
    image = ramp(bands, np.uint8 if bits <= 8 else np.uint16, bits)
    key = image.reshape(-1, bands)[77]
    path = tmp_path / "a.png"
    content = struct.pack(f">{bands}H", *(int(value) for value in key))
    path.write_bytes(png(image, bits, 0 if bands == 1 else 2, (b"tRNS", content)))
    opaque = (image.reshape(HEIGHT, WIDTH, bands) != key).any(2)
    expected = np.dstack([image, (opaque * ((1 << bits) - 1)).astype(image.dtype)])
    with open_picture(path) as picture:
        assert (picture.bit_depth, picture.extra) == (bits, ("alpha",))
        assert np.array_equal(picture.read(), expected)
    convert(path, tmp_path / "a.jp2", LOSSLESS)
    assert np.array_equal(j2klearn.decode(tmp_path / "a.jp2"), expected)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes_of_png(tmp_path: Path, bits: int) -> None:
    indices = ramp(1, np.uint8, bits)
    colours = (
        ramp(3, np.uint8)[: 1 << bits, 0] if bits < 6 else np.random.default_rng(1).integers(0, 256, (256, 3))
    )
    colours = colours.astype(np.uint8)
    alpha = np.arange(255, 255 - (1 << bits) // 2 - 1, -1).astype(np.uint8)  # the others are opaque
    full = np.concatenate([alpha, np.full(256, 255, np.uint8)])
    path = tmp_path / "a.png"
    path.write_bytes(png(indices, bits, 3, (b"sBIT", b"\5\6\5"), (b"PLTE", colours.tobytes())))
    assert np.array_equal(read_picture(path), colours[indices])
    path.write_bytes(png(indices, bits, 3, (b"PLTE", colours.tobytes()), (b"tRNS", alpha.tobytes())))
    assert np.array_equal(read_picture(path), np.dstack([colours[indices], full[indices]]))


def test_animated_png(tmp_path: Path) -> None:
    image = ramp(1, np.uint8)
    for frames in (1, 2):
        (tmp_path / "a.png").write_bytes(png(image, 8, 0, (b"acTL", struct.pack(">II", frames, 0))))
        if frames == 1:
            assert np.array_equal(read_picture(tmp_path / "a.png"), image)
        else:
            with pytest.raises(InputError, match="is an animation"):
                open_picture(tmp_path / "a.png")


def test_inks_of_jpeg_files(tmp_path: Path) -> None:
    """With an Adobe marker, 0 means all ink, in CMYK and in YCCK. Without one, a warning says that this is assumed."""
    import imagecodecs

    y, x = np.mgrid[:48, :64]
    inks = np.dstack([x * 3, y * 4, x + y, 2 * y]).astype(np.uint8)
    path = tmp_path / "a.jpg"
    for space, transform in (("CMYK", 0), ("YCCK", 2)):
        data = imagecodecs.jpeg8_encode(255 - inks, level=99, colorspace="CMYK", outcolorspace=space)
        at = data.index(b"Adobe")
        assert data[at + 11] == transform
        path.write_bytes(data)
        with open_picture(path) as picture:
            assert picture.colour == "cmyk"
            assert np.abs(picture.read().astype(int) - inks).mean() < 1.5
    plain = imagecodecs.jpeg8_encode(255 - inks, level=99, colorspace="CMYK", outcolorspace="CMYK")
    at = plain.index(b"Adobe") - 4
    path.write_bytes(plain[:at] + plain[at + 16 :])
    with pytest.warns(InputWarning, match="does not say whether 0 means no ink"):
        open_picture(path)


def test_deep_jpeg_files_are_refused(tmp_path: Path) -> None:
    import imagecodecs

    path = tmp_path / "a.jpg"
    for data, bits in (
        (imagecodecs.jpeg8_encode(ramp(1, np.uint16, 12), bitspersample=12), 12),
        (imagecodecs.ljpeg_encode(ramp(1, np.uint16)), 16),
    ):
        path.write_bytes(data)
        with pytest.raises(InputError, match=f"JPEG file of {bits} bits per sample"):
            open_picture(path)


def test_arrays_of_other_types_are_refused(tmp_path: Path) -> None:
    for image in (np.zeros((4, 4)), np.zeros((4, 4), np.int64), np.zeros((4, 4), np.complex64)):
        np.save(tmp_path / "a.npy", image)
        with pytest.raises(InputError, match=f"samples of type {image.dtype}"):
            open_picture(tmp_path / "a.npy")


def test_truncated_files_are_refused(tmp_path: Path) -> None:
    """A copy of a truncated file would look complete."""
    image = ramp(3, np.uint8)
    picture = Image.fromarray(image)
    files = {
        "a.jp2": j2klearn.encode(image, lossless=True, model=None),
        "a.j2k": j2klearn.encode(image, jp2=False),
    }
    for name in ("a.png", "a.jpg", "a.tif", "a.gif", "a.webp", "a.bmp", "a.ppm", "a.tga"):
        picture.save(tmp_path / name)
        files[name] = (tmp_path / name).read_bytes()
    for name, data in files.items():
        (tmp_path / name).write_bytes(data[: len(data) * 2 // 3])
        with pytest.raises(J2KError):
            convert(tmp_path / name, tmp_path / "out.jp2", LOSSLESS)
        assert not (tmp_path / "out.jp2").exists()


@pytest.mark.parametrize("size", ["in memory", "in parts"])
@pytest.mark.parametrize("suffix", ["tif", "png", "ppm", "npy", "jp2", "jpg"])
def test_the_limit_counts_for_every_size(
    tmp_path: Path, suffix: str, size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if size == "in parts":
        monkeypatch.setattr("j2klearn.io.memory_map.LARGE", 1)
    path, image = tmp_path / f"a.{suffix}", ramp(3, np.uint8)
    if suffix == "npy":
        np.save(path, image)
    elif suffix == "jp2":
        path.write_bytes(j2klearn.encode(image))
    else:
        Image.fromarray(image).save(path)
    for options in (LOSSLESS, EncodeOptions(psnr=40, model=None)):
        with pytest.raises(LimitError):
            convert(path, tmp_path / "out.jp2", replace(options, max_pixels=HEIGHT * WIDTH - 1))
        for limit in (HEIGHT * WIDTH, None):
            assert (
                convert(path, tmp_path / "out.jp2", replace(options, max_pixels=limit)).pixels
                == image[..., 0].size
            )


def test_the_default_limit_is_not_for_pictures_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("j2klearn.api.convert.MAX_PIXELS", 100)
    monkeypatch.setattr("j2klearn.io.memory_map.LARGE", 50)
    tifffile.imwrite(tmp_path / "a.tif", ramp(3, np.uint8), photometric="rgb")
    convert(tmp_path / "a.tif", tmp_path / "a.jp2", replace(LOSSLESS, max_pixels=100))
    monkeypatch.setattr("j2klearn.io.memory_map.LARGE", 1 << 26)
    with pytest.raises(LimitError):
        convert(tmp_path / "a.tif", tmp_path / "a.jp2", replace(LOSSLESS, max_pixels=100))


def test_the_orientation_is_kept_as_it_is(tmp_path: Path) -> None:
    """The samples are not turned, and EXIF still says how to show them."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "turned"
    image = ramp(3, np.uint8)
    for suffix, options in {"tif": {}, "png": {}, "jpg": {}, "webp": {"lossless": True}}.items():
        path = tmp_path / f"a.{suffix}"
        Image.fromarray(image).save(path, exif=exif, **options)
        convert(path, tmp_path / "a.jp2", LOSSLESS)
        with open_picture(tmp_path / "a.jp2") as picture:
            assert picture.shape == image.shape
            found = Image.Exif()
            found.load(b"Exif\0\0" + (picture.metadata.exif or b""))
            assert found[0x0112] == 6, suffix


@pytest.mark.parametrize("content", [b"x", b"II", b"\x89P", b"\x00" * 3, b"GIF8"])
def test_files_of_a_few_bytes_are_no_pictures(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_picture(path)
    assert "buffer" not in str(caught.value)
