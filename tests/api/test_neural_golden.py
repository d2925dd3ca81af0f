"""Golden files of the neural profile: files of older versions decode for ever, to the same integers.

Their models are stored next to them and are not the shipped ones. ``python -m tests.api.test_neural_golden`` writes the
files. Run it only for a new version of the format: it adds files and replaces none.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.access.partial_codestream import PartialCodestream
from j2klearn.io.sources import open_source
from j2klearn.neural.reader import NeuralFile
from tests.support.paths import GOLDEN
from tests.support.small_context import small_context

FOLDER = GOLDEN / "neural"
VERSION = 1


class Kind(NamedTuple):
    """The picture of a golden file, whether it is lossless, and the options of its model."""

    picture: str
    lossless: bool
    model: dict[str, bool]


KINDS = {
    "lossy-rgb": Kind("rgb", False, {}),
    "lossless-rgb": Kind("rgb", True, {}),
    "lossless-grey16": Kind("grey16", True, {}),
    "adaptive-large": Kind("large", False, {"adaptive": True}),
    "predicted-rgb": Kind("rgb", False, {"adaptive": True, "predicted": True}),
    "narrow-rgb": Kind("narrow", False, {}),
    "corrected-large": Kind("large", True, {"adaptive": True, "corrected": True}),
}


def digest(path: Path, model: Path, threads: int) -> str:
    file = NeuralFile.open(PartialCodestream(open_source(path)), model)
    assert file is not None
    state = hashlib.sha256()
    for pyramid in file.pyramids(0, threads):
        for band in pyramid.bands():
            state.update(np.ascontiguousarray(band, "<i4").tobytes())
    return state.hexdigest()


def model_of(path: Path) -> Path:
    return path.with_name(f"{path.stem.rpartition('-')[0]}.safetensors")


def picture(name: str) -> NDArray[np.generic]:
    y, x = np.mgrid[:61, :47] if name != "large" else np.mgrid[:130, :111] // 2 * 2
    waves = [128 + 100 * np.sin((x * np.cos(a) + y * np.sin(a)) / 4) for a in (0.3, 1.0, 2.0)]
    image = np.stack(waves, axis=-1)
    if name == "narrow":
        return (image * 4 - 1500).astype(np.int16)
    return (image[..., 0] * 257).astype(np.uint16) if name == "grey16" else image.astype(np.uint8)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.jp2")), ids=lambda path: path.stem)
def test_old_files_decode_to_the_same_integers(path: Path) -> None:
    """With three threads, and with one."""
    facts = json.loads((FOLDER / "digests.json").read_text())
    assert digest(path, model_of(path), threads=3) == facts[path.stem]
    decoded = j2klearn.decode(path, model=model_of(path), threads=1)
    kind = next(kind for name, kind in KINDS.items() if path.stem.endswith(name))
    if kind.lossless:
        assert np.array_equal(decoded, picture(kind.picture))
    else:  # the transform is floating point
        expected = np.load(path.with_suffix(".npy"))
        assert np.abs(decoded.astype(int) - expected).max() <= 1


def test_all_kinds_are_there() -> None:
    assert {path.stem for path in FOLDER.glob("*.jp2")} >= {f"v1-{kind}" for kind in KINDS}


def _write() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    digests = json.loads((FOLDER / "digests.json").read_text())
    for name, kind in KINDS.items():
        path = FOLDER / f"v{VERSION}-{name}.jp2"
        if path.exists():
            continue
        model = small_context("5-3" if kind.lossless else "9-7", **kind.model)
        if not model_of(path).exists():
            model_of(path).write_bytes(model.to_bytes())
        options = {"lossless": True} if kind.lossless else {"quality": 40}
        path.write_bytes(j2klearn.encode(picture(kind.picture), profile="neural", model=model, **options))
        digests[path.stem] = digest(path, model_of(path), 1)
        if not kind.lossless:
            np.save(path.with_suffix(".npy"), j2klearn.decode(path, model=model))
    (FOLDER / "digests.json").write_text(json.dumps(digests, indent=1) + "\n")


if __name__ == "__main__":
    _write()
