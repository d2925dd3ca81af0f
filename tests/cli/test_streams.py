"""Standard input and output, FIFOs and devices in the place of files, and `.npy` files, on the command line."""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

import j2klearn
from j2klearn.cli import main

LOSSLESS = ["--lossless", "--model", "none"]
PROGRAM = [sys.executable, "-c", "import sys; from j2klearn.cli import main; sys.exit(main())"]


@pytest.fixture
def image(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(rgb[:40, :50])


def picture_bytes(image: NDArray[np.uint8], suffix: str) -> bytes:
    out = io.BytesIO()
    if suffix == "npy":
        np.save(out, image)
    elif suffix == "tif":
        tifffile.imwrite(out, image, photometric="rgb")
    else:
        Image.fromarray(image).save(out, format=suffix)
    return out.getvalue()


#: Names of standard input and output. The two names of one do not depend on those of the other.
BOTH_ENDS = pytest.mark.parametrize(("name", "out"), [("-", "-"), ("/dev/stdin", "/dev/stdout")])


def run(*words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*PROGRAM, *words], input=given, capture_output=True, check=False)


@pytest.mark.parametrize(
    ("suffix", "command", "name", "out"),
    [
        ("png", "encode", "-", "-"),
        ("png", "convert", "/dev/stdin", "/dev/stdout"),
        ("tif", "encode", "/dev/stdin", "/dev/stdout"),
        ("tif", "convert", "-", "-"),
        ("npy", "encode", "-", "/dev/stdout"),
        ("npy", "convert", "/dev/stdin", "-"),
    ],
)
def test_encode_standard_input(
    suffix: str, command: str, name: str, out: str, image: NDArray[np.uint8]
) -> None:
    """Both ends are pipes, which cannot seek."""
    done = run(command, name, out, *LOSSLESS, given=picture_bytes(image, suffix))
    assert done.returncode == 0, done.stderr
    assert np.array_equal(j2klearn.decode(done.stdout), image)
    assert b"bytes" in done.stderr  # the report must not be in the file


@BOTH_ENDS
def test_decode_standard_input(name: str, out: str, image: NDArray[np.uint8]) -> None:
    data = j2klearn.encode(image, lossless=True, model=None)
    done = run("decode", name, out, given=data)
    assert done.returncode == 0, done.stderr
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(done.stdout))), image)
    if name != "-":
        return
    done = run("decode", name, "-", "--format", "npy", given=data)
    assert np.array_equal(np.load(io.BytesIO(done.stdout)), image)
    done = run("decode", name, "-", "--format", ".tif", "--region", "0,0,9,9", given=data)
    assert np.array_equal(tifffile.imread(io.BytesIO(done.stdout)), image[:9, :9])


@pytest.mark.parametrize(("name", "words"), [("-", []), ("/dev/stdin", ["--full"])])
def test_info_of_standard_input(
    name: str, words: list[str], image: NDArray[np.uint8], tmp_path: Path
) -> None:
    data = j2klearn.encode(image, ratio=4, fallback=False)
    (tmp_path / "a.jp2").write_bytes(data)
    done = run("info", name, *words, given=data)
    assert done.returncode == 0, done.stderr
    expected = run("info", str(tmp_path / "a.jp2"), *words).stdout
    assert done.stdout == expected
    assert b"50 x 40" in expected


def test_a_chain(image: NDArray[np.uint8]) -> None:
    program = shlex.join(PROGRAM)
    chain = (
        f"{program} encode - - {shlex.join(LOSSLESS)} | {program} decode - - | {program} convert - - --bpp 2"
    )
    done = subprocess.run(chain, shell=True, input=picture_bytes(image, "png"), capture_output=True)
    assert done.returncode == 0, done.stderr
    assert j2klearn.decode(done.stdout).shape == image.shape


def test_fifos_in_both_directions(image: NDArray[np.uint8], tmp_path: Path) -> None:
    names = ("picture", "coded.jp2", "decoded.png")
    paths = [tmp_path / name for name in names]
    for path in paths:
        os.mkfifo(path)
    found: list[bytes] = []
    threads = [
        threading.Thread(target=paths[0].write_bytes, args=(picture_bytes(image, "png"),)),
        threading.Thread(target=main, args=(["encode", str(paths[0]), str(paths[1]), *LOSSLESS],)),
        threading.Thread(target=main, args=(["decode", str(paths[1]), str(paths[2])],)),
        threading.Thread(target=lambda: found.append(paths[2].read_bytes())),
    ]
    for thread in threads:
        thread.daemon = True
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(found[0]))), image)
    assert all(path.is_fifo() for path in paths)  # not replaced by regular files


def test_functions_read_and_write_fifos(image: NDArray[np.uint8], tmp_path: Path) -> None:
    path, data = tmp_path / "pipe", j2klearn.encode(image, lossless=True, model=None)
    os.mkfifo(path)

    def write() -> None:
        threading.Thread(target=path.write_bytes, args=(data,), daemon=True).start()

    write()
    assert np.array_equal(j2klearn.decode(path), image)
    write()
    assert np.array_equal(j2klearn.open(path)[3:9], image[3:9])
    write()
    assert j2klearn.info(str(path)).width == 50
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(path.read_bytes()), daemon=True)
    reader.start()
    j2klearn.encode_file(image, path, lossless=True, model=None)
    reader.join(60)
    assert np.array_equal(j2klearn.decode(found[0]), image)
    assert path.is_fifo()


