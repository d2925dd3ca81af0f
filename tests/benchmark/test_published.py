"""Published curves: the forms of files, and damaged files."""

from __future__ import annotations

import json

import pytest

from j2klearn.benchmark.published import read_published
from j2klearn.errors import InputError

CURVE = {"bpp": [0.2, 0.4], "psnr-rgb": [28.0, 30.0]}


def written(tmp_path, content):
    path = tmp_path / "curves.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize(
    "content",
    [
        {"name": "VTM", "results": CURVE},
        {"name": "VTM", **CURVE},
        {"vtm": {"name": "VTM", "results": CURVE}},
        {"vtm": {"name": "VTM", "bpp": CURVE["bpp"], "psnr": CURVE["psnr-rgb"]}},
    ],
)
def test_the_shapes_it_comes_in(tmp_path, content):
    (curve,) = read_published(written(tmp_path, content))
    assert (curve.bpp, curve.psnr) == ((0.2, 0.4), (28.0, 30.0))
    assert curve.title == "VTM (published)"


def test_a_choice_of_several(tmp_path):
    path = written(tmp_path, {"hm": {"name": "HM", **CURVE}, "vtm": {"name": "VTM", **CURVE}})
    assert [curve.name for curve in read_published(path)] == ["published-hm", "published-vtm"]
    assert [curve.name for curve in read_published(path, ["vtm"])] == ["published-vtm"]
    with pytest.raises(InputError, match="no curve 'av1'"):
        read_published(path, ["av1"])


@pytest.mark.parametrize(
    "content",
    [
        "not JSON",
        "[]",
        {"hm": "a string"},
        {"hm": {"bpp": [0.1]}},
        {"hm": {"bpp": [0.1], "psnr-rgb": [1, 2]}},
        {"hm": {"bpp": ["x"], "psnr-rgb": [1]}},
        {"hm": {"bpp": [0.0], "psnr-rgb": [1]}},
        {"hm": {"bpp": [], "psnr-rgb": []}},
        '{"hm": {"bpp": [NaN], "psnr-rgb": [1]}}',
    ],
)
def test_damaged_files(tmp_path, content):
    with pytest.raises(InputError):
        read_published(written(tmp_path, content))


def test_no_file(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        read_published(tmp_path / "nothing.json")
