"""Pictures that do not fit into memory: written by rows of tiles, equal to those written at once."""

from __future__ import annotations

import errno

import numpy as np
import pytest
import tifffile
from skimage import data as photographs

import j2klearn
from j2klearn.cli import main
from j2klearn.colour import Picture, planes
from j2klearn.errors import InputError, OptionError, WriteError
from j2klearn.geometry import Rect
from j2klearn.quality import psnr
from j2klearn.registry import resolve
from j2klearn.strips import StripAnalysis
from j2klearn.transform import analyse


@pytest.fixture(scope="module")
def picture():
    camera = photographs.camera()
    return np.block([[camera, camera[:, ::-1]], [camera[::-1], camera[::-1, ::-1]]])[:950, :700]


class Rows:
    """An array of which rows alone can be taken, in order; counts the largest request."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.most = array, array.shape, array.dtype, 0

    def __getitem__(self, index):
        part = self.array[index]
        self.most = max(self.most, len(part))
        return part


def test_strips_have_the_subbands_of_the_whole(picture):
    model = resolve("hybrid97-9c-compact")
    area = Rect(3, 5, 3 + picture.shape[0], 5 + picture.shape[1])
    samples = planes(Picture(picture))
    (whole,) = analyse(samples, area, 5, model)
    analysis = StripAnalysis(area, 5, model)
    at = area.y0
    for edge in (100, 101, 400, 900, area.y1):
        analysis.push(samples[:, at - area.y0 : edge - area.y0])
        at = edge
    for top, bottom in ((3, 64), (64, 600), (600, area.y1)):
        strip = Rect(top, area.x0, bottom, area.x1)
        assert analysis.has(strip)
        (bands,) = analysis.take(strip)
        for got, inner, outer, expected in zip(
            bands.bands(),
            [
                strip.resolution(5),
                *(strip.subband(o, level) for level in range(5, 0, -1) for o in ("HL", "LH", "HH")),
            ],
            [
                area.resolution(5),
                *(area.subband(o, level) for level in range(5, 0, -1) for o in ("HL", "LH", "HH")),
            ],
            whole.bands(),
            strict=True,
        ):
            assert np.abs(got - expected[inner.slices_in(outer)]).max(initial=0) < 2.0


@pytest.mark.parametrize("model", ["hybrid97-9c-compact", None])
@pytest.mark.parametrize("progression", ["RPCL", "RLCP", "LRCP"])
def test_as_good_as_written_at_once(tmp_path, picture, model, progression):
    options = {"bpp": [0.5, 1.0], "model": model, "tile_size": (256, 192), "progression": progression}
    source = Rows(picture)
    size = j2klearn.encode_file(source, tmp_path / "a.jp2", **options)
    assert source.most <= 256
    assert size == (tmp_path / "a.jp2").stat().st_size
    assert 0.93 < size * 8 / picture.size <= 1.005
    for layers in (1, 2):
        strips = psnr(picture, j2klearn.decode(tmp_path / "a.jp2", layers=layers), 8)
        once = psnr(picture, j2klearn.decode(j2klearn.encode(picture, **options), layers=layers), 8)
        assert strips > once - 0.15


def test_colour_deep_and_lossless(tmp_path):
    rgb = photographs.astronaut()[:300, :400]
    deep = rgb.astype(np.uint16) * 257
    j2klearn.encode_file(deep, tmp_path / "a.jp2", ratio=10, tile_size=128)
    assert psnr(deep, j2klearn.decode(tmp_path / "a.jp2"), 16) > 33
    j2klearn.encode_file(rgb, tmp_path / "b.jp2", lossless=True, model=None, tile_size=(100, 128))
    assert np.array_equal(j2klearn.decode(tmp_path / "b.jp2"), rgb)


def test_what_goes_wrong_leaves_nothing(tmp_path, picture, monkeypatch):
    class Breaks(Rows):
        def __getitem__(self, index):
            if index.start and index.start > 500:
                raise KeyboardInterrupt
            return super().__getitem__(index)

    with pytest.raises(KeyboardInterrupt):
        j2klearn.encode_file(Breaks(picture), tmp_path / "a.jp2", bpp=1, tile_size=256)
    with pytest.raises(OptionError, match="tile_size"):
        j2klearn.encode_file(picture, tmp_path / "a.jp2", tile_size=0)
    with pytest.raises(InputError, match="shape"):
        j2klearn.encode_file(np.zeros((0, 3), np.uint8), tmp_path / "a.jp2")
    with pytest.raises(InputError, match="dtype"):
        j2klearn.encode_file(picture.astype(float), tmp_path / "a.jp2")
    with pytest.raises(WriteError):
        j2klearn.encode_file(picture, tmp_path / "none" / "a.jp2", bpp=1)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("j2klearn.tileparts.shutil.copyfileobj", full)
    with pytest.raises(WriteError, match="No space left"):
        j2klearn.encode_file(picture, tmp_path / "a.jp2", bpp=1, tile_size=256)
    assert not list(tmp_path.iterdir())


def test_the_command_line_works_in_parts(tmp_path, picture, monkeypatch, capsys):
    monkeypatch.setattr("j2klearn.rows.LARGE", 1 << 16)
    tifffile.imwrite(tmp_path / "a.tif", picture)
    assert (
        main(["encode", str(tmp_path / "a.tif"), str(tmp_path / "a.jp2"), "--bpp", "1", "--tile", "256"]) == 0
    )
    assert main(["decode", str(tmp_path / "a.jp2"), str(tmp_path / "b.tif")]) == 0
    assert main(["decode", str(tmp_path / "a.jp2"), str(tmp_path / "b.npy"), "--reduce", "1"]) == 0
    assert psnr(picture, tifffile.imread(tmp_path / "b.tif"), 8) > 30
    assert np.load(tmp_path / "b.npy").shape == (475, 350)
    np.save(tmp_path / "c.npy", picture)
    assert (
        main(["encode", str(tmp_path / "c.npy"), str(tmp_path / "c.jp2"), "--bpp", "1", "--tile", "256"]) == 0
    )
    assert (tmp_path / "c.jp2").read_bytes() == (tmp_path / "a.jp2").read_bytes()
    assert main(["decode", str(tmp_path / "a.jp2"), str(tmp_path / "b.png")]) == 2
    assert "TIFF or .npy" in capsys.readouterr().err
    assert not (tmp_path / "b.png").exists()
