"""The documentation: snippets run, links and paths exist, and the tables of the formats describe real files."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import uuid
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.models.registry import DEFAULT_MODEL
from tests.support.paths import ROOT

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]


@pytest.mark.parametrize("page", ["arrays.md", "glymur.md", "pillow.md", "usage.md"])
def test_snippets_run(page: str, tmp_path: Path) -> None:
    snippets = re.findall(
        r"^```python\n(.*?)^```", (DOCS / page).read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert len(snippets) > 3
    script = tmp_path / "snippets.py"
    script.write_text("\n".join(snippets), "utf-8")
    run = subprocess.run(
        [sys.executable, "-W", "error", script.name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_in_the_index() -> None:
    for index in (DOCS / "README.md", DOCS / "dev" / "decisions" / "README.md"):
        text = index.read_text("utf-8")
        for page in index.parent.glob("*.md"):
            assert page == index or f"({page.name})" in text, page.name


def test_no_merge_is_half_done() -> None:
    for page in PAGES:
        assert not re.search(r"^(<{7}|>{7}) ", page.read_text("utf-8"), re.MULTILINE), page


@cache
def all_tests() -> str:
    """Return the source text of all tests."""
    return "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist(page: Path) -> None:
    from j2klearn.cli import main

    text = page.read_text("utf-8")
    for script in re.findall(r"benchmarks/\w+\.py", text):
        assert (ROOT / script).exists(), script
    for names in re.findall(r'-k "?((?:test_\w+)(?: or test_\w+)*)', text):
        for name in names.split(" or "):
            assert f"def {name}(" in all_tests(), name
    for command in set(re.findall(r"^    (?:.* \| )?j2klearn ([a-z0-9-]+)", text, re.MULTILINE)):
        with pytest.raises(SystemExit) as left:
            main([command, "--help"])
        assert left.value.code == 0


def table(page: str, heading: str) -> list[dict[str, str]]:
    """Return the rows of the first table below a heading."""
    lines = iter((DOCS / page).read_text("utf-8").partition(f"\n## {heading}\n")[2].splitlines())
    head = next(line for line in lines if line.startswith("|"))
    names = [cell.strip() for cell in head.strip("|").split("|")]
    next(lines)
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(names, (cell.strip() for cell in line.strip("|").split("|")), strict=True)))
    return rows


class Bytes:
    """Reads fields from data one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        part = self.data[self.at : self.at + size]
        assert len(part) == size
        self.at += size
        return part

    def number(self) -> int:
        value, more = 0, True
        while more:
            (byte,) = self.take(1)
            value, more = value << 7 | byte & 0x7F, byte >= 0x80
        return value


def comments(data: bytes) -> Iterator[bytes]:
    """Yield the COM marker segments of a codestream's main header."""
    at = 2
    while data[at : at + 2] != b"\xff\x90":
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at : at + 2] == b"\xff\x64":
            yield data[at:end]
        at = end


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("tile_size", [None, 64])
def test_the_table_of_the_segment_describes_a_file(
    rgb: NDArray[np.uint8], tile_size: int | None, narrow: bool
) -> None:
    """Parse a file with the table of the page alone."""
    image = rgb[:128, :192] // 8 + 100 if narrow else rgb[:128, :192]
    data = j2klearn.encode(image, bpp=[0.5, 1], levels=3, tile_size=tile_size, jp2=False, fallback=False)
    *_, segment = comments(data)
    values, found, source = {}, {}, Bytes(segment)
    for row in table("format.md", "The learned-transform segment"):
        size = row["size"]
        flagged = values.get("version") == 4 and values.get("opacities", 0) & 32
        if row["field"] == "normalisation" and values["version"] != 3 and not flagged:
            continue
        for name, value in values.items():
            size = re.sub(rf"\b{name}\b", str(value), size)
        count = int(np.prod([int(part) for part in size.split("*")]))
        part = source.take(count)
        found[row["field"]] = part
        values[row["field"]] = int.from_bytes(part, "big")
    assert source.at == len(segment) == 2 + values["Lcom"]
    assert (found["COM"], found["magic"], values["Rcom"]) == (b"\xff\x64", b"J2KL", 0)
    assert (values["kind"], values["transport"]) == (0, 0)
    assert values["version"] == (4 if values["opacities"] & 16 else 3 if narrow else 2)
    assert (values["B"], values["levels"], values["colour"], values["C"]) == (8, 3, 1, 3)
    tiles = 1 if tile_size is None else 6
    assert (values["opacities"] & 15, values["S"], values["L"], values["T"]) == (1, 0, 2, tiles)
    assert len(found["noise"]) == 3 * 2 * tiles
    if narrow:
        exponents, offsets = zip(*struct.iter_unpack(">Bi", found["normalisation"]), strict=True)
        assert exponents == (3, 3, 3)
        assert -28 <= offsets[0] <= 4
    assert values["CRC"] == zlib.crc32(segment[6:-4])
    assert found["model id"].hex() == j2klearn.info(data).model_id


