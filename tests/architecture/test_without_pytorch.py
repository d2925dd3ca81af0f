"""Uses of the package in an environment in which PyTorch is not installed."""

from __future__ import annotations

import subprocess
import sysconfig
import textwrap
import venv
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.models.registry import DEFAULT_MODEL
from tests.support.float_networks import with_float_network

#: Beginnings of the names of what is left out of the environment: PyTorch, and what needs it.
LEFT_OUT = ("torch", "functorch", "pytorch")

#: Uses by name. FOLDER has picture.png and picture.npy, learned.jp2 (by the default model) and tiled.jp2, 53.jp2,
#: residual.jp2 (whose de-quantisation needs PyTorch), neural.jp2, and the decoded samples of each, such as learned.npy.
WORKS = {
    "encode": """
        data = j2klearn.encode(picture, bpp=2)
        assert data == open(FOLDER + "learned.jp2", "rb").read()
        assert j2klearn.encode(picture, psnr=36, layers=2, effort=1)
        assert j2klearn.encode(picture.astype("u2") * 200, ratio=9, embed_model=True)
        assert j2klearn.encode(picture, model="hybrid53-9c-compact")
        j2klearn.encode_file(picture, FOLDER + "strips.jp2", bpp=2, tile_size=64)
        assert np.abs(j2klearn.decode(FOLDER + "strips.jp2").astype(int) - picture).mean() < 8
    """,
    "decode": """
        for name in ("learned", "tiled", "guided", "53"):
            whole = np.load(FOLDER + name + ".npy")
            assert np.array_equal(j2klearn.decode(FOLDER + name + ".jp2"), whole)
            assert np.array_equal(j2klearn.decode(FOLDER + name + ".jp2", engine="native", threads=2), whole)
            part = j2klearn.decode(FOLDER + name + ".jp2", region=(20, 31, 90, 70))
            assert np.array_equal(part, whole[20:90, 31:70])
            assert np.array_equal(j2klearn.open(FOLDER + name + ".jp2")[3:50, 60:], whole[3:50, 60:])
        assert j2klearn.decode(FOLDER + "residual.jp2", draft=True).shape == picture.shape
        assert j2klearn.decode(FOLDER + "residual.jp2", reduce=2).shape == (33, 35, 3)
    """,
    "info": """
        for name, needed in (("learned", False), ("guided", False), ("residual", True), ("neural", True)):
            found = j2klearn.info(FOLDER + name + ".jp2")
            assert found.needs_pytorch is needed and found.model, found
    """,
    "the classes of glymur": """
        from j2klearn import Jp2k
        assert np.array_equal(Jp2k(FOLDER + "tiled.jp2")[20:90, 31:70], np.load(FOLDER + "tiled.npy")[20:90, 31:70])
        assert Jp2k(FOLDER + "glymur.jp2", data=picture, cratios=[20])[::2, ::2].shape == (65, 70, 3)
        assert Jp2k(FOLDER + "neural.jp2").shape == picture.shape
    """,
    "the Pillow plugin": """
        from PIL import Image
        j2klearn.register_pillow()
        assert np.array_equal(np.asarray(Image.open(FOLDER + "learned.jp2")), np.load(FOLDER + "learned.npy"))
        Image.fromarray(picture).save(FOLDER + "pillow.jp2", format="J2KL")
        assert j2klearn.info(FOLDER + "pillow.jp2").learned
    """,
    "Zarr, numcodecs and dask": """
        import zarr
        from numcodecs.registry import get_codec
        from j2klearn.arrays import J2KLearn, J2KLearnCodec, dask_array
        codec = J2KLearnCodec(ratio=8, channel_axis=-1)
        array = zarr.create_array(store={}, shape=picture.shape, chunks=(64, 64, 3), dtype="u1", serializer=codec)
        array[:] = picture
        assert np.abs(array[:].astype(int) - picture).mean() < 8
        codec = get_codec(J2KLearn(psnr=36).get_config())
        assert codec.decode(codec.encode(picture[..., 0].copy())).shape == (130, 139)
        opened = j2klearn.open(FOLDER + "tiled.jp2")
        assert np.array_equal(dask_array(opened)[:50].compute(), np.load(FOLDER + "tiled.npy")[:50])
    """,
    "the command line": """
        from j2klearn.cli import main
        for words in (
            ["encode", FOLDER + "picture.png", FOLDER + "command.jp2", "--bpp", "2"],
            ["decode", FOLDER + "command.jp2", FOLDER + "command.npy"],
            ["convert", FOLDER + "picture.png", FOLDER + "converted.jp2", "--engine", "native"],
            ["info", FOLDER + "neural.jp2", "--full"],
            ["models"],
        ):
            assert main(words) == 0, words
        assert np.array_equal(np.load(FOLDER + "command.npy"), np.load(FOLDER + "learned.npy"))
    """,
    "a collection": """
        from j2klearn.batch.run import encode_batch
        summary = encode_batch([FOLDER + "picture.png"], FOLDER + "batch", processes=2, bpp=2)
        assert not summary.failures, summary
        assert np.array_equal(j2klearn.decode(FOLDER + "batch/picture.jp2"), np.load(FOLDER + "learned.npy"))
    """,
}

