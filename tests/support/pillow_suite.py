"""Run Pillow's own tests of JPEG 2000 through the library in the place of OpenJPEG's, and without it.

    python -m tests.support.pillow_suite [pytest arguments]

downloads the source distribution of the installed Pillow with pip (once, 47 MB, into build/pillow) and runs the tests
in `FILES` twice, against the installed Pillow. Every test has to end with the library as it ends without it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from j2klearn.interop.openjp2 import environment
from tests.support.paths import ROOT

FOLDER = ROOT / "build" / "pillow"

#: Pillow's tests that read or write JPEG 2000.
FILES = ("Tests/test_file_jpeg2k.py", "Tests/test_file_icns.py")


def source() -> Path:
    """Return the folder of Pillow's source distribution, in the installed version."""
    name = f"pillow-{version('pillow')}"
    archive = FOLDER / f"{name}.tar.gz"
    if not (FOLDER / name / "Tests").is_dir():
        FOLDER.mkdir(parents=True, exist_ok=True)
        if not archive.is_file():
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=pillow"]
            subprocess.run([*command, f"--dest={FOLDER}", name.replace("-", "==")], check=True)
        with tarfile.open(archive) as opened:
            opened.extractall(FOLDER, filter="data")
    return FOLDER / name


def run(folder: Path, variables: Mapping[str, str], arguments: list[str]) -> dict[str, str]:
    """Run the tests; return the outcome of every one by its name."""
    report = FOLDER / "report.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", *FILES]
    done = subprocess.run(
        [*command, f"--junitxml={report}", *arguments],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
    )
    if not report.is_file():
        raise SystemExit(f"Pillow's tests did not finish:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    outcomes = {}
    for case in ET.parse(report).getroot().iter("testcase"):
        kinds = {child.tag for child in case}
        outcome = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        outcomes[f"{case.get('classname')}.{case.get('name')}"] = outcome
    return outcomes


def main(arguments: list[str]) -> int:
    folder = source()
    alone = run(folder, os.environ, arguments)
    ours = run(folder, environment(os.environ), arguments)
    different = [name for name in sorted({*alone, *ours}) if alone.get(name) != ours.get(name)]
    for name in different:
        print(f"{name}: {alone.get(name)} without the library, {ours.get(name)} with it")
    counts = ", ".join(
        f"{list(ours.values()).count(each)} {each}" for each in ("passed", "failed", "skipped")
    )
    print(
        f"Pillow {version('pillow')}, {' and '.join(FILES)}: {counts}; {len(different)} differ without the library"
    )
    return 1 if different or "passed" not in ours.values() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
