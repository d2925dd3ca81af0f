"""Try an installed j2klearn: encode, decode, and see that PyTorch is not imported.

    python scripts/check_wheel.py                 in any environment
    python scripts/check_wheel.py --alone GOLDEN  where neither compiler nor OpenJPEG nor PyTorch may be found
    python scripts/check_wheel.py --sizes         prints the installed packages with their sizes

GOLDEN is tests/golden. `scripts/build-wheel.sh` uses them all.
"""

from __future__ import annotations

import ctypes.util
import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from importlib import metadata
from pathlib import Path


def sizes() -> dict[str, int]:
    """Return the bytes of each installed package, the largest first, without compiled Python files."""
    found = {}
    for package in metadata.distributions():
        paths = [Path(str(file.locate())) for file in package.files or [] if file.suffix != ".pyc"]
        found[f"{package.name} {package.version}"] = sum(
            path.stat().st_size for path in paths if path.is_file()
        )
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def check_round_trips(folder: Path) -> None:
    """Learned files, lossy and lossless, through the functions and through the command."""
    import numpy as np

    import j2klearn

    y, x = np.mgrid[0:200, 0:260]
    waves = 128 + 60 * np.sin(x / 9) + 50 * np.cos(y / 13)
    noise = np.random.default_rng(1).normal(0, 4, (200, 260, 3))
    picture = np.clip(waves[..., None] + noise, 0, 255).astype(np.uint8)

    (folder / "lossy.jp2").write_bytes(j2klearn.encode(picture, bpp=2, fallback=False))
    decoded = j2klearn.decode(folder / "lossy.jp2")
    error = np.mean((decoded.astype(float) - picture) ** 2)
    assert j2klearn.info(folder / "lossy.jp2").learned
    assert error < 40, error
    assert np.array_equal(
        j2klearn.decode(folder / "lossy.jp2", region=(30, 40, 90, 100)), decoded[30:90, 40:100]
    )
    np.save(folder / "lossy.npy", decoded)
    for model in ({}, {"model": None}):
        assert np.array_equal(j2klearn.decode(j2klearn.encode(picture, lossless=True, **model)), picture)

    read = np.asarray(j2klearn.Jp2k(folder / "lossy.jp2")[:])
    assert np.array_equal(read, decoded)
    j2klearn.Jp2k(folder / "glymur.jp2", data=picture, cratios=[20])
    assert j2klearn.info(folder / "glymur.jp2").learned

    command = Path(sysconfig.get_path("scripts"), "j2klearn")
    for words in (["decode", "lossy.jp2", "out.png"], ["encode", "out.png", "again.jp2", "--bpp", "1"]):
        subprocess.run([command, *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    assert "torch" not in sys.modules


def check_alone() -> None:
    """Nothing but the wheels is there, and the OpenJPEG in use is the one of the wheel."""
    for program in ("cc", "c++", "gcc", "g++", "clang", "cmake"):
        assert shutil.which(program) is None, program
    assert importlib.util.find_spec("torch") is None
    assert ctypes.util.find_library("openjp2") is None
    mapped = Path("/proc/self/maps").read_text().splitlines()
    loaded = {line.split()[-1] for line in mapped if "openjp2" in line}
    ours = {path for path in loaded if "/j2klearn.libs/libopenjp2-" in path}
    assert len(ours) == 1, loaded
    assert all("/pillow.libs/" in path for path in loaded - ours), loaded


def check_golden(golden: Path) -> None:
    """Golden files in integers decode to the samples that they decode to on every machine."""
    import j2klearn

    digests = json.loads((golden / "integer.json").read_text())
    for name, expected in digests.items():
        samples = j2klearn.decode(golden / f"{name}.jp2")
        digest = hashlib.sha256(f"{samples.dtype.name} {samples.shape}".encode())
        digest.update(samples.astype(samples.dtype.newbyteorder("<")).tobytes())
        assert digest.hexdigest() == expected["whole"], name
    assert len(digests) > 10


#: Programs that decode lossy.jp2 through the library in the place of OpenJPEG's. glymur has none but the one that its
#: configuration names, so ours has to find the copy in the wheel. Pillow's wheel has its own copy.
GLYMUR = """
import glymur
import numpy
numpy.save("glymur.npy", glymur.Jp2k("lossy.jp2")[:])
assert "/j2klearn.libs/libopenjp2-" in open("/proc/self/maps").read()
"""
PILLOW = """
import numpy
import PIL.Image
numpy.save("pillow.npy", PIL.Image.open("lossy.jp2"))
"""


def check_other_programs(folder: Path) -> None:
    """Other programs decode learned files as j2klearn does."""
    import numpy as np

    from j2klearn.interop.openjp2 import library

    (folder / "glymurrc").write_text(f"[library]\nopenjp2 = {library()}\n")
    for name, program in (("glymur", GLYMUR), ("pillow", PILLOW)):
        command = [
            Path(sysconfig.get_path("scripts"), "j2klearn"),
            "run",
            "--",
            sys.executable,
            "-c",
            program,
        ]
        subprocess.run(command, cwd=folder, check=True)
        assert np.array_equal(np.load(folder / f"{name}.npy"), np.load(folder / "lossy.npy")), name


def main(words: list[str]) -> None:
    if words == ["--sizes"]:
        found = sizes()
        for name, size in {**found, "all": sum(found.values())}.items():
            print(f"{size / 1e6:8.1f} MB  {name}")
        return
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        check_round_trips(folder)
        done = ["round trips without PyTorch"]
        if words[:1] == ["--alone"]:
            check_alone()
            check_golden(Path(words[1]))
            check_other_programs(folder)
            done += ["OpenJPEG of the wheel", "golden files", "other programs"]
    print(f"j2klearn {metadata.version('j2klearn')}: {', '.join(done)}, {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
