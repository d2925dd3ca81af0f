"""Other programs decode learned files through the library in the place of OpenJPEG's, as `j2klearn.decode` does."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.cli import main
from j2klearn.errors import OptionError
from j2klearn.interop.openjp2 import ENGINE, LIBRARY, environment, install
from j2klearn.io.pictures import read_picture
from tests.support import programs
from tests.support.containers import pdf_page, slide
from tests.support.fastcgi import serving
from tests.support.openjp2 import needs_library, run
from tests.support.paths import CONFORMANCE, ROOT

Samples = NDArray[Any]


pytestmark = needs_library

_MODEL = "hybrid97-16p7-dq"

#: How the files of the tests are made. 16-bit samples are 257 times those of 8 bits.
KINDS: dict[str, dict[str, Any]] = {
    "rgb": {"layers": 3},
    "grey": {"channels": 1},
    "rgba": {"channels": 4},
    "tiled": {"tile_size": 64, "layers": 3},
    "rgb16": {"scale": 257},
    "grey16": {"channels": 1, "scale": 257, "levels": 3},
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("learned")
    y, x = np.mgrid[0:150, 0:170]
    smooth = 128 + 60 * np.sin(x / 9) + 50 * np.cos(y / 13)
    noise = np.random.default_rng(1).normal(0, 12, (150, 170, 4)).cumsum(2)
    rgba = np.clip(smooth[..., None] + noise, 0, 255).astype(np.uint16)
    out = {}
    for name, kind in KINDS.items():
        options = dict(kind)
        channels, scale = options.pop("channels", 3), options.pop("scale", 1)
        picture = (rgba[..., :channels] * scale).astype(np.uint8 if scale == 1 else np.uint16)
        out[name] = folder / f"{name}.jp2"
        samples = picture[..., 0] if channels == 1 else picture
        out[name].write_bytes(j2klearn.encode(samples, bpp=2, model=_MODEL, fallback=False, **options))
    return out


def _program(name: str) -> tuple[str, dict[str, str]]:
    found = programs.find(name)
    if found is None:
        pytest.skip(f"{name} is not there: python -m tests.support.programs unpacks it")
    return found


def _pgx(file: Path, folder: Path, *options: str, plain: bool = False) -> tuple[Samples, str]:
    """Decode a file with opj_decompress, through PGX files, which hold any depth."""
    program, _ = _program("opj_decompress")
    for left in folder.glob("out*.pgx"):
        left.unlink()
    said = run([program, "-i", str(file), "-o", str(folder / "out.pgx"), *options], plain=plain)
    planes = []
    for path in sorted(folder.glob("out*.pgx")):
        header, _, samples = path.read_bytes().partition(b"\n")
        _, order, depth, width, height = header.replace(b"+", b" ").replace(b"-", b" ").split()[:5]
        kind = (">" if order == b"ML" else "<") + (
            "u1" if int(depth) <= 8 else "u2" if int(depth) <= 16 else "u4"
        )
        planes.append(np.frombuffer(samples, kind).reshape(int(height), int(width)))
    return np.stack(planes), said


def _expected(file: Path, **options: Any) -> Samples:
    samples = j2klearn.decode(file, **options)
    return samples[None] if samples.ndim == 2 else np.moveaxis(samples, 2, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_opj_decompress(files: dict[str, Path], kind: str, tmp_path: Path) -> None:
    file = files[kind]
    cases: list[tuple[list[str], dict[str, Any]]] = [
        ([], {}),
        (["-r", "1"], {"reduce": 1}),
        (["-r", "3"], {"reduce": 3}),
        (["-l", "1"], {"layers": 1}),
        (["-d", "10,20,90,101"], {"region": (20, 10, 101, 90)}),
        (["-d", "31,7,99,140", "-r", "2"], {"region": (7, 31, 140, 99), "reduce": 2}),
        (["-threads", "2"], {}),
    ]
    if kind == "tiled":
        cases.append((["-t", "4"], {"region": (64, 64, 128, 128)}))
    for options, request in cases:
        got, said = _pgx(file, tmp_path, *options)
        np.testing.assert_array_equal(got, _expected(file, **request), err_msg=str(options))
        assert "j2klearn" not in said
    assert not np.array_equal(_pgx(file, tmp_path, plain=True)[0], _expected(file))


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that calls OpenJPEG's functions in every way."""
    compiler, out = shutil.which("c++"), tmp_path_factory.mktemp("calls") / "openjp2_calls"
    if compiler is None:
        pytest.skip("there is no C++ compiler")
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "libopenjp2"], capture_output=True, text=True, check=True
    ).stdout.split()
    source = ROOT / "native" / "tests" / "openjp2_calls.cpp"
    subprocess.run([compiler, "-std=c++17", str(source), "-o", str(out), "-pthread", *flags], check=True)
    return out