def test_a_reader_that_ends(image: NDArray[np.uint8]) -> None:
    data = j2klearn.encode(image, lossless=True, model=None)
    for words in (["decode", "-", "-"], ["info", "-", "--full"]):
        process = subprocess.Popen(
            [*PROGRAM, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        process.stdin.write(data)
        process.stdin.close()
        errors = process.stderr.read()
        process.stderr.close()
        assert process.wait() == 1
        assert b"Traceback" not in errors
        assert errors.count(b"\n") <= 1


@pytest.mark.parametrize("given", [b"", b"no picture at all"])
@pytest.mark.parametrize(
    "words", [["encode", "-", "-"], ["decode", "-", "-"], ["info", "-"], ["convert", "-", "-"]]
)
def test_what_is_no_picture_is_one_line(words: list[str], given: bytes) -> None:
    done = run(*words, given=given)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"error: ")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_devices(image: NDArray[np.uint8], tmp_path: Path) -> None:
    Image.fromarray(image).save(tmp_path / "a.png")
    done = run("encode", str(tmp_path / "a.png"), "/dev/full", *LOSSLESS)
    assert done.returncode == 1
    assert b"No space left" in done.stderr
    assert run("encode", str(tmp_path / "a.png"), "/dev/null", *LOSSLESS).returncode == 0
    assert not Path("/dev/null").is_file()


# .npy files


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("kind", ["u1", "<u2", ">u2", "i1", ">i2", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(30, 41), (30, 41, 3), (30, 41, 6)])
def test_npy_files_in_both_directions(
    shape: tuple[int, ...],
    order: str,
    kind: str,
    large: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if large:
        monkeypatch.setattr("j2klearn.io.memory_map.LARGE", 1000)
    dtype = np.dtype(kind)
    low, high = (0, 2) if kind == "?" else (np.iinfo(dtype).min, np.iinfo(dtype).max + 1)
    image = np.random.default_rng(0).integers(low, high, shape).astype(dtype)
    np.save(tmp_path / "a.npy", np.asarray(image, order=order))
    assert main(["encode", str(tmp_path / "a.npy"), str(tmp_path / "a.jp2"), *LOSSLESS]) == 0
    assert np.array_equal(j2klearn.decode(tmp_path / "a.jp2"), image)
    assert main(["decode", str(tmp_path / "a.jp2"), str(tmp_path / "b.npy")]) == 0
    found = np.load(tmp_path / "b.npy")
    assert np.array_equal(found, image)
    assert found.dtype == (np.uint8 if kind == "?" else dtype.newbyteorder("="))


@pytest.mark.parametrize("damage", ["object", "float", "axes", "cut", "header", "empty"])
@pytest.mark.parametrize("command", ["encode", "convert"])
def test_npy_files_that_are_no_picture(
    damage: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "a.npy"
    array = {"object": np.zeros((9, 9), object), "float": np.zeros((9, 9)), "axes": np.zeros(9, np.uint8)}
    np.save(path, array.get(damage, np.zeros((90, 90), np.uint8)), allow_pickle=True)
    data = path.read_bytes()
    if damage == "cut":
        path.write_bytes(data[:-10])
    elif damage == "header":
        path.write_bytes(data.replace(b"descr", b"xxxxx"))
    elif damage == "empty":
        path.write_bytes(b"")
    assert main([command, str(path), str(tmp_path / "a.jp2"), *LOSSLESS]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert not (tmp_path / "a.jp2").exists()


@pytest.mark.parametrize("command", ["encode", "convert"])
@pytest.mark.parametrize("link", [False, True])
def test_a_picture_is_not_written_over_itself(
    command: str, link: bool, rgb: NDArray[np.uint8], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, target = tmp_path / "a.jp2", tmp_path / "a.jp2"
    path.write_bytes(j2klearn.encode(rgb[:40, :50], bpp=4))
    before = path.read_bytes()
    if link:
        (tmp_path / "out").mkdir()
        target = tmp_path / "out" / "a.jp2"
        target.symlink_to(path)
    assert (
        main([command, str(path), str(target if command == "encode" else target.parent), "--bpp", "1"]) == 2
    )
    assert path.read_bytes() == before
    assert "would be lost" in capsys.readouterr().err


def test_packets_are_not_dropped_from_the_only_copy(
    rgb: NDArray[np.uint8], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.jp2"
    path.write_bytes(j2klearn.encode(rgb[:40, :50], bpp=[1, 4], model=None))
    before = path.read_bytes()
    for option in ("--layers", "--resolutions"):
        assert main(["repack", str(path), str(path), option, "1"]) == 2
        assert "would be lost" in capsys.readouterr().err
        assert path.read_bytes() == before
    assert main(["repack", str(path), str(path), "--plt"]) == 0
    assert np.array_equal(j2klearn.decode(path), j2klearn.decode(before))
