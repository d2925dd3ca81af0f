"""Regions of files whose tile-parts are numbered, ordered or spaced in odd ways: they equal the crop of the whole."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import j2klearn
from j2klearn.errors import J2KError, TruncatedWarning
from tests.support.odd_files import changes, plain_parts

FILES: dict[str, dict[str, Any]] = {
    "bare": {"tile_size": 32, "progression": "RPCL", "plt": False, "tlm": False},
    "pointers": {"tile_size": 32, "progression": "RPCL", "plt": True, "tlm": True},
    "layers": {"tile_size": 32, "progression": "RLCP", "plt": True, "tlm": True, "layers": 2},
    "whole tiles": {"tile_size": 32, "progression": "LRCP", "plt": True, "tlm": False},
    "one tile": {"progression": "RPCL", "plt": True, "precincts": [(16, 16)]},
    "offset": {
        "tile_size": 48,
        "progression": "RPCL",
        "plt": False,
        "tlm": True,
        "jp2": False,
        "offset": (5, 7),
    },
}

REGIONS = [(35, 35, 50, 60), (0, 0, 20, 25), (30, 50, 75, 100)]


@pytest.fixture(scope="module")
def picture() -> NDArray[np.uint8]:
    y, x = np.mgrid[:75, :100]
    noise = np.random.default_rng(0).integers(0, 9, x.shape)
    return np.stack([(x + y) % 256, (2 * x + noise) % 256, 3 * y % 256], -1).astype(np.uint8)


def attempt(function: Callable[[], NDArray[Any]]) -> tuple[NDArray[Any] | None, bool]:
    """Return the samples, None for a typed error; and whether they were said to be truncated."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            out = function()
        except J2KError:
            return None, False
    return out, any(issubclass(each.category, TruncatedWarning) for each in said)


@pytest.mark.parametrize("kind", FILES)
def test_regions_of_what_decodes_whole(picture: NDArray[np.uint8], kind: str) -> None:
    options = FILES[kind]
    data = j2klearn.encode(picture, lossless=True, model=None, levels=3, **options)
    top, left = options.get("offset", (0, 0))
    outcomes: Counter[str] = Counter()
    for number, (name, odd) in enumerate(changes(data)):
        for reduce in (0, 2) if kind == "layers" else (0,):
            whole, truncated = attempt(lambda odd=odd, reduce=reduce: j2klearn.decode(odd, reduce=reduce))
            if whole is None:
                outcomes["unreadable"] += 1
                continue
            if not truncated and not np.array_equal(whole, picture) and not reduce:
                # bytes within a tile-part are packets; a codestream can lack tiles without ending early
                assert " in all" in name or " in the first" in name or name.startswith("without"), name
                outcomes["damaged"] += 1
                continue  # OpenJPEG guesses, and need not guess alike for a part
            # bytes between and within tile-parts are changed in many ways: each has one of the regions
            gap = " bytes " in name and not name.startswith("box")
            for region in [REGIONS[number % 3]] if gap else REGIONS:
                y0, x0, y1, x1 = (-(-(v + (top, left)[i % 2]) >> reduce) for i, v in enumerate(region))
                y0, y1 = (v - -(-top >> reduce) for v in (y0, y1))
                x0, x1 = (v - -(-left >> reduce) for v in (x0, x1))
                part, cut = attempt(
                    lambda odd=odd, reduce=reduce, region=region: j2klearn.decode(
                        odd, reduce=reduce, region=region
                    )
                )
                assert part is not None, (name, reduce, region)
                assert np.array_equal(part, whole[y0:y1, x0:x1]), (name, reduce, region)
                assert truncated or not cut, (name, reduce, region)
                outcomes["equal"] += 1
    print(kind, dict(outcomes))
    assert outcomes["equal"] > (120 if kind == "layers" else 60)


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        *((kind, None) for kind in FILES),
        *((kind, "hybrid97-8p7-dq") for kind in ("pointers", "one tile", "offset")),
    ],
)
def test_order_and_gaps(picture: NDArray[np.uint8], kind: str, model: str | None) -> None:
    """Tile-parts in any order, with any bytes between them, are decoded wholly, which OpenJPEG refuses."""
    target: dict[str, Any] = {"lossless": True} if model is None else {"bpp": 6, "fallback": False}
    data = j2klearn.encode(picture, model=model, levels=3, **target, **FILES[kind])
    expected = j2klearn.decode(data)
    checked = 0
    for name, odd in changes(data):
        if not name.startswith(("TPsot", "tile", "part")) and " after " not in name:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("error", TruncatedWarning)
            warnings.simplefilter("ignore", j2klearn.errors.CodestreamWarning)
            assert np.array_equal(j2klearn.decode(odd), expected), name
            part = j2klearn.decode(odd, region=(35, 35, 50, 60)).astype(int)
            assert np.abs(part - expected[35:50, 35:60]).max() <= (model is not None), name
            if " after " not in name or checked % 2:
                assert np.array_equal(j2klearn.Jp2k(odd)[:], expected), name
        checked += 1
    assert checked > 20


