"""Pictures that do not fit into memory: files written by rows of tiles decode like those written at once."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage import data as photographs

import j2klearn
from j2klearn.cli import main
from j2klearn.core.geometry import Rect
from j2klearn.core.picture import Picture
from j2klearn.errors import InputError, OptionError, WriteError
from j2klearn.metrics.psnr import psnr
from j2klearn.models.registry import resolve
from j2klearn.transform.colour import planes
from j2klearn.transform.strips import StripAnalysis
from tests.support.batch_pictures import can_mount


@pytest.fixture(scope="module")
def picture():
    camera = photographs.camera()
    return np.block([[camera, camera[:, ::-1]], [camera[::-1], camera[::-1, ::-1]]])[:950, :700]


class Rows:
    """An array that allows only reading rows in order, and records the largest request."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.most = array, array.shape, array.dtype, 0

    def __getitem__(self, index):
        part = self.array[index]
        self.most = max(self.most, len(part))
        return part


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_strips_have_the_subbands_of_the_whole(picture, engine):
    transform, picture = resolve("hybrid97-9c-compact").using(engine).transform, picture[:650, :300]
    area = Rect(3, 5, 3 + picture.shape[0], 5 + picture.shape[1])
    samples = planes(Picture(picture))
    (whole,) = transform.analyse(samples, area, 5)
    analysis = StripAnalysis(area, 5, transform)
    at = area.y0
    for edge in (100, 101, 400, 600, area.y1):
        analysis.push(samples[:, at - area.y0 : edge - area.y0])
        at = edge
    for top, bottom in ((3, 64), (64, 500), (500, area.y1)):
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
    picture = picture[:600, :500]
    source = Rows(picture)
    size = j2klearn.encode_file(source, tmp_path / "a.jp2", **options)
    assert source.most <= 256
    assert size == (tmp_path / "a.jp2").stat().st_size
    assert 0.93 < size * 8 / picture.size <= 1.005
    written_at_once = j2klearn.encode(picture, **options)
    for layers in (1, 2):
        strips = psnr(picture, j2klearn.decode(tmp_path / "a.jp2", layers=layers), 8)
        once = psnr(picture, j2klearn.decode(written_at_once, layers=layers), 8)
        assert strips > once - 0.15


@pytest.mark.parametrize("height", [1, 257, 385, 400])
def test_a_last_row_of_tiles_that_is_low(tmp_path, picture, height):
    """Some subbands of the last row of tiles have no rows."""
    part = picture[:height, :300]
    options = {"bpp": 2, "model": "hybrid97-9c-compact", "tile_size": 128}
    j2klearn.encode_file(part, tmp_path / "a.jp2", **options)
    strips = psnr(part, j2klearn.decode(tmp_path / "a.jp2"), 8)
    assert strips > psnr(part, j2klearn.decode(j2klearn.encode(part, **options)), 8) - 1


def test_colour_deep_and_lossless(tmp_path):
    rgb = photographs.astronaut()[:300, :400]
    deep = rgb.astype(np.uint16) * 257
    j2klearn.encode_file(deep, tmp_path / "a.jp2", ratio=10, tile_size=128)
    assert psnr(deep, j2klearn.decode(tmp_path / "a.jp2"), 16) > 33
    j2klearn.encode_file(rgb, tmp_path / "b.jp2", lossless=True, model=None, tile_size=(100, 128))
    assert np.array_equal(j2klearn.decode(tmp_path / "b.jp2"), rgb)


def test_arrays_of_all_kinds(tmp_path, picture):
    """Memory maps, zarr and dask arrays give the same file, and can be filled in parts."""
    import dask.array as da
    import zarr

    picture = picture[:270, :200]
    np.save(tmp_path / "a.npy", picture)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    stored = zarr.create_array({}, shape=picture.shape, chunks=(70, 100), dtype=picture.dtype)
    stored[:] = picture
    options = {"bpp": 1, "tile_size": 128, "model": "hybrid97-9c-compact"}
    files = []
    for source in (picture, mapped, stored, da.from_array(picture, chunks=(90, 170))):
        j2klearn.encode_file(source, tmp_path / "a.jp2", **options)
        files.append((tmp_path / "a.jp2").read_bytes())
    assert files == [files[0]] * 4
    whole = j2klearn.decode(files[0]).astype(int)
    with j2klearn.open(tmp_path / "a.jp2") as file:
        targets = [
            np.empty(picture.shape, picture.dtype),
            np.lib.format.open_memmap(tmp_path / "b.npy", "w+", picture.dtype, picture.shape),
            tifffile.memmap(tmp_path / "b.tif", shape=picture.shape, dtype=picture.dtype),
            zarr.create_array({}, shape=picture.shape, chunks=(64, 64), dtype=picture.dtype),
        ]
        for target in targets:
            file.copy_to(target)
            assert np.abs(target[:].astype(int) - whole).max() <= 1


