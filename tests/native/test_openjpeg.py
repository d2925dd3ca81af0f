"""The published faults of OpenJPEG's versions, and the copy in use."""

from __future__ import annotations

import json
import re
import sys

import pytest

from j2klearn.cli import main
from j2klearn.native.library import openjpeg_version
from j2klearn.native.openjpeg import FAULTS, NEWEST_KNOWN, known_faults, loaded_files
from tests.support.paths import ROOT


def test_faults_follow_from_the_version() -> None:
    names = {
        version: {fault.name for fault in known_faults(version)} for version in ("2.5.0", "2.5.2", "2.5.4")
    }
    assert "CVE-2024-56827" in names["2.5.0"]
    assert "CVE-2024-56827" not in names["2.5.4"]
    assert "CVE-2025-54874" in names["2.5.2"]  # it came with 2.5.1
    assert "CVE-2025-54874" not in names["2.5.0"] | names["2.5.4"]
    assert "OSV-2025-219" in names["2.5.4"]
    assert "OSV-2025-219" not in names["2.5.2"]
    assert known_faults("2.5.10") == []
    assert known_faults() == known_faults(openjpeg_version())


def test_security_page_has_the_same_table() -> None:
    rows = re.findall(
        r"^\| ((?:CVE|OSV)-\S+) \| (.+) \| (.+) \| (.+) \|$", (ROOT / "SECURITY.md").read_text(), re.M
    )
    assert rows == [
        (fault.name, fault.first, fault.repaired or f"none up to {NEWEST_KNOWN}", fault.meaning)
        for fault in FAULTS
    ]


def test_versions_name_the_library_and_its_faults(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--versions"]) == 0
    text = capsys.readouterr().out
    assert re.search(rf"^openjpeg: +{re.escape(openjpeg_version())}$", text, re.M)
    for fault in known_faults():
        assert fault.name in text
    assert main(["info", "--versions", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["openjpeg_files"] == [str(path) for path in loaded_files()]
    assert bool(found["openjpeg_files"]) is (sys.platform == "linux")
    assert main(["info"]) == 2
    assert "--versions" in capsys.readouterr().err
