"""The includes of the native sources follow the layers of their folders, and the script detects every violation."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

SCRIPT = ROOT / "scripts" / "native_layers.py"


def check(native: Path) -> tuple[int, list[str]]:
    """Run the script on a folder; return its exit status and the lines that it printed."""
    done = subprocess.run([sys.executable, SCRIPT, native], capture_output=True, text=True)
    assert not done.stderr
    return done.returncode, done.stdout.splitlines()


@pytest.fixture
def native(tmp_path: Path) -> Path:
    """A copy of the sources, to modify."""
    return Path(shutil.copytree(ROOT / "native", tmp_path / "native"))


def test_the_sources_follow_the_order() -> None:
    status, lines = check(ROOT / "native")
    assert status == 0, "\n".join(lines)


@pytest.mark.parametrize(
    ("place", "include", "fault"),
    [
        ("base/bytes.hpp", '"codestream/coding.hpp"', "higher layer"),
        ("wavelet/kernels.cpp", '"transport/planes.hpp"', "higher layer"),
        ("transport/planes.cpp", '"tests/check.hpp"', "higher layer"),
        ("integer/layer.cpp", '"wavelet/kernels.hpp"', "another folder of the same layer"),
        ("codestream/coding.cpp", '"coding.hpp"', "path relative to native/"),
        ("codestream/coding.cpp", '"../codestream/coding.hpp"', "path relative to native/"),
        ("codestream/coding.cpp", '"codestream/absent.hpp"', "path relative to native/"),
        ("codestream/coding.cpp", "<openjpeg.h>", "only in transport/, openjp2/ and openjp2_engine/"),
        ("openjp2/codec.cpp", '"decoder/picture.hpp"', "higher layer"),
        ("decoder/picture.cpp", '"encoder/noise.hpp"', "higher layer"),
    ],
)
def test_an_include_against_the_order_is_found(native: Path, place: str, include: str, fault: str) -> None:
    text = (native / place).read_text("utf-8")
    (native / place).write_text(f"{text}\n#  include {include}\n", "utf-8")
    status, lines = check(native)
    assert status == 1
    assert len(lines) == 1
    line = text.count("\n") + 2
    assert re.fullmatch(rf"{re.escape(place)}:{line}: \S+ is .*{re.escape(fault)}", lines[0])


def test_includes_of_lower_layers_are_allowed(native: Path) -> None:
    for place, include in (
        ("transport/planes.cpp", "integer/layer.hpp"),
        ("tests/main.cpp", "base/bytes.hpp"),
    ):
        with (native / place).open("a", encoding="utf-8") as file:
            file.write(f'#include "{include}"\n#include <openjpeg.h>\n#include "j2kl.h"\n')
    assert check(native)[0] == 0


def test_a_file_outside_the_layers_is_found(native: Path) -> None:
    (native / "more").mkdir()
    (native / "more" / "code.cpp").write_text("", "utf-8")
    (native / "code.hpp").write_text("", "utf-8")
    status, lines = check(native)
    assert status == 1
    assert [line.split(":")[0] for line in lines] == ["code.hpp", "more/code.cpp"]
