"""Whether a file is lossless is read from its headers and from what its encoder says; JSON has stable names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import j2klearn
from j2klearn.api.encode_file import encode_file_with
from j2klearn.api.options import EncodeOptions
from j2klearn.cli import main
from j2klearn.codestream.main_header import insert_comments, read_main_header, replace_comments
from j2klearn.jp2.boxes import find_codestream
from j2klearn.layers import keep_layers
from tests.support.paths import GOLDEN

KAKADU = "Kdu-Layer-Info: log_2{Delta-D(squared-error)/Delta-L(bytes)}, L(bytes)\n"

#: The names of `info --json`. A name that is missing here may be added; none may be removed.
NAMES = {
    "height", "width", "components", "precision", "bytes", "jp2", "levels", "layers", "tiles", "tile_size",
    "progression", "wavelet", "learned", "model", "model_id", "model_embedded", "engine", "transport", "measured",
    "profile", "lossless", "step", "resolutions", "preview", "precisions", "signed", "subsampling", "reversibility",
    "bpp", "other_readers", "dequantiser", "needs_pytorch",
}  # fmt: skip


def said(data: bytes) -> str:
    return j2klearn.info(data).reversibility


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"model": None, "lossless": True}, "lossless"),
        ({"model": None, "lossless": True, "tile_size": 64, "layers": 3}, "lossless"),
        ({"model": None, "wavelet": "5-3", "bpp": 1}, "lossy"),
        ({"model": None, "bpp": 8}, "lossy"),
        ({"bpp": 1, "fallback": False}, "lossy"),
        ({"lossless": True, "fallback": False}, "lossless"),
        ({"bpp": [1, 4, None], "fallback": False}, "lossless"),
        ({"profile": "neural", "lossless": True}, "lossless"),
        ({"profile": "neural", "quality": 40}, "lossy"),
    ],
)
def test_our_files(rgb: np.ndarray, options: dict[str, Any], expected: str) -> None:
    image = rgb[:100, :120]
    data = j2klearn.encode(image, **options)
    assert said(data) == expected
    assert f"{expected}" in str(j2klearn.info(data))
    if expected == "lossless":
        assert np.array_equal(j2klearn.decode(data), image)


@pytest.mark.parametrize("options", [{"bpp": 0.4}, {"psnr": 35}])
def test_files_whose_transform_was_measured_are_lossy(options: dict[str, Any]) -> None:
    image = np.zeros((160, 160, 3), np.uint8)
    image[20:60, 10:100] = 255
    image[::7] = (200, 10, 30)
    data = j2klearn.encode(image, **options)
    facts = j2klearn.info(data)
    assert (facts.measured, facts.wavelet) == (True, "5-3")
    assert said(data) == "lossy"


def test_learned_files_without_all_of_their_layers(rgb: np.ndarray) -> None:
    """The segment counts the layers that hold the exact samples; files of older versions do not say it."""
    data = j2klearn.encode(rgb[:100, :120], bpp=[2, 6, None], fallback=False)
    assert said(j2klearn.repack(data, progression="RPCL")) == "lossless"
    assert said(j2klearn.repack(data, layers=2)) == "lossy"
    assert said(data[:-100]) == "possibly lossless"
    assert said((GOLDEN / "lossless-rgb.jp2").read_bytes()) == "possibly lossless"


def test_files_coded_in_parts(rgb: np.ndarray, tmp_path: Path) -> None:
    encode_file_with(rgb, tmp_path / "a.jp2", EncodeOptions(model=None, lossless=True, tile_size=64))
    assert said((tmp_path / "a.jp2").read_bytes()) == "lossless"


def test_what_other_encoders_say(grey: np.ndarray) -> None:
    exact = j2klearn.encode(grey[:64, :64], model=None, lossless=True, layers=2, jp2=False)
    for note, expected in (
        ("Created by OpenJPEG version 2.5.0", "possibly lossless"),
        ("Created by OpenJPEG version 2.5.0. LOSSLESS settings used", "lossless"),
        ("Created by OpenJPEG version 2.5.0. LOSSY settings used", "lossy"),
        (KAKADU + " -44.1,  1.0e+03\n-192.0,  6.2e+03\n", "lossless"),
        (KAKADU + " -44.1,  1.0e+03\n-256.0,  6.2e+03\n", "lossless"),
        (KAKADU + " -44.1,  1.0e+03\n -46.0,  6.2e+03\n", "lossy"),
        (KAKADU + "-192.0,  6.2e+03\n", "lossy"),  # a layer was dropped
        (KAKADU, "lossy"),
    ):
        assert said(replace_comments(exact, note)) == expected, note
    lossy = j2klearn.encode(grey[:64, :64], model=None, bpp=2, jp2=False)
    assert said(replace_comments(lossy, "LOSSLESS settings used")) == "lossy"  # the 9/7 cannot be


def test_dropped_packets_take_the_claim_away(grey: np.ndarray) -> None:
    exact = j2klearn.encode(grey[:128, :128], model=None, lossless=True, layers=3, plt=True)
    assert said(j2klearn.repack(exact, progression="RPCL", layers=3)) == "lossless"
    for fewer in (
        j2klearn.repack(exact, layers=2),
        j2klearn.repack(exact, resolutions=3),
        keep_layers(exact, 1),
    ):
        assert said(fewer) == "lossy"
    assert said(keep_layers(exact, 3)) == "lossless"
    kakadu = insert_comments(
        replace_comments(find_codestream(exact), KAKADU + "-1, 2\n-2, 3\n-192.0, 4\n"), [b"kept"]
    )
    assert said(kakadu) == "lossless"
    fewer = read_main_header(j2klearn.repack(kakadu, layers=1))
    assert [comment.data for comment in fewer.comments] == [b"kept"]


@pytest.mark.parametrize(
    "options", [{"model": None, "bpp": 1}, {"bpp": 1}, {"profile": "neural", "quality": 30}]
)
def test_json(
    rgb: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture, options: dict[str, Any]
) -> None:
    path = tmp_path / "a.jp2"
    path.write_bytes(j2klearn.encode(rgb[:64, :96], **options))
    assert main(["info", "--json", str(path)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts.keys() >= NAMES
    assert facts == json.loads(json.dumps(j2klearn.info(path).as_dict()))
    assert (facts["height"], facts["width"], facts["bytes"]) == (64, 96, path.stat().st_size)
    assert facts["bpp"] == pytest.approx(8 * facts["bytes"] / (64 * 96))
    assert len(facts["subsampling"]) == 3
    assert main(["info", "--json", str(tmp_path / "none.jp2")]) == 1
