"""A folder of small pictures, and checks of the output folder of a batch; shared by the tests."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

from j2klearn.api.convert import convert
from j2klearn.api.options import EncodeOptions
from j2klearn.batch.jobs import find_jobs
from j2klearn.batch.journal import JOURNAL


def write_pictures(
    folder: Path, photograph: np.ndarray, count: int, size: tuple[int, int] = (64, 96)
) -> Path:
    for index in range(count):
        path = folder / ("", "a", "ü/b c")[index % 3] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        y, x = 400 + 7 * index, 700 + 11 * index
        Image.fromarray(photograph[y : y + size[0], x : x + size[1]]).save(path)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    """Return the JP2 files below a folder; any other file than these and the journal is an error."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    found.pop(JOURNAL, None)
    assert all(name.endswith(".jp2") for name in found), sorted(found)
    return {name: path.read_bytes() for name, path in found.items()}


def sequential(source: Path, target: Path, **options: object) -> dict[str, bytes]:
    """Encode the pictures of a folder one by one in this process, and return the files."""
    for job in find_jobs(source, target).jobs:
        Path(job.target).parent.mkdir(parents=True, exist_ok=True)
        convert(Path(job.source), Path(job.target), EncodeOptions(**options, threads=1))
    return files(target)


def journalled(folder: Path) -> list[str]:
    lines = (folder / JOURNAL).read_text().splitlines()
    return sorted(json.loads(line)["output"] for line in lines)


def can_mount() -> bool:
    """Return whether this process may mount a file system in its own mount namespace."""
    if shutil.which("unshare") is None:
        return False
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
