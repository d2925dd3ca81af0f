"""The neural profile in the benchmark: one file per quality, and one at a given rate for crops."""

from __future__ import annotations

import json

import numpy as np
from PIL import Image
from skimage import data as photographs

import j2klearn
from j2klearn.benchmark.codecs.neural import Neural
from j2klearn.cli import main
from tests.support.judges import psnr
from tests.support.small_context import small_context


def test_an_entropy_model_is_a_codec(tmp_path):
    picture = np.ascontiguousarray(photographs.astronaut()[:24, :32])
    Image.fromarray(picture).save(tmp_path / "a.png")
    model = tmp_path / "small.safetensors"
    model.write_bytes(small_context().to_bytes())
    words = ["benchmark", str(tmp_path / "a.png"), "--out", str(tmp_path / "out"), "--workers", "0"]
    words += ["--codecs", f"{model},9-7", "--channels", "rgb", "--metrics", "psnr,psnr-y"]
    assert main([*words, "--crops", "1", "--crop-rate", "2"]) == 0
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    curve = found["settings"]["small"]
    assert len(curve["psnr"]) == len(curve["psnr-y"]) == len(curve["bpp"]) == len(Neural.settings)
    assert set(found["settings"]) == {"small"}
    read_off = found["curves"]["small"]["bpp"]
    assert set(read_off) <= set(found["protocol"]["rates"])
    assert all(np.diff(curve["psnr"]) > 0)
    assert list((tmp_path / "out" / "crops").glob("*-small.png"))


def test_files_have_their_qualities_and_rates(tmp_path):
    picture = np.ascontiguousarray(photographs.astronaut()[:20, :24])
    path = tmp_path / "small.safetensors"
    path.write_bytes(small_context().to_bytes())
    codec = Neural(str(path))
    files = codec.single(picture, [0.5], 8)
    assert len(files) == len(codec.settings)
    assert [len(file) for file in files] == sorted(len(file) for file in files)
    assert np.array_equal(codec.decode(files[0]), j2klearn.decode(files[0], model=path))
    assert 7.5 < 8 * len(Neural("context97").at(picture, 8, 8)) / (20 * 24) <= 8.1


def test_bits_of_deep_samples_are_kept(tmp_path):
    picture = np.ascontiguousarray(photographs.astronaut()[:16, :16]).astype(np.uint16) << 4
    path = tmp_path / "small.safetensors"
    path.write_bytes(small_context().to_bytes())
    codec = Neural(str(path))
    data = codec.at(picture, 12, 12)
    assert "of 12 bits" in str(j2klearn.info(data))
    decoded = codec.decode(data)
    assert decoded.dtype == np.uint16
    assert psnr(picture, decoded, 4095) > 25


def test_results_know_the_model_by_its_weights(tmp_path):
    """Measurements are reused only for the same weights, whatever the path of the model file."""
    one, same, other = (
        tmp_path / name for name in ("one.safetensors", "same.safetensors", "other.safetensors")
    )
    one.write_bytes(small_context().to_bytes())
    same.write_bytes(one.read_bytes())
    other.write_bytes(small_context(predicted=True).to_bytes())
    assert Neural(str(one)).identity == Neural(str(same)).identity
    assert Neural(str(one)).identity not in (Neural(str(other)).identity, Neural("context97").identity)
    assert (Neural(str(one)).name, Neural("context97").name) == ("one", "context97")
