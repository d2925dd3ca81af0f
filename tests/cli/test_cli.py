"""The command line as a user types it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import j2klearn
from j2klearn.cli import main
from j2klearn.io.pictures import read_picture
from j2klearn.models.registry import DEFAULT_MODEL
from tests.support.judges import psnr


@pytest.fixture
def picture(tmp_path: Path, rgb: NDArray[np.uint8]) -> Path:
    path = tmp_path / "in.png"
    Image.fromarray(rgb).save(path)
    return path


def test_there_and_back(
    picture: Path, tmp_path: Path, rgb: NDArray[np.uint8], capsys: pytest.CaptureFixture
) -> None:
    file, out = tmp_path / "a.jp2", tmp_path / "out.png"
    assert main(["encode", str(picture), str(file), "--bpp", "0.5,1,2", "--tile", "128"]) == 0
    assert re.search(r"\d+ bytes, (2\.0[01]\d|1\.9\d\d) bpp", capsys.readouterr().out)
    assert main(["decode", str(file), str(out)]) == 0
    assert np.array_equal(read_picture(out), j2klearn.decode(file))
    assert main(["decode", str(file), str(out), "--reduce", "2"]) == 0
    assert read_picture(out).shape == (65, 96, 3)
    assert main(["decode", str(file), str(out), "--layers", "1", "--region", "8,16,40,80"]) == 0
    assert read_picture(out).shape == (32, 64, 3)
    capsys.readouterr()
    assert main(["info", str(file)]) == 0
    text = capsys.readouterr().out
    for part in (
        "383 x 257",
        "3 component(s) of 8 bits",
        "layers:        3",
        "of 128 x 128",
        DEFAULT_MODEL,
        "approximation",
    ):
        assert part in text


@pytest.mark.parametrize("rate", [["--ratio", "20"], ["--psnr", "33"], ["--lossless", "--model", "none"], []])
def test_rates(picture: Path, tmp_path: Path, rgb: NDArray[np.uint8], rate: list[str]) -> None:
    file = tmp_path / "a.j2k"
    assert main(["encode", str(picture), str(file), *rate]) == 0
    value = psnr(rgb, j2klearn.decode(file))
    assert value > 24
    if "--psnr" in rate:
        assert value == pytest.approx(33, abs=0.1)
    if "--lossless" in rate:
        assert value == 99
    assert not j2klearn.info(file).jp2


def test_embedded_model(picture: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.jp2"
    assert main(["encode", str(picture), str(file), "--bpp", "6", "--embed-model"]) == 0
    assert j2klearn.info(file).model_embedded


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("colour", [True, False])
def test_16_bits(tmp_path: Path, rgb: NDArray[np.uint8], suffix: str, colour: bool) -> None:
    import imagecodecs
    import tifffile

    image = (rgb.astype(np.uint16) * 257)[:64, :96] if colour else (rgb[:64, :96, 1].astype(np.uint16) * 257)
    path = tmp_path / f"in{suffix}"
    if suffix == ".tif":
        tifffile.imwrite(path, image, photometric="rgb" if colour else "minisblack")
    else:
        path.write_bytes(imagecodecs.png_encode(image))
    assert np.array_equal(read_picture(path), image)
    file, out = tmp_path / "a.jp2", tmp_path / f"out{suffix}"
    assert main(["encode", str(path), str(file), "--bpp", "8"]) == 0
    assert main(["decode", str(file), str(out)]) == 0
    assert np.array_equal(read_picture(out), j2klearn.decode(file))
    assert psnr(image, read_picture(out), 65535) > 35


def test_models(capsys: pytest.CaptureFixture) -> None:
    assert main(["models"]) == 0
    assert "hybrid97-16p7-guided, the default" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["encode", "missing.png", "a.jp2"], 1),
        (["encode", "text.txt", "a.jp2"], 1),
        (["encode", "in.png", "no/such/folder/a.jp2"], 1),
        (["encode", "in.png", "a.jp2", "--model", "nothing"], 1),
        (["encode", "in.png", "a.jp2", "--max-pixels", "10"], 1),
        (["encode", "in.png", "a.jp2", "--lossless", "--model", "hybrid97-9c-compact"], 2),
        (["encode", "in.png", "a.jp2", "--bpp", "-1"], 2),
        (["decode", "text.txt", "a.png"], 1),
        (["decode", "good.jp2", "a.unknown"], 2),
        (["decode", "good.jp2", "a.png", "--reduce", "9"], 2),
        (["info", "text.txt"], 1),
    ],
)
def test_errors_are_one_line_and_leave_nothing_behind(
    picture: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    layered: bytes,
    arguments: list[str],
    status: int,
) -> None:
    monkeypatch.chdir(picture.parent)
    Path("text.txt").write_text("no picture")
    Path("good.jp2").write_bytes(layered)
    before = set(os.listdir())
    assert main(arguments) == status
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert set(os.listdir()) == before


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["encode"],
        ["encode", "a", "b", "--bpp", "1", "--ratio", "2"],
        ["encode", "a", "b", "--bpp", "x"],
        ["decode", "a", "b", "--region", "1,2"],
    ],
)
def test_wrong_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_an_existing_file_survives_a_failure(picture: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.jp2"
    file.write_bytes(b"precious")
    assert main(["encode", str(picture), str(file), "--bpp", "-1"]) == 2
    assert file.read_bytes() == b"precious"


def test_truncated_files_warn(tmp_path: Path, layered: bytes, capsys: pytest.CaptureFixture) -> None:
    file = tmp_path / "a.jp2"
    file.write_bytes(layered[: len(layered) // 2])
    assert main(["decode", str(file), str(tmp_path / "a.png")]) == 0
    assert capsys.readouterr().err.startswith("warning: ")


@pytest.mark.parametrize("command", [[], ["encode"], ["decode"], ["info"], ["models"]])
def test_help_and_installed_command(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "j2klearn.cli", *command, "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "usage: j2klearn" in done.stdout
