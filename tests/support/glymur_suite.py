"""Run glymur's own test suite with j2klearn's classes instead of glymur's.

    python -m tests.support.glymur_suite [classic | learned] [pytest arguments]

downloads glymur's source distribution with pip (once, into build/) and runs its tests against the installed glymur with
`Jp2k` and `Jp2kr` replaced. In classic mode all tests must pass. In learned mode, where lossy files use the learned
transform, all tests except those in `PERMITTED` must pass.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ET
from importlib.metadata import version
from pathlib import Path

from tests.support.paths import ROOT

_WAVELET = "asserts that a lossy file uses the 5/3: learned files use the 9/7"

#: Tests that fail with learned transforms, and the reason.
PERMITTED = {
    "test_jp2k_writes.TestSuite.test_NR_ENC_Bretagne1_ppm_1_encode": _WAVELET,
    "test_jp2k_writes.TestSuite.test_NR_ENC_Bretagne1_ppm_2_encode": _WAVELET,
    "test_jp2k_writes.TestSuite.test_NR_ENC_Bretagne1_ppm_3_encode": _WAVELET,
    "test_jp2k_writes.TestSuite.test_NR_ENC_Bretagne2_ppm_4_encode": _WAVELET,
    "test_jp2k_writes.TestSuite.test_NR_ENC_Bretagne2_ppm_8_encode": _WAVELET,
    "test_jp2k_writes.TestSuite.test_NR_ENC_Cevennes1_bmp_9_encode": _WAVELET,
    "test_jp2k_writes.TestSuite.test_NR_ENC_Cevennes2_ppm_10_encode": _WAVELET,
    "test_jp2k_writes.TestSuite.test_NR_ENC_Rome_bmp_11_encode": _WAVELET,
    "test_jp2k_writes.TestSuite.test_1x1_tile": "asserts that a single tile cannot be written by tiles: it can (#586)",
}


def source(folder: Path) -> Path:
    """Return the folder of glymur's source distribution, in the installed version, with its package removed."""
    name = f"glymur-{version('glymur')}"
    target = folder / name
    if not (target / "tests").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        command += ["--no-build-isolation", "--dest", str(folder), name.replace("-", "==")]
        subprocess.run(command, check=True)
        with tarfile.open(next(folder.glob("[gG]lymur-*.tar.gz"))) as archive:
            archive.extractall(folder, filter="data")
    # the tests must import the installed package
    shutil.rmtree(target / "glymur", ignore_errors=True)
    return target


def run(mode: str, folder: Path, arguments: list[str]) -> tuple[dict[str, str], str]:
    """Run the suite; return the outcome of every test, and the last line of pytest's output."""
    report = folder.parent / f"glymur-{mode}.xml"
    report.unlink(missing_ok=True)
    environment = {
        **os.environ,
        "J2KLEARN_SWAP": mode,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-m", "pytest", "tests", "-q", "--tb=short", "-p", "no:cacheprovider"]
    command += ["-p", "glymur_swap", f"--junitxml={report}", *arguments]
    process = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if not report.is_file():
        raise SystemExit(f"glymur's suite did not finish:\n{process.stdout[-4000:]}{process.stderr[-4000:]}")
    outcomes = {}
    for case in ET.parse(report).getroot().iter("testcase"):
        name = f"{case.get('classname', '').removeprefix('tests.')}.{case.get('name')}"
        kinds = {child.tag for child in case}
        outcomes[name] = (
            "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        )
    return outcomes, process.stdout.strip().splitlines()[-1]


def main(arguments: list[str]) -> int:
    modes = (
        [arguments.pop(0)] if arguments and arguments[0] in ("classic", "learned") else ["classic", "learned"]
    )
    folder = source(ROOT / "build" / "glymur")
    bad = 0
    for mode in modes:
        outcomes, summary = run(mode, folder, arguments)
        permitted = PERMITTED if mode == "learned" else {}
        failed = {name for name, outcome in outcomes.items() if outcome == "failed"}
        print(f"{mode}: {summary}")
        for name in sorted(failed):
            print(f"  {'permitted' if name in permitted else 'FAILED'}: {name}: {permitted.get(name, '')}")
        for name in sorted(permitted.keys() & outcomes.keys() - failed):
            print(f"  FAILED: {name} passes: remove it from PERMITTED")
        bad += len(failed ^ (permitted.keys() & outcomes.keys()))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