#: The start of a line that reports an image, or a tile as bytes: how it was read, the tile, and the area.
_REPORTED = re.compile(r"[^:]+: ([^:]+): (?:the same: )?1+ (?:tile (\d+) )?\[(\d+),(\d+),(\d+),(\d+)\]")


@pytest.mark.parametrize("kind", ["tiled", "rgba", "exchanged"])
def test_every_way_of_calling(files: dict[str, Path], calls: Path, kind: str, tmp_path: Path) -> None:
    """Custom streams, areas, tiles as bytes, chosen components, eight readers at once: OpenJPEG's calls in C."""
    file = files["rgb" if kind == "exchanged" else kind]
    if kind == "exchanged":  # the third component is red
        data = file.read_bytes()
        at, length = data.index(b"jp2h") - 4, int.from_bytes(data[data.index(b"jp2h") - 4 :][:4], "big")
        box = struct.pack(">I4s10H", 28, b"cdef", 3, 0, 0, 3, 1, 0, 2, 2, 0, 1)
        head = struct.pack(">I", length + len(box)) + data[at + 4 : at + length] + box
        file = tmp_path / "exchanged.jp2"
        file.write_bytes(data[:at] + head + data[at + length :])
    command = [str(calls), "--samples", str(tmp_path), str(file)]
    plain, said = run(command, plain=True), run(command)
    assert re.sub("[0-9a-f]{8}[)\n]", "", said) == re.sub(
        "[0-9a-f]{8}[)\n]", "", plain
    )  # but for the samples
    assert "j2klearn" not in said
    expected = {name: _expected(file, **request) for name, request in _REQUESTS.items()}
    count = 0
    for line in said.splitlines():
        found = _REPORTED.match(line)
        if not found or "resno 0" in line:  # nothing was decoded
            continue
        name, tile = found[1], found[2]
        scale = 2 if name == "factor" or name.startswith("reduced") else 1
        left, top, right, bottom = (-(-int(value) // scale) for value in found.groups()[2:])
        source = name if name in _REQUESTS else "reduced" if scale == 2 else "whole"
        want = expected[source][:, top:bottom, left:right]
        if kind == "exchanged" and not tile and name not in ("raw", "component", "components"):
            if name.startswith(("area", "reduced area")) and not name.endswith(" 0"):
                continue  # OpenJPEG exchanges the components of an image each time that it decodes it
            want = want[::-1]
        stored = tmp_path / f"{'at once 7' if name == 'at once' else f'{name} {tile}' if tile else name}.raw"
        got = np.fromfile(stored, np.uint8 if tile else np.int32)
        np.testing.assert_array_equal(got, want.ravel(), err_msg=line)
        count += 1
    assert count >= (45 if kind == "tiled" else 18)


_REQUESTS: dict[str, dict[str, Any]] = {
    "whole": {},
    "reduced": {"reduce": 1},
    "layer": {"layers": 1},
    "component": {"components": [1]},
    "components": {"components": [0, 2]},
}


def test_ordinary_files_are_read_in_every_way(calls: Path, tmp_path: Path) -> None:
    """Return codes, messages and samples are those of the real library, also where a call is wrong."""
    noise = np.random.default_rng(2).integers(0, 256, (150, 140, 3), np.uint8)
    file = tmp_path / "ordinary.jp2"
    file.write_bytes(j2klearn.encode(noise, model=None, lossless=True, tile_size=64, layers=2))
    cut = tmp_path / "cut.jp2"
    cut.write_bytes(file.read_bytes()[:20_000])
    command = [str(calls), str(file), str(cut)]
    assert run(command) == run(command, plain=True)


_PILLOW = """
import sys
import numpy as np
from PIL import Image
for at, reduce in enumerate((0, 1)):
    image = Image.open(sys.argv[1])
    image.reduce = reduce
    image.load()
    np.save(f"{sys.argv[2]}{at}.npy", np.array(image))
"""


@pytest.mark.parametrize("kind", ["rgb", "grey", "rgba", "tiled"])
def test_pillow_with_its_own_copy(files: dict[str, Path], kind: str, tmp_path: Path) -> None:
    run([sys.executable, "-c", _PILLOW, str(files[kind]), str(tmp_path / "out")])
    for reduce in (0, 1):
        np.testing.assert_array_equal(
            np.load(tmp_path / f"out{reduce}.npy"), j2klearn.decode(files[kind], reduce=reduce)
        )


_GLYMUR = """
import sys
import numpy as np
import glymur
picture = glymur.Jp2k(sys.argv[1])
parts = [picture[:], picture[20:90, 30:100], picture[::2, ::2]]
picture.layer = 1
for at, part in enumerate([*parts, picture[:]]):
    np.save(f"{sys.argv[2]}{at}.npy", part)
"""


@pytest.mark.parametrize("kind", ["rgb", "grey16"])
def test_pillow_of_debian(files: dict[str, Path], kind: str, tmp_path: Path) -> None:
    found = programs.debian_python()
    if found is None:
        pytest.skip("Debian's Pillow is not there: python -m tests.support.programs unpacks it")
    python, variables = found
    command = [python, "-c", _PILLOW, str(files[kind]), str(tmp_path / "out")]
    done = subprocess.run(
        command, env=environment({**os.environ, **variables}), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    for reduce in (0, 1):
        np.testing.assert_array_equal(
            np.load(tmp_path / f"out{reduce}.npy"), j2klearn.decode(files[kind], reduce=reduce)
        )


def test_imagecodecs_with_its_own_copy(files: dict[str, Path], tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    script = "import sys, numpy, imagecodecs; data = open(sys.argv[1], 'rb').read()\n"
    script += "numpy.save(sys.argv[2], imagecodecs.jpeg2k_decode(data))"
    run([sys.executable, "-c", script, str(files["rgba"]), str(tmp_path / "out.npy")])
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), j2klearn.decode(files["rgba"]))


@pytest.mark.parametrize("kind", ["rgb", "tiled"])
def test_glymur(files: dict[str, Path], kind: str, tmp_path: Path) -> None:
    run([sys.executable, "-W", "ignore", "-c", _GLYMUR, str(files[kind]), str(tmp_path / "out")])
    requests: list[dict[str, Any]] = [{}, {"region": (20, 30, 90, 100)}, {"reduce": 1}, {"layers": 1}]
    for at, request in enumerate(requests):
        np.testing.assert_array_equal(
            np.load(tmp_path / f"out{at}.npy"), j2klearn.decode(files[kind], **request)
        )


def _gdal(file: Path, out: Path) -> list[tuple[list[str], dict[str, Any]]]:
    program, _ = _program("gdal_translate")
    start = [program, "-q", "--config", "GDAL_SKIP", "JP2ECW JP2KAK JP2MrSID"]
    end = [str(file), str(out)]
    return [
        ([*start, *end], {}),
        ([*start, "-srcwin", "30", "20", "70", "60", *end], {"region": (20, 30, 80, 100)}),
        ([*start, "-outsize", "50%", "50%", *end], {"reduce": 1}),
    ]


def _magick(file: Path, out: Path) -> list[tuple[list[str], dict[str, Any]]]:
    program, _ = _program("convert-im6.q16")
    return [([program, str(file), str(out)], {})]


def _vips(file: Path, out: Path) -> list[tuple[list[str], dict[str, Any]]]:
    program, _ = _program("vips")
    return [
        ([program, "copy", str(file), str(out)], {}),
        ([program, "crop", str(file), str(out), "30", "20", "70", "60"], {"region": (20, 30, 80, 100)}),
        ([program, "copy", f"{file}[page=1]", str(out)], {"reduce": 1}),
    ]


def _ffmpeg(file: Path, out: Path) -> list[tuple[list[str], dict[str, Any]]]:
    program, _ = _program("ffmpeg")
    start = [program, "-y", "-v", "error", "-c:v", "libopenjpeg"]
    return [([*start, "-i", str(file), str(out)], {})]


#: The program whose variables count, how it is called, and the suffix of what it writes.
PROGRAMS: dict[str, tuple[str, Callable[[Path, Path], list[tuple[list[str], dict[str, Any]]]], str]] = {
    "GDAL": ("gdal_translate", _gdal, "tif"),
    "ImageMagick": ("convert-im6.q16", _magick, "png"),
    "libvips": ("vips", _vips, "tif"),
    "FFmpeg": ("ffmpeg", _ffmpeg, "png"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(files: dict[str, Path], name: str, kind: str, tmp_path: Path) -> None:
    first, calls, suffix = PROGRAMS[name]
    for command, request in calls(files[kind], tmp_path / f"out.{suffix}"):
        found = programs.find(first)
        run(command, found[1] if found else {})
        got = np.asarray(read_picture(tmp_path / f"out.{suffix}"))
        np.testing.assert_array_equal(got, j2klearn.decode(files[kind], **request), err_msg=str(command))


@pytest.mark.parametrize("kind", ["rgb", "grey", "tiled"])
def test_poppler(files: dict[str, Path], kind: str, tmp_path: Path) -> None:
    """A picture in a PDF file: its samples, and the page, which is that of the same samples without coding."""
    extract, variables = _program("pdfimages")
    show, _ = _program("pdftoppm")
    samples = j2klearn.decode(files[kind])
    coded, flat = tmp_path / "coded.pdf", tmp_path / "flat.pdf"
    coded.write_bytes(pdf_page(files[kind].read_bytes(), *samples.shape[:2]))
    flat.write_bytes(pdf_page(samples, *samples.shape[:2]))
    run([extract, "-png", str(coded), str(tmp_path / "image")], variables)
    np.testing.assert_array_equal(np.asarray(read_picture(tmp_path / "image-000.png")), samples)
    for page in (coded, flat):
        run([show, "-r", "150", str(page), str(page.with_suffix(""))], variables)
    assert (tmp_path / "coded-1.ppm").read_bytes() == (tmp_path / "flat-1.ppm").read_bytes()


def test_openslide(files: dict[str, Path], tmp_path: Path) -> None:
    """Codestreams with a learned transform as the tiles of a slide; a window over four of them."""
    program, variables = _program("openslide-write-png")
    picture = j2klearn.decode(files["rgb"])[:128, :128]
    coded = [
        j2klearn.encode(picture[y : y + 64, x : x + 64], bpp=3, model=_MODEL, fallback=False, jp2=False)
        for y in (0, 64)
        for x in (0, 64)
    ]
    file, out = tmp_path / "slide.svs", tmp_path / "out.png"
    file.write_bytes(slide(coded, 128, 128, 64))
    run([program, str(file), "30", "20", "0", "90", "80", str(out)], variables)
    tiles = [j2klearn.decode(tile) for tile in coded]
    whole = np.vstack([np.hstack(tiles[:2]), np.hstack(tiles[2:])])
    np.testing.assert_array_equal(np.asarray(read_picture(out))[..., :3], whole[20:100, 30:120])


def test_iipimage(files: dict[str, Path], tmp_path: Path) -> None:
    """Rows of samples of an image server, over its own tiles of 256 samples, and at half the size."""
    program, variables = _program("iipsrv.fcgi")
    file = tmp_path / "large.jp2"
    picture = np.tile(j2klearn.decode(files["rgb"]), (2, 2, 1))[:280]
    file.write_bytes(j2klearn.encode(picture, bpp=1, model=_MODEL, fallback=False))
    base = {**os.environ, **variables, "MAX_LAYERS": "-1", "OMP_NUM_THREADS": "1"}
    with serving(program, environment(base), tmp_path) as server:
        for resolution, row in ((1, 7), (1, 270), (0, 3)):
            samples = j2klearn.decode(file, reduce=1 - resolution)
            query = f"FIF={file}&PFL={resolution}:0,{row}-{samples.shape[1] - 1},{row}"
            got = np.array(json.loads(server.ask(query))["profile"]).reshape(-1, 3)
            np.testing.assert_array_equal(got, samples[row, : len(got)], err_msg=query)
            assert len(got) >= samples.shape[1] - 1


def test_gdalinfo_is_unchanged(files: dict[str, Path]) -> None:
    program, variables = _program("gdalinfo")
    command = [program, str(files["rgb"])]
    assert run(command, variables) == run(command, variables, plain=True)


def test_opj_dump_is_unchanged(files: dict[str, Path]) -> None:
    program, _ = _program("opj_dump")
    command = [program, "-i", str(files["tiled"])]
    said = [re.sub(r"0x[0-9a-f]+", "", run(command, plain=plain)) for plain in (False, True)]
    assert said[0] == said[1]


def test_cantaloupe(files: dict[str, Path], tmp_path: Path) -> None:
    """The image server reads through a link, and lets opj_decompress write to a link to its standard output."""
    program, _ = _program("opj_decompress")
    source, target = tmp_path / "OpenJpegProcessor-1.jp2", tmp_path / "OpenJpegProcessor-2.bmp"
    source.symlink_to(files["rgb"])
    target.symlink_to("/dev/stdout")
    command = [program, "-quiet", "-i", str(source), "-d", "10,8,90,72", "-r", "1", "-o", str(target)]
    done = subprocess.run(command, env=environment(os.environ), capture_output=True, check=True)
    assert not done.stderr
    (tmp_path / "out.bmp").write_bytes(done.stdout)
    expected = j2klearn.decode(files["rgb"], region=(8, 10, 72, 90), reduce=1)
    np.testing.assert_array_equal(np.asarray(read_picture(tmp_path / "out.bmp")), expected)


def test_unknown_models_give_a_warning(files: dict[str, Path], tmp_path: Path) -> None:
    """Without its model, or without the engine, a file decodes to the ordinary approximation."""
    folder = tmp_path / "alone"
    install(folder)
    for model in (folder / "models").iterdir():
        model.unlink()
    program, _ = _program("opj_decompress")
    outs = []
    for preload in ({}, {"LD_PRELOAD": str(folder / LIBRARY)}, {"LD_PRELOAD": str(folder / LIBRARY)}):
        out = tmp_path / "out.ppm"
        if len(outs) == 2:
            (folder / ENGINE).unlink()
        done = subprocess.run(
            [program, "-i", str(files["rgb"]), "-o", str(out)],
            env={**os.environ, **preload},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0
        outs.append((out.read_bytes(), done.stdout + done.stderr))
    assert outs[0][0] == outs[1][0] == outs[2][0]
    assert "needs the model with id" in outs[1][1]
    assert f"{ENGINE}: cannot open shared object file" in outs[2][1]
    assert all("without the learned steps" in said for _, said in outs[1:])


def test_without_the_real_library(files: dict[str, Path], tmp_path: Path) -> None:
    program, _ = _program("opj_decompress")
    variables = {**environment(os.environ), "J2KLEARN_OPENJP2": str(tmp_path / "none.so")}
    command = [program, "-i", str(files["rgb"]), "-o", str(tmp_path / "out.ppm")]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1  # as for a file that it cannot read
    assert "which is no library of OpenJPEG" in done.stderr


def test_install(files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "lib"
    assert main(["install-openjp2", str(folder)]) == 0
    assert main(["install-openjp2", str(folder)]) == 0  # again: an update
    assert f"LD_LIBRARY_PATH={folder}" in capsys.readouterr().out
    program, _ = _program("opj_decompress")
    out = tmp_path / "out.ppm"
    variables = {**os.environ, "LD_LIBRARY_PATH": str(folder)}
    subprocess.run(
        [program, "-i", str(files["rgb"]), "-o", str(out)], env=variables, check=True, capture_output=True
    )
    np.testing.assert_array_equal(np.asarray(read_picture(out)), j2klearn.decode(files["rgb"]))
    (folder / LIBRARY).write_bytes(b"another library")
    with pytest.raises(OptionError, match="folder of its own"):
        install(folder)


def test_run(files: dict[str, Path], tmp_path: Path) -> None:
    program, _ = _program("opj_decompress")
    out = tmp_path / "out.ppm"
    words = [
        sys.executable,
        "-m",
        "j2klearn.cli",
        "run",
        "--",
        program,
        "-i",
        str(files["rgb"]),
        "-o",
        str(out),
    ]
    run(words, plain=True)
    np.testing.assert_array_equal(np.asarray(read_picture(out)), j2klearn.decode(files["rgb"]))
    assert main(["run", "--", "no-such-program"]) == 2
    assert main(["run"]) == 2
    with pytest.raises(OptionError, match="folder"):
        environment({}, [tmp_path / "none"])


@pytest.mark.skipif(not CONFORMANCE.is_dir(), reason="the conformance streams of T.803 are not here")
def test_ordinary_files_pass_through(tmp_path: Path) -> None:
    """Conformance streams decode to what the real library gives, and fail where it fails."""
    program, _ = _program("opj_decompress")
    streams = sorted(
        path for path in CONFORMANCE.rglob("*") if path.suffix in (".j2k", ".j2c", ".jp2", ".jpc")
    )
    for stream in streams:
        results = []
        for plain in (True, False):
            folder = tmp_path / ("plain" if plain else "ours")
            folder.mkdir(exist_ok=True)
            for left in folder.iterdir():
                left.unlink()
            done = subprocess.run(
                [program, "-i", str(stream), "-o", str(folder / "out.pgx")],
                env=dict(os.environ) if plain else environment(os.environ),
                capture_output=True,
                text=True,
            )
            out = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
            said = re.sub(r"decode time: .*|/\S+", "", done.stdout + done.stderr)
            results.append((done.returncode, said, out))
        assert results[0] == results[1], stream.name


def test_j2klearn_itself_runs_with_it(files: dict[str, Path], tmp_path: Path) -> None:
    script = "import sys, numpy, j2klearn; numpy.save(sys.argv[2], j2klearn.decode(sys.argv[1]))"
    out = tmp_path / "out.npy"
    said = run([sys.executable, "-W", "error", "-c", script, str(files["rgb"]), str(out)])
    np.testing.assert_array_equal(np.load(out), j2klearn.decode(files["rgb"]))
    assert not said
