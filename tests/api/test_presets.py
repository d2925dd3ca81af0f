"""Presets write what the published recipes name, for pictures of any size, and yield to options that are given."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import j2klearn
from j2klearn.api.encode_file import encode_file_with
from j2klearn.api.options import EncodeOptions
from j2klearn.batch.options import read_options
from j2klearn.cli import main
from j2klearn.codestream.main_header import MainHeader, main_segments, read_main_header
from j2klearn.codestream.markers import Marker
from j2klearn.codestream.tile_parts import tile_parts
from j2klearn.errors import OptionError
from j2klearn.jp2.boxes import find_codestream
from tests.support.judges import opj_decompress


def header_of(data: bytes) -> MainHeader:
    return read_main_header(find_codestream(data))


def markers_of(data: bytes) -> set[int]:
    codestream = find_codestream(data)
    return {segment.marker for segment in main_segments(codestream, read_main_header(codestream).end)}


@pytest.mark.parametrize("preset", j2klearn.presets)
@pytest.mark.parametrize("size", [(1, 1), (3, 130), (65, 64), (513, 700)])
def test_every_preset_takes_every_picture(
    photograph: np.ndarray, preset: str, size: tuple[int, int], tmp_path: Path
) -> None:
    for image in (photograph[: size[0], : size[1]], photograph[: size[0], : size[1], 0]):
        data = j2klearn.encode(image, preset=preset)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            decoded = j2klearn.decode(data)
        assert decoded.shape == image.shape
        if j2klearn.presets[preset].get("lossless"):
            assert np.array_equal(decoded, image)
            path = tmp_path / f"{image.ndim}d.jp2"
            path.write_bytes(data)
            assert np.array_equal(opj_decompress(path).squeeze(), image.squeeze())


def test_bodleian(photograph: np.ndarray) -> None:
    data = j2klearn.encode(photograph[:700, :700], preset="bodleian")
    header = header_of(data)
    assert header.reversible
    assert (header.layers, header.tile_size, header.progression) == (6, (512, 512), 2)
    assert header.sop
    assert header.eph
    assert header.levels == 6
    assert header.precincts[-3:] == ((7, 7), (8, 8), (8, 8))
    assert header.cod.style.code_block == (6, 6)
    assert Marker.TLM not in markers_of(data)
    parts = list(tile_parts(find_codestream(data)))
    assert all(part.header.packets is not None for part in parts)
    assert len(parts) == 4 * 7
    lossy = j2klearn.encode(photograph[:700, :700], preset="bodleian", bpp=3)
    assert not header_of(lossy).reversible
    assert header_of(lossy).layers == 6
    assert 8 * len(lossy) / 490_000 == pytest.approx(3, rel=0.02)


def test_ndnp(photograph: np.ndarray) -> None:
    image = photograph[:1200, :1200, 0]
    data = j2klearn.encode(image, preset="ndnp")
    header = header_of(data)
    assert not header.reversible
    assert (header.layers, header.levels, header.tile_size, header.progression) == (25, 6, (1024, 1024), 1)
    assert header.cod.style.block_style == 1
    assert set(header.precincts) == {(15, 15)}
    assert 8 * len(data) / image.size == pytest.approx(1, rel=0.02)
    assert len(list(tile_parts(find_codestream(data)))) == 4
    assert not {Marker.COC, Marker.QCC, Marker.TLM} & markers_of(data)


def test_access_and_iiif_and_archive(photograph: np.ndarray) -> None:
    image = photograph[:1100, :1100]
    access = j2klearn.encode(image, preset="access")
    header = header_of(access)
    assert (header.tiles, header.levels, header.layers) == (1, 7, 1)
    assert header.precincts == ((5, 5), (6, 6), (6, 6), (7, 7), (7, 7), (8, 8), (8, 8), (8, 8))
    assert [part.header.count for part in tile_parts(find_codestream(access))] == [8] * 8
    assert 8 * len(access) / 1100**2 == pytest.approx(0.5, rel=0.03)
    header = header_of(j2klearn.encode(image, preset="iiif"))
    assert header.reversible
    assert (header.layers, header.progression, header.levels) == (8, 1, 7)
    archive = header_of(j2klearn.encode(image, preset="archive"))
    assert archive.reversible
    assert archive.cod.style.block_style == 33
    assert (archive.layers, archive.levels, archive.sop, archive.eph) == (16, 6, True, True)


def test_options_that_are_given_win() -> None:
    def options(**given: Any) -> EncodeOptions:
        return EncodeOptions.of({"preset": "bodleian", **given})

    assert options(sop=False, layers=1).sop is False
    assert options(layers=1).layers == 1
    assert not options(psnr=40).lossless
    assert options(bpp=[1, 2]).layers == 1
    assert EncodeOptions.of({"preset": "iiif", "model": "auto"}).wavelet is None
    with pytest.raises(OptionError, match="archive"):
        EncodeOptions.of({"preset": "nothing"})
    with pytest.raises(OptionError, match="letters"):
        EncodeOptions(tile_parts="X")


def test_command(tmp_path: Path, photograph: np.ndarray) -> None:
    picture, out = tmp_path / "in.png", tmp_path / "out.jp2"
    Image.fromarray(photograph[:150, :200]).save(picture)
    assert (
        main(["encode", str(picture), str(out), "--preset", "bodleian", "--no-sop", "--layers", "2", "--tlm"])
        == 0
    )
    header = header_of(out.read_bytes())
    assert (header.sop, header.eph, header.layers) == (False, True, 2)
    assert Marker.TLM in markers_of(out.read_bytes())
    words = [
        "--codeblock",
        "16x32",
        "--precincts",
        "128,64x32",
        "--mode-switches",
        "bypass,segsym",
        "--eph",
        "--plt",
    ]
    words += ["--model", "none", "--progression", "RPCL", "--tile-parts", "R", "--levels", "3"]
    assert main(["encode", str(picture), str(out), *words]) == 0
    header = header_of(out.read_bytes())
    assert header.cod.style.code_block == (4, 5)
    assert header.precincts[1:] == ((4, 3), (6, 5), (7, 7)) or header.precincts[-2:] == ((6, 5), (7, 7))
    assert header.cod.style.block_style == 33
    assert len(list(tile_parts(find_codestream(out.read_bytes())))) == 4
    for bad in (["--codeblock", "big"], ["--mode-switches", "fast"], ["--preset", "none"]):
        with pytest.raises(SystemExit):
            main(["encode", str(picture), str(out), *bad])


def test_batches_take_presets() -> None:
    coding = read_options({"preset": "archive", "sop": False})
    assert coding.options.lossless
    assert not coding.options.sop
    assert read_options({}).digest == read_options({"tile_parts": None}).digest
    assert read_options({}).digest != coding.digest


def test_presets_of_large_pictures(tmp_path: Path, rgb: np.ndarray) -> None:
    """SOP, EPH and the code-block style are the same where a picture is coded in parts."""
    path = tmp_path / "a.jp2"
    image = np.tile(rgb, (5, 1, 1))
    encode_file_with(image, path, EncodeOptions.of({"preset": "bodleian"}))
    assert np.array_equal(j2klearn.decode(path), image)
    assert np.array_equal(opj_decompress(path), image)
    assert path.read_bytes().count(b"\xff\x91\x00\x04") > 100
    options = EncodeOptions.of({"preset": "archive", "lossless": True})
    encode_file_with(image, path, options)
    assert header_of(path.read_bytes()).cod.style.block_style == 33
    assert np.array_equal(j2klearn.decode(path), image)
    with pytest.raises(OptionError, match="tile_parts"):
        encode_file_with(image, path, EncodeOptions(tile_parts="R"))


def test_every_preset_has_levels_for_the_picture(rgb: NDArray[np.uint8]) -> None:
    for name in j2klearn.presets:
        levels = j2klearn.info(j2klearn.encode(rgb, preset=name)).levels
        assert levels >= 5, name
    exact = j2klearn.encode(rgb, preset="preview", lossless=True)
    assert len(exact) < 1.02 * len(j2klearn.encode(rgb, lossless=True))
