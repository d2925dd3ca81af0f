"""The modules that each use of the package imports. PyTorch and glymur take a second each; most uses need neither."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn

HEAVY = {"torch", "glymur"}

#: Uses that need neither PyTorch nor glymur. PLAIN is an ordinary JP2 file, LEARNED a learned one whose model has a
#: network for de-quantisation, INTEGER one whose model has none, and whose transform has an integer twin.
LIGHT = {
    "import": "import j2klearn",
    "peek": "from j2klearn.jp2.peek import is_learned; assert is_learned(open(LEARNED, 'rb'))",
    "info": "import j2klearn; assert j2klearn.info(PLAIN).layers == 2",
    "info of a learned file": "import j2klearn; assert j2klearn.info(LEARNED).learned",
    "open": "import j2klearn; assert j2klearn.open(PLAIN).shape == (60, 50)",
    "open a learned file": "import j2klearn; assert j2klearn.open(LEARNED).learned",
    "read a part": "import j2klearn; assert j2klearn.open(PLAIN)[8:16, 5:9].shape == (8, 4)",
    "decode": "import j2klearn; assert j2klearn.decode(PLAIN, layers=1).shape == (60, 50)",
    "encode": "import j2klearn, numpy; j2klearn.encode(numpy.zeros((9, 9), 'u1'), model=None)",
    "drop layers": "from j2klearn.layers import keep_layers; keep_layers(open(PLAIN, 'rb').read(), 1)",
    "Pillow plugin": "import j2klearn; j2klearn.register_pillow(); from PIL import Image; Image.open(LEARNED).size",
    "arrays": "import j2klearn.arrays",
    "decode by a twin": "import j2klearn; assert j2klearn.decode(INTEGER).shape == (60, 50)",
    "decode the 5/3 by a twin": "import j2klearn; assert j2klearn.decode(INTEGER53, threads=2).shape == (60, 50)",
    "read a part by a twin": "import j2klearn; assert j2klearn.open(INTEGER)[8:16, 5:9].shape == (8, 4)",
    "encode by a twin": "import j2klearn, numpy; "
    "j2klearn.encode(numpy.zeros((70, 70), 'u1'), model='hybrid53-9c-compact')",
    "decode by the default": "import j2klearn; assert j2klearn.decode(LEARNED).shape == (60, 50)",
    "encode by the default": "import j2klearn, numpy; j2klearn.encode(numpy.zeros((70, 70), 'u1'))",
    "encode a file": "import j2klearn, numpy; j2klearn.encode_file(numpy.zeros((70, 70), 'u1'), PLAIN + '2')",
    "command line decode of a learned file": "from j2klearn.cli import main; main(['decode', LEARNED, PLAIN + '.png'])",
    "command line info": "from j2klearn.cli import main; main(['info', PLAIN])",
    "command line": "from j2klearn.cli import main; main(['decode', PLAIN, PLAIN + '.png'])",
}

#: Modules of the package that ``j2klearn --help`` may import.
HELP = {
    "j2klearn",
    "j2klearn._version",
    "j2klearn.cli",
    "j2klearn.cli.__main__",
    "j2klearn.cli.main",
    "j2klearn.core",
    "j2klearn.core.forked",
    "j2klearn.core.lazy",
    "j2klearn.errors",
}


@pytest.fixture(scope="module")
def folder(grey: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    picture = np.ascontiguousarray(grey[:60, :50])
    (folder / "plain.jp2").write_bytes(j2klearn.encode(picture, model=None, bpp=[2, 4], plt=True))
    (folder / "learned.jp2").write_bytes(j2klearn.encode(picture, bpp=4, fallback=False))
    for name in ("97", "53"):
        data = j2klearn.encode(picture, bpp=4, model=f"hybrid{name}-9c-compact", fallback=False)
        (folder / f"{name}.jp2").write_bytes(data)
    return folder


def loaded(code: str) -> set[str]:
    """Run `code` in a new process and return the names of the modules that it has imported."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules, file=sys.stderr)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.split())


@pytest.mark.parametrize("use", LIGHT)
def test_light_uses_load_neither_pytorch_nor_glymur(use: str, folder: Path) -> None:
    names = {"PLAIN": "plain", "LEARNED": "learned", "INTEGER": "97", "INTEGER53": "53"}
    files = "".join(f"{name} = {str(folder / f'{file}.jp2')!r}\n" for name, file in names.items())
    assert not HEAVY & loaded(files + LIGHT[use])


def test_other_uses_load_pytorch(folder: Path) -> None:
    """The test above can fail: it detects an import of PyTorch."""
    path = str(folder / "learned.jp2")
    assert "torch" in loaded(f"import j2klearn; j2klearn.decode({path!r}, engine='torch')")


def test_help_loads_no_command() -> None:
    code = "import contextlib\nfrom j2klearn.cli import main\nwith contextlib.suppress(SystemExit): main(['--help'])"
    found = loaded(code)
    assert {name for name in found if name.startswith("j2klearn")} <= HELP
    assert "numpy" not in found


def test_the_contracts_hold() -> None:
    """The import-linter contracts in pyproject.toml."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stdout
