"""Other programs decode learned files through the library in the place of OpenJPEG's, as `j2klearn.decode` does."""

from __future__ import annotations

import os
import re
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
from j2klearn.errors import NativeLibraryError, OptionError
from j2klearn.interop.openjp2 import LIBRARY, environment, install, library
from j2klearn.io.pictures import read_picture
from tests.support import programs
from tests.support.paths import CONFORMANCE, ROOT

Samples = NDArray[Any]


def _has_library() -> bool:
    try:
        return library().is_file()
    except NativeLibraryError:
        return False


pytestmark = pytest.mark.skipif(
    not _has_library(), reason="the library for other programs is built on Linux only"
)

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
        model = "hybrid97-16p7-dq"
        out[name].write_bytes(j2klearn.encode(samples, bpp=2, model=model, fallback=False, **options))
    return out


def _run(command: list[str], variables: dict[str, str] | None = None, *, plain: bool = False) -> str:
    """Run a program through the library, or `plain` as it is; return what it prints."""
    base = {**os.environ, **(variables or {}), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, env=base if plain else environment(base), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _program(*names: str) -> tuple[str, dict[str, str]]:
    found = programs.find(*names)
    if found is None:
        pytest.skip(f"{names[0]} is not there: python -m tests.support.programs unpacks it")
    return found


def _pgx(file: Path, folder: Path, *options: str, plain: bool = False) -> tuple[Samples, str]:
    """Decode a file with opj_decompress, through PGX files, which hold any depth."""
    program, _ = _program("opj_decompress")
    for left in folder.glob("out*.pgx"):
        left.unlink()
    said = _run([program, "-i", str(file), "-o", str(folder / "out.pgx"), *options], plain=plain)
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


@pytest.mark.parametrize("kind", ["learned", "ordinary"])
def test_every_way_of_calling(files: dict[str, Path], kind: str, tmp_path: Path) -> None:
    """Custom streams, with and without seek; tiles as bytes; single components; eight readers at once."""
    file, out = files["tiled"], tmp_path / "out.npz"
    if kind == "ordinary":  # larger than what is read to find out its kind
        noise = np.random.default_rng(2).integers(0, 256, (300, 290, 3), np.uint8)
        file = tmp_path / "ordinary.jp2"
        options: dict[str, Any] = {"model": None, "lossless": True, "tile_size": 64, "layers": 2}
        file.write_bytes(j2klearn.encode(noise, component_transform=False, colorspace="grey", **options))
        assert file.stat().st_size > 200_000
    _run([sys.executable, "-m", "tests.support.openjp2_calls", str(file), str(out)])
    got, whole = np.load(out), _expected(file)
    for way in ("whole", "no seek", "seek"):
        np.testing.assert_array_equal(got[way], whole)
    np.testing.assert_array_equal(got["at once"], np.stack([whole] * 8))
    np.testing.assert_array_equal(got["reduced"], _expected(file, reduce=1))
    np.testing.assert_array_equal(got["layer"], _expected(file, layers=1))
    np.testing.assert_array_equal(got["component"], _expected(file, components=[1]))
    np.testing.assert_array_equal(got["tile"], whole[:, :64, 64:128])
    assert got["warnings"] == ""
    _, height, width = whole.shape
    for reduce in (0, 1):
        picture, scale = _expected(file, reduce=reduce).astype(np.uint8), 1 << reduce
        tiles = [name for name in got.files if name.startswith(f"tile {reduce}")]
        assert len(tiles) == -(-height // 64) * -(-width // 64)
        for name in tiles:
            x0, y0, x1, y1 = (-(-value // scale) for value in got[name.replace("tile", "area")].tolist())
            np.testing.assert_array_equal(got[name], picture[:, y0:y1, x0:x1].ravel())


_PILLOW = """
import sys
import numpy as np
from PIL import Image
for at, reduce in enumerate((0, 1)):
    image = Image.open(sys.argv[1])
    image.reduce = reduce
    np.save(f"{sys.argv[2]}{at}.npy", np.array(image))
"""


@pytest.mark.parametrize("kind", ["rgb", "grey", "rgba", "tiled"])
def test_pillow_with_its_own_copy(files: dict[str, Path], kind: str, tmp_path: Path) -> None:
    _run([sys.executable, "-c", _PILLOW, str(files[kind]), str(tmp_path / "out")])
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


@pytest.mark.parametrize("kind", ["rgb", "tiled"])
def test_glymur(files: dict[str, Path], kind: str, tmp_path: Path) -> None:
    _run([sys.executable, "-W", "ignore", "-c", _GLYMUR, str(files[kind]), str(tmp_path / "out")])
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
        _run(command, found[1] if found else {})
        got = np.asarray(read_picture(tmp_path / f"out.{suffix}"))
        np.testing.assert_array_equal(got, j2klearn.decode(files[kind], **request), err_msg=str(command))


def test_gdalinfo_is_unchanged(files: dict[str, Path]) -> None:
    program, variables = _program("gdalinfo")
    command = [program, str(files["rgb"])]
    assert _run(command, variables) == _run(command, variables, plain=True)


def test_opj_dump_is_unchanged(files: dict[str, Path]) -> None:
    program, _ = _program("opj_dump")
    command = [program, "-i", str(files["tiled"])]
    said = [re.sub(r"0x[0-9a-f]+", "", _run(command, plain=plain)) for plain in (False, True)]
    assert said[0] == said[1]


def test_unknown_models_give_a_warning(files: dict[str, Path], tmp_path: Path) -> None:
    """Without its model a file decodes to the ordinary approximation."""
    folder = tmp_path / "alone"
    install(folder)
    for model in (folder / "models").iterdir():
        model.unlink()
    program, _ = _program("opj_decompress")
    outs = []
    for preload in ({}, {"LD_PRELOAD": str(folder / LIBRARY)}):
        out = tmp_path / "out.ppm"
        done = subprocess.run(
            [program, "-i", str(files["rgb"]), "-o", str(out)],
            env={**os.environ, **preload},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0
        outs.append((out.read_bytes(), done.stdout + done.stderr))
    assert outs[0][0] == outs[1][0]
    assert "needs the model with id" in outs[1][1]
    assert "without the learned steps" in outs[1][1]


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
    _run(words, plain=True)
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
    said = _run([sys.executable, "-W", "error", "-c", script, str(files["rgb"]), str(out)])
    np.testing.assert_array_equal(np.load(out), j2klearn.decode(files["rgb"]))
    assert not said
