"""The choice of the engine, and files that integer models code: one result for any threads, region and resolution."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.api.encode_file import encode_file
from j2klearn.cli import main
from j2klearn.errors import ModelError, OptionError
from j2klearn.metrics.psnr import psnr
from j2klearn.models.model import Model
from j2klearn.models.registry import resolve
from tests.support.float_networks import with_float_network
from tests.support.integer_models import small_pair

MODELS = ["hybrid97-9c-compact", "hybrid53-9c-compact", "hybrid97-9c-compact-dq", "hybrid97-9c-compact-int"]


@pytest.fixture(scope="module")
def picture(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(rgb[:190, :161])


@pytest.mark.parametrize("model", MODELS)
def test_results_do_not_depend_on_threads_regions_or_resolution(
    model: str, picture: NDArray[np.uint8]
) -> None:
    files = {j2klearn.encode(picture, bpp=2, model=model, threads=threads) for threads in (1, 2, 4)}
    assert len(files) == 1
    (data,) = files
    whole = j2klearn.decode(data, threads=1)
    assert psnr(picture, whole, 8) > 33
    for threads in (2, 4):
        assert np.array_equal(j2klearn.decode(data, threads=threads), whole)
    half = j2klearn.decode(data, reduce=1)
    opened = j2klearn.open(data, engine="native")
    for y0, x0, y1, x1 in ((0, 0, 33, 20), (50, 61, 121, 160), (189, 0, 190, 161), (97, 98, 98, 99)):
        region = j2klearn.decode(data, region=(y0, x0, y1, x1), threads=2)
        assert np.array_equal(region, whole[y0:y1, x0:x1])
        assert np.array_equal(opened[y0:y1, x0:x1], region)
    region = j2klearn.decode(data, region=(32, 40, 120, 100), reduce=1)
    assert np.array_equal(region, half[16:60, 20:50])


def test_tiles_and_strips(picture: NDArray[np.uint8], tmp_path: Path) -> None:
    for engine in ("native", "torch"):
        path = tmp_path / f"{engine}.jp2"
        encode_file(picture, path, model="hybrid97-9c-compact", tile_size=64, bpp=3, engine=engine)
        whole = j2klearn.decode(path)
        assert psnr(picture, whole, 8) > 33
        assert np.array_equal(j2klearn.decode(path, region=(60, 10, 140, 90)), whole[60:140, 10:90])


@pytest.mark.parametrize("model", MODELS[:3])
def test_both_engines_read_the_files_of_both(model: str, picture: NDArray[np.uint8]) -> None:
    for engine in ("native", "torch"):
        data = j2klearn.encode(picture, bpp=2, model=model, engine=engine)
        assert j2klearn.info(data).engine == "native"
        assert j2klearn.info(data).model == model
        native, floats = (j2klearn.decode(data, engine=name) for name in ("native", "torch"))
        assert np.array_equal(j2klearn.decode(data), native)
        difference = np.abs(native.astype(int) - floats)
        assert 0 < difference.max() <= 4
        assert abs(psnr(picture, native, 8) - psnr(picture, floats, 8)) < 0.05


def test_a_model_without_a_twin_needs_pytorch(picture: NDArray[np.uint8]) -> None:
    model, twin = small_pair()
    grey = picture[:70, :60, 1]
    data = j2klearn.encode(grey, bpp=8, model=model, embed_model=True, fallback=False)
    facts = j2klearn.info(data)
    assert (facts.engine, facts.needs_pytorch) == ("torch", True)
    assert "engine:        torch" in str(facts)
    for call in (
        lambda: j2klearn.encode(grey, model=model, engine="native"),
        lambda: j2klearn.decode(data, engine="native"),
        lambda: j2klearn.open(data, engine="native"),
    ):
        with pytest.raises(OptionError, match="twin"):
            call()
    floats = j2klearn.decode(data)
    native = j2klearn.decode(data, model=twin, engine="native")
    assert np.abs(native.astype(int) - floats).max() <= 2


def test_an_embedded_integer_model(picture: NDArray[np.uint8]) -> None:
    twin, picture = small_pair()[1], picture[:64, :80]
    data = j2klearn.encode(picture, bpp=20, model=twin, embed_model=True, fallback=False)
    facts = j2klearn.info(data)
    assert (facts.engine, facts.model, facts.model_embedded) == ("native", twin.name, True)
    assert facts.model_id == twin.id.hex()
    assert "engine:        native, without PyTorch" in str(facts)
    assert facts.needs_pytorch is False
    assert psnr(picture, j2klearn.decode(data), 8) > 40
    with pytest.raises(OptionError, match="torch"):
        j2klearn.decode(data, engine="torch")
    with pytest.raises(ModelError, match="floating point"):
        j2klearn.encode(picture, bpp=20, model=twin, effort=2)


def test_unknown_engines(picture: NDArray[np.uint8]) -> None:
    plain = j2klearn.encode(picture[:20, :20], model=None)
    for call in (
        lambda: j2klearn.encode(picture, engine="cuda"),
        lambda: j2klearn.decode(plain, engine="cuda"),
        lambda: j2klearn.open(plain, engine=""),
    ):
        with pytest.raises(OptionError, match="engine"):
            call()
    assert (j2klearn.info(plain).engine, j2klearn.info(plain).needs_pytorch) == (None, False)
    assert np.array_equal(j2klearn.decode(plain, engine="native"), j2klearn.decode(plain))
    with pytest.raises(OptionError, match="engine"):
        j2klearn.encode(picture, profile="neural", engine="native")


def test_info_tells_what_dequantises(picture: NDArray[np.uint8]) -> None:
    how = {"bpp": 1, "fallback": False}
    facts = j2klearn.info(j2klearn.encode(picture, **how))
    assert (facts.engine, facts.dequantiser, facts.needs_pytorch) == ("native", "native", False)
    facts = j2klearn.info(j2klearn.encode(picture, model="hybrid97-9c-compact", **how))
    assert (facts.engine, facts.dequantiser, facts.needs_pytorch) == ("native", None, False)
    facts = j2klearn.info(j2klearn.encode(picture, model="hybrid97-9c-compact-guided", **how))
    assert (facts.engine, facts.dequantiser, facts.needs_pytorch) == ("native", "native", False)
    facts = j2klearn.info(j2klearn.encode(picture, model=with_float_network(), embed_model=True, **how))
    assert (facts.engine, facts.dequantiser, facts.needs_pytorch) == ("native", "torch", True)
    assert "engine:        native, with PyTorch for de-quantisation" in str(facts)
    unknown = j2klearn.info(j2klearn.encode(picture, model=small_pair()[0], **how))
    assert (unknown.model, unknown.engine, unknown.needs_pytorch) == (None, None, None)
    assert "engine:        unknown: the model is not installed" in str(unknown)
    neural = j2klearn.info(j2klearn.encode(picture[:32, :32], profile="neural", quality=10))
    assert (neural.engine, neural.needs_pytorch) == (None, True)


def test_the_command_line(picture: NDArray[np.uint8], tmp_path: Path) -> None:
    from PIL import Image

    picture = np.ascontiguousarray(picture[:64, :80])
    Image.fromarray(picture).save(tmp_path / "in.png")
    for name in ("native", "torch"):
        coded, decoded = tmp_path / f"{name}.jp2", tmp_path / f"{name}.npy"
        assert main(["encode", str(tmp_path / "in.png"), str(coded), "--bpp", "2", "--engine", name]) == 0
        assert coded.read_bytes() == j2klearn.encode(picture, bpp=2, engine=name)
        assert main(["decode", str(coded), str(decoded), "--engine", name]) == 0
        assert np.array_equal(np.load(decoded), j2klearn.decode(coded, engine=name))
    folder = tmp_path / "batch"
    words = [
        "encode-batch",
        str(tmp_path),
        str(folder),
        "--bpp",
        "2",
        "--engine",
        "torch",
        "--processes",
        "1",
    ]
    assert main(words) == 0
    assert np.array_equal(j2klearn.decode(folder / "in.jp2"), j2klearn.decode(tmp_path / "torch.jp2"))
    assert main([*words[:-4], "--engine", "native", "--profile", "neural"]) == 2
    with pytest.raises(SystemExit):
        main(["decode", str(coded), str(decoded), "--engine", "cuda"])


def test_the_command_quantise(
    tmp_path: Path, picture: NDArray[np.uint8], capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    model = small_pair()[0]
    (tmp_path / "model.safetensors").write_bytes(model.to_bytes())
    folder = tmp_path / "pictures"
    folder.mkdir()
    for at in range(3):
        Image.fromarray(np.roll(picture, 20 * at, 0)[:80, :96]).save(folder / f"{at}.png")
    out = tmp_path / "integer.safetensors"
    words = ["quantise", str(tmp_path / "model.safetensors"), "--data", str(folder)]
    assert main([*words, "--pictures", "2", "--measure", "1", "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert all(word in text for word in ("h2l: rms", "l2h: rms", "PSNR of 1 pictures", out.name))
    twin = Model.load(out)
    assert twin.integer
    assert twin.twin_of == model.id
    assert twin.name == "integer"
    assert main([*words, "--pictures", "0"]) == 2
    assert main([*words, "--measure", "-1"]) == 2
    assert main([*words[:2], "--data", str(tmp_path / "nowhere")]) == 1
    (tmp_path / "empty").mkdir()
    assert main([*words[:2], "--data", str(tmp_path / "empty")]) == 1
    assert main(["quantise", "hybrid97-9c-compact-int", "--data", str(folder)]) == 2


def test_the_command_quantises_the_network_for_dequantisation(
    tmp_path: Path, picture: NDArray[np.uint8]
) -> None:
    from PIL import Image

    picture = picture[:96, :112]
    Image.fromarray(picture).save(tmp_path / "picture.png")
    out = tmp_path / "integer.safetensors"
    model = resolve("hybrid97-8p7-dq")
    words = ["quantise", model.name, "--data", str(tmp_path), "--pictures", "1", "--measure", "0"]
    assert main([*words, "--out", str(out)]) == 0
    twin = Model.load(out)
    assert (twin.twin_of, twin.dequantiser_twin_of) == (model.transform_id, model.id)
    data = j2klearn.encode(picture, bpp=1, model=twin, fallback=False)
    integer = j2klearn.decode(data, model=twin)
    assert np.array_equal(j2klearn.decode(data, model=twin, region=(31, 40, 80, 99)), integer[31:80, 40:99])
    plain = j2klearn.encode(picture, bpp=1, model=model, fallback=False)
    assert psnr(picture, integer, 8) == pytest.approx(
        psnr(picture, j2klearn.decode(plain, engine="torch"), 8), abs=0.1
    )


def test_what_cannot_be_quantised() -> None:
    from j2klearn.errors import InputError
    from j2klearn.transform.integer.quantise import quantise
    from tests.support.small_models import small_model

    for name, operator in (("custom4s", "proposal-opacity"), ("hybrid97", "iwave")):
        with pytest.raises(ModelError, match="quantised"):
            quantise(small_model(name, operator).structure, [])
    with pytest.raises(InputError, match="pictures"):
        quantise(small_pair()[0].structure, [])