@pytest.mark.parametrize(("lossless", "narrow"), [(False, False), (False, True), (True, False)])
def test_the_table_of_the_payload_describes_a_file(
    rgb: NDArray[np.uint8], lossless: bool, narrow: bool
) -> None:
    """Parse a file with the table of the page alone."""
    image = rgb[:80, :66] // 8 + 100 if narrow else rgb[:80, :66]
    data = j2klearn.encode(image, profile="neural", **({"lossless": True} if lossless else {"quality": 30}))
    page = (DOCS / "format-neural.md").read_text("utf-8")
    name = re.search(r"`([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})`", page)
    assert name
    box = data.index(b"uuid" + uuid.UUID(name[1]).bytes) - 4
    assert struct.unpack_from(">I", data, box)[0] == len(data) - box
    payload = data[box + 24 :]
    rows = table("format-neural.md", "The payload")
    names = [row["field"] for row in rows]
    assert names[:7] == ["version", "flags", "width", "height", "C", "B", "D"]
    assert names[7:] == [
        "model",
        "step",
        "shifts",
        "noise",
        "normalisation",
        "lengths",
        "CRCs",
        "CRC",
        "segments",
    ]
    assert [row["size"] for row in rows[:8]] == ["1", "1", "n", "n", "1", "1", "1", "8"]
    source = Bytes(payload)
    version, flags = source.take(2)
    width, height = source.number(), source.number()
    components, bits, levels = source.take(3)
    assert (version, width, height, components, bits) == (1, 66, 80, 3, 8)
    assert (flags & 1, flags & 2, flags & 4) == (int(lossless), 0, 4)
    source.take(8)
    if not lossless:
        step, *shifts = struct.unpack(">h4b", source.take(6))
        assert step == round(256 * 7 * 0.7) + 256 * 3 * narrow  # quality 30
        assert max(map(abs, shifts)) <= 64
    if flags & 8:
        source.take(components)
    assert bool(flags & 32) == narrow
    if narrow:
        assert [exponent for exponent, _ in struct.iter_unpack(">Bi", source.take(15))] == [3, 3, 3]
    lengths = [source.number() for _ in range(max(1, levels))]
    sides = [-(-80 // 2**at) for at in range(len(lengths) - 1, -1, -1)]
    coarse = max(1, sum(side <= 64 for side in sides))
    checksums = [int.from_bytes(source.take(4), "big") for _ in sides[coarse:]]
    fields = payload[: source.at]
    (checksum,) = struct.unpack(">I", source.take(4))
    segments = [source.take(length) for length in lengths]
    assert source.at == len(payload)
    assert checksums == [zlib.crc32(segment) for segment in segments[coarse:]]
    assert checksum == zlib.crc32(fields + b"".join(segments[:coarse]))


def test_the_size_of_the_default_model_is_that_of_its_file() -> None:
    size = (ROOT / "j2klearn" / "models" / f"{DEFAULT_MODEL}.safetensors").stat().st_size
    told = {
        page.name: int(number)
        for page in PAGES
        for number in re.findall(r"(\d+) KB with the default model", page.read_text("utf-8"))
    }
    base64 = {"arrays.md": round(size * 4 / 3 / 1000)}
    assert len(told) > 2
    assert told == {name: base64.get(name, round(size / 1000)) for name in told}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_exist(page: Path) -> None:
    """Check paths from the root of the repository; on the architecture page also those below a table's folder."""
    folders = [ROOT]
    if page.name == "architecture.md":
        folders += [ROOT / "j2klearn" / name for name in ("", "neural", "interop", "transform")]
    for path in re.findall(r"`([\w./-]+)`", page.read_text("utf-8")):
        whole = path.startswith(("j2klearn/", "native/", "scripts/", "tests/"))
        below = page.name == "architecture.md" and path.endswith((".py", "/"))
        if whole or below:
            assert any((folder / path).exists() for folder in folders), path