#: Uses that need PyTorch, and what names it in the message of the error.
NEEDS_IT = {
    "j2klearn.decode(FOLDER + 'learned.jp2', engine='torch')": DEFAULT_MODEL,
    "j2klearn.encode(picture, engine='torch')": DEFAULT_MODEL,
    "j2klearn.decode(FOLDER + 'residual.jp2')": "de-quantisation of residual",
    "j2klearn.encode(picture, effort=2)": "effort=2",
    "j2klearn.encode(picture, profile='neural')": "neural profile",
    "j2klearn.decode(FOLDER + 'neural.jp2')": "neural profile",
    "j2klearn.open(FOLDER + 'neural.jp2')": "neural profile",
    "j2klearn.Jp2k(FOLDER + 'neural.jp2')[:]": "neural profile",
}


@pytest.fixture(scope="module")
def folder(rgb: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    from PIL import Image

    folder = tmp_path_factory.mktemp("files")
    picture = np.ascontiguousarray(rgb[:130, :139])
    np.save(folder / "picture.npy", picture)
    Image.fromarray(picture).save(folder / "picture.png")
    for name, options in {
        "learned": {"bpp": 2},
        "tiled": {"bpp": 2, "tile_size": 48, "fallback": False},
        "53": {"bpp": 2, "model": "hybrid53-9c-compact", "fallback": False},
        "guided": {"bpp": 1, "model": "hybrid97-9c-compact-guided", "fallback": False},
        "residual": {"bpp": 2, "model": with_float_network(), "embed_model": True, "fallback": False},
        "neural": {"profile": "neural", "quality": 20},
    }.items():
        data = j2klearn.encode(picture, **options)
        (folder / f"{name}.jp2").write_bytes(data)
        np.save(folder / f"{name}.npy", j2klearn.decode(data))
    return folder


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a virtual environment with the packages of this one, but without PyTorch."""
    place = tmp_path_factory.mktemp("without")
    venv.create(place, with_pip=False, symlinks=True)
    paths = {"base": str(place), "platbase": str(place)}
    target = Path(sysconfig.get_path("purelib", vars=paths))
    for source in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(source).iterdir():
            copied = entry.suffix != ".pth" and not entry.name.startswith((*LEFT_OUT, "__"))
            if copied and not (target / entry.name).exists():
                (target / entry.name).symlink_to(entry)
    (target / "project.pth").write_text(f"{Path(j2klearn.__file__).parents[1]}\n")
    return Path(sysconfig.get_path("scripts", vars=paths)) / "python"


def run(python: Path, folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    begin = f"import j2klearn, numpy as np\nFOLDER = {str(folder) + '/'!r}\npicture = np.load(FOLDER + 'picture.npy')\n"
    return subprocess.run(
        [python, "-I", "-c", begin + code], capture_output=True, text=True, check=False, cwd=folder
    )


def test_the_environment_lacks_pytorch(python: Path, folder: Path) -> None:
    done = run(python, folder, "import torch")
    assert "No module named 'torch'" in done.stderr


@pytest.mark.parametrize("use", WORKS)
def test_what_works(use: str, python: Path, folder: Path) -> None:
    done = run(python, folder, textwrap.dedent(WORKS[use]))
    assert done.returncode == 0, done.stderr


def test_what_needs_it_says_so(python: Path, folder: Path) -> None:
    code = "from j2klearn.errors import PyTorchError\n"
    for use in NEEDS_IT:
        code += f"try:\n    {use}\n    print('no error')\nexcept PyTorchError as error:\n    print(error)\n"
    done = run(python, folder, code)
    assert done.returncode == 0, done.stderr
    for (use, named), line in zip(NEEDS_IT.items(), done.stdout.splitlines(), strict=True):
        assert named in line, (use, line)
        assert line.endswith("needs PyTorch, which cannot be imported: No module named 'torch'"), (use, line)


def test_commands_that_need_it_say_so(python: Path, folder: Path) -> None:
    for words in (
        ["structures"],
        ["decode", "residual.jp2", "out.png"],
        ["encode", "picture.png", "a.jp2", "--effort", "2"],
    ):
        done = run(python, folder, f"from j2klearn.cli import main\nraise SystemExit(main({words!r}))")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
        assert "PyTorch" in done.stderr