@pytest.mark.parametrize("kind", FILES)
def test_wrong_lengths(picture: NDArray[np.uint8], kind: str) -> None:
    """A tile-part that is longer or shorter than its Psot is an error, or said to be incomplete; or nothing is lost."""
    data = j2klearn.encode(picture, lossless=True, model=None, levels=3, **FILES[kind])
    for name, odd in changes(data):
        if "Psot +" in name or "Psot -" in name:
            whole, truncated = attempt(lambda odd=odd: j2klearn.decode(odd))
            assert whole is None or truncated or np.array_equal(whole, picture), name


@pytest.mark.parametrize("kind", ["bare", "pointers", "layers", "offset"])
@pytest.mark.parametrize(
    "count",
    [
        lambda parts: parts - 1,
        lambda parts: max(1, parts - 2),
        lambda parts: 1,
        lambda parts: 0,
        lambda parts: parts + 1,
        lambda parts: 255,
    ],
    ids=["one less", "two less", "one", "not signalled", "one more", "most"],
)
def test_numbers_of_tile_parts(picture: NDArray[np.uint8], kind: str, count: Callable[[int], int]) -> None:
    """A wrong TNsot, as Adobe's writer has it, loses nothing, and is not called a truncation."""
    data = j2klearn.encode(picture, lossless=True, model=None, levels=3, **FILES[kind])
    head, parts, tail = plain_parts(data)
    for part in parts:
        part[11] = count(part[11])
    odd = head + b"".join(parts) + tail
    with warnings.catch_warnings():
        warnings.simplefilter("error", TruncatedWarning)
        warnings.simplefilter("ignore", j2klearn.errors.CodestreamWarning)
        assert np.array_equal(j2klearn.decode(odd), picture)
        file, like_glymur = j2klearn.open(odd), j2klearn.Jp2k(odd)
        for y0, x0, y1, x1 in REGIONS:
            assert np.array_equal(file[y0:y1, x0:x1], picture[y0:y1, x0:x1])
            assert np.array_equal(like_glymur[y0:y1, x0:x1], picture[y0:y1, x0:x1])
        copied = np.zeros_like(picture)
        file.copy_to(copied, block=(16, 32))
        assert np.array_equal(copied, picture)


@pytest.mark.parametrize("kind", ["bare", "pointers", "one tile"])
@pytest.mark.parametrize("more", [-1, 1])
def test_pillow(picture: NDArray[np.uint8], kind: str, more: int) -> None:
    """Drafts and crops of a learned file with a wrong TNsot are those of the same file with the right one."""
    j2klearn.register_pillow()
    data = j2klearn.encode(picture, bpp=6, levels=3, fallback=False, **FILES[kind])
    head, parts, tail = plain_parts(data)
    for part in parts:
        part[11] += more
    odd = head + b"".join(parts) + tail
    with warnings.catch_warnings():
        warnings.simplefilter("error", TruncatedWarning)
        warnings.simplefilter("ignore", j2klearn.errors.CodestreamWarning)
        crop = Image.open(io.BytesIO(odd)).crop((35, 35, 60, 50))
        assert np.array_equal(np.asarray(crop), j2klearn.decode(data)[35:50, 35:60])
        draft = Image.open(io.BytesIO(odd))
        draft.draft("RGB", (25, 18))
        assert np.array_equal(np.asarray(draft), j2klearn.decode(data, reduce=2))
        part = j2klearn.decode(odd, region=(35, 35, 50, 60)).astype(int)
        assert np.abs(part - j2klearn.decode(data)[35:50, 35:60]).max() <= 1