def test_sources_that_fail(tmp_path, picture):
    """An error of the source is not reported as an error of the output file."""

    class Fails(Rows):
        def __getitem__(self, index):
            if index.start and index.start > 500:
                raise self.error
            return super().__getitem__(index)

    class Short(Rows):
        def __getitem__(self, index):
            return super().__getitem__(index)[:, :-1]

    source = Fails(picture)
    for source.error in (OSError(errno.EIO, "Input/output error"), KeyError("chunk 7"), RuntimeError()):
        with pytest.raises(InputError, match=r"the rows \d+ to \d+ of the picture cannot be read: "):
            j2klearn.encode_file(source, tmp_path / "a.jp2", bpp=1, tile_size=256)
    with pytest.raises(InputError, match=r"but its rows .* have the shape"):
        j2klearn.encode_file(Short(picture), tmp_path / "a.jp2", bpp=1, tile_size=256)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not can_mount(), reason="no file system can be mounted")
def test_a_disk_that_is_full(tmp_path, picture):
    """A full disk gives one sentence and no partial file; a memory map without space does not kill the process."""
    (tmp_path / "whole.jp2").write_bytes(j2klearn.encode(picture, bpp=2, model=None, tile_size=256))
    np.save(tmp_path / "picture.npy", picture)
    out = tmp_path / "out"
    out.mkdir()
    script = tmp_path / "go.py"
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from j2klearn import cli; from j2klearn.io import memory_map\n"
        "memory_map.LARGE = 1 << 16\n"
        f"out, folder = Path({str(out)!r}), Path({str(tmp_path)!r})\n"
        "(out / 'there.npy').write_bytes(b'as it was')\n"
        "for name in ('a.tif', 'there.npy'):\n"
        "    assert cli.main(['decode', str(folder / 'whole.jp2'), str(out / name)]) == 1\n"
        "words = ['--model', 'none', '--lossless', '--tile', '256']\n"
        "assert cli.main(['encode', str(folder / 'picture.npy'), str(out / 'a.jp2'), *words]) == 1\n"
        "assert [path.name for path in out.iterdir()] == ['there.npy']\n"
        "assert (out / 'there.npy').read_bytes() == b'as it was'\n"
    )
    mounted = f"mount -t tmpfs -o size=160k none {out} && exec {sys.executable} {script}"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mounted], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()
    assert len(said) == 3
    assert all(line.endswith("No space left on device") for line in said)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_on_the_way(tmp_path, picture, number):
    np.save(tmp_path / "a.npy", picture[:400, :300])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.jp2").write_bytes(b"as it was")
    code = "import os, sys, time; "
    # the last step waits, so that the signal arrives before it even on a busy machine
    code += "put = os.replace; os.replace = lambda *paths: time.sleep(30) or put(*paths); "
    code += "from j2klearn import cli; from j2klearn.io import memory_map; memory_map.LARGE = 1; "
    code += "sys.exit(cli.main(sys.argv[1:]))"
    words = ["encode", str(tmp_path / "a.npy"), str(tmp_path / "out" / "a.jp2"), "--tile", "256"]
    run = subprocess.Popen([sys.executable, "-c", code, *words], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size for path in (tmp_path / "out").glob("*.tmp")):
        assert run.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    run.send_signal(number)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 1
    assert said == "error: interrupted\n"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.jp2"]
    assert (tmp_path / "out" / "a.jp2").read_bytes() == b"as it was"


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

    monkeypatch.setattr("j2klearn.codestream.tile_parts.shutil.copyfileobj", full)
    with pytest.raises(WriteError, match="No space left"):
        j2klearn.encode_file(picture, tmp_path / "a.jp2", bpp=1, tile_size=256)
    assert not list(tmp_path.iterdir())


def test_the_command_line_works_in_parts(tmp_path, picture, monkeypatch):
    monkeypatch.setattr("j2klearn.io.memory_map.LARGE", 1 << 16)
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
    assert main(["decode", str(tmp_path / "a.jp2"), str(tmp_path / "b.png")]) == 0
    with Image.open(tmp_path / "b.png") as written:
        assert np.array_equal(np.asarray(written), tifffile.imread(tmp_path / "b.tif"))
