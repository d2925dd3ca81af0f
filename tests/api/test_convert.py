"""`j2klearn convert` and `j2klearn info`: pictures and their metadata are preserved."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

import j2klearn
from j2klearn.cli import main
from j2klearn.jp2.metadata import Metadata, add_metadata, read_metadata
from j2klearn.jp2.peek import is_learned, top_boxes
from tests.support.judges import psnr

GEO = [
    (33550, "d", 3, (10.0, 10.0, 0.0), True),
    (33922, "d", 6, (0.0, 0.0, 0.0, 5e5, 4e6, 0.0), True),
    (34735, "H", 8, (1, 1, 0, 1, 3072, 0, 1, 32633), True),
]


def metadata_of(path: Path) -> Metadata:
    with path.open("rb") as stream:
        return read_metadata(stream)


@pytest.fixture
def folder(tmp_path: Path, rgb: NDArray[np.uint8]) -> Path:
    """A folder of pictures with metadata."""
    source = tmp_path / "in"
    (source / "sub").mkdir(parents=True)
    image = rgb[:96, :120]
    exif = Image.Exif()
    exif[0x010E] = "from a camera"
    Image.fromarray(image).save(
        source / "photo.JPG", exif=exif, dpi=(300, 300), quality=97, icc_profile=b"icc" * 50
    )
    Image.fromarray(np.dstack([image, image[:, :, 0]])).save(source / "sub" / "alpha.png", dpi=(72, 72))
    bands = np.dstack([image, image[:, :, :2]]).astype(np.uint16) * 200
    tifffile.imwrite(
        source / "map.tif", bands, photometric="minisblack", planarconfig="contig", extratags=GEO
    )
    tifffile.imwrite(source / "height.tiff", (image[:, :, 0].astype(np.int16) - 100) * 50)
    (source / "notes.txt").write_text("not a picture")
    return source


def test_a_folder(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["convert", str(folder), str(out), "--ratio", "6"]) == 0
    files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.jp2"))
    assert files == ["height.jp2", "map.jp2", "photo.jp2", "sub/alpha.jp2"]
    assert capsys.readouterr().out.count(" bytes") == 4

    photo = metadata_of(out / "photo.jp2")
    assert photo.icc_profile == b"icc" * 50
    assert photo.dpi == pytest.approx((300, 300))
    assert photo.exif is not None
    exif = Image.Exif()
    exif.load(b"Exif\x00\x00" + photo.exif)
    assert exif[0x010E] == "from a camera"

    assert metadata_of(out / "sub" / "alpha.jp2").dpi == pytest.approx((72, 72), rel=1e-3)
    assert j2klearn.decode(out / "sub" / "alpha.jp2").shape == (96, 120, 4)

    bands = metadata_of(out / "map.jp2")
    assert bands.geotiff is not None
    with tifffile.TiffFile(io.BytesIO(bands.geotiff)) as tiff:
        tags = {tag.code: tag.value for tag in tiff.pages[0].tags}
    assert all(tags[code] == value for code, _, _, value, _ in GEO)
    original = tifffile.imread(folder / "map.tif")
    assert psnr(original, j2klearn.decode(out / "map.jp2"), 51000) > 30

    height = j2klearn.decode(out / "height.jp2")
    assert height.dtype == np.int16
    assert psnr(tifffile.imread(folder / "height.tiff"), height, 12700) > 30


def test_lossless(folder: Path, tmp_path: Path) -> None:
    assert (
        main(["convert", str(folder / "map.tif"), str(tmp_path / "a.jp2"), "--lossless", "--model", "none"])
        == 0
    )
    assert np.array_equal(j2klearn.decode(tmp_path / "a.jp2"), tifffile.imread(folder / "map.tif"))


def test_one_bad_file_does_not_stop_the_others(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad.png").write_bytes(b"no picture")
    assert main(["convert", str(folder), str(tmp_path / "out")]) == 1
    assert "bad.png" in capsys.readouterr().err
    assert len(list((tmp_path / "out").rglob("*"))) == 5  # four files and a folder
    assert main(["convert", str(tmp_path / "none"), str(tmp_path / "x.jp2")]) == 1
    (tmp_path / "empty").mkdir()
    assert main(["convert", str(tmp_path / "empty"), str(tmp_path / "y")]) == 2
    assert main(["convert", str(folder / "map.tif"), str(folder / "map.tif"), str(tmp_path / "y")]) == 2


def test_decoding_to_picture_files(folder: Path, tmp_path: Path) -> None:
    for name in ("map.tif", "height.tiff", "sub/alpha.png"):
        coded = tmp_path / "a.jp2"
        back = (tmp_path / name.replace("/", "-")).with_suffix(Path(name).suffix)
        assert main(["convert", str(folder / name), str(coded)]) == 0
        assert main(["decode", str(coded), str(back)]) == 0
        from j2klearn.io.pictures import read_picture

        assert np.array_equal(read_picture(back), j2klearn.decode(coded))


def test_info_says_what_is_in_a_file(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["convert", str(folder / "map.tif"), str(tmp_path / "map.jp2")])
    capsys.readouterr()
    assert main(["info", str(tmp_path / "map.jp2")]) == 0
    text = capsys.readouterr().out
    for words in (
        "120 x 96, 5 component(s) of 16 bits",
        "colour, colour, colour, unspecified, unspecified",
        ": GeoTIFF",
        ": sRGB",
        ": learned transform",
        "COD marker segment",
    ):
        assert words in text
    assert main(["info", str(tmp_path / "map.jp2"), "--full"]) == 0
    assert "Quantization style" in capsys.readouterr().out


class TestMetadata:
    def test_everything_comes_back(self, grey: NDArray[np.uint8]) -> None:
        given = Metadata(b"profile" * 9, b"MM\x00*exif", b"<xmp/>", b"II*\x00geo", (96.0, 123.456))
        plain = j2klearn.encode(grey[:40, :40], bpp=2)
        with pytest.warns(j2klearn.errors.MetadataWarning, match="damaged"):
            data = add_metadata(plain, given, b"caf\xe9")
        found = read_metadata(io.BytesIO(data))
        assert found.dpi == pytest.approx(given.dpi, rel=1e-4)
        assert (found.icc_profile, found.exif, found.xmp, found.geotiff) == tuple(vars(given).values())[:4]
        assert np.array_equal(j2klearn.decode(data), j2klearn.decode(plain))
        assert is_learned(io.BytesIO(data))

    def test_a_codestream_holds_none(self, grey: NDArray[np.uint8]) -> None:
        data = j2klearn.encode(grey[:40, :40], bpp=2, jp2=False)
        assert not read_metadata(io.BytesIO(data))
        with pytest.raises(j2klearn.errors.OptionError):
            add_metadata(data, Metadata(xmp=b"<x/>"))

    def test_damaged_boxes_end_the_search(self, grey: NDArray[np.uint8]) -> None:
        data = j2klearn.encode(grey[:40, :40], bpp=2)
        rng = np.random.default_rng(1)
        for _ in range(300):
            damaged: Any = bytearray(data[: int(rng.integers(0, 200))])
            for _ in range(int(rng.integers(0, 4))):
                if damaged:
                    damaged[int(rng.integers(0, len(damaged)))] = int(rng.integers(0, 256))
            stream = io.BytesIO(bytes(damaged))
            is_learned(stream)
            read_metadata(stream)
            assert len(list(top_boxes(stream))) < 60
