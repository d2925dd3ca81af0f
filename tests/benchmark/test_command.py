"""The command ``j2klearn benchmark``."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image

from j2klearn.benchmark import published, speed
from j2klearn.benchmark.codecs import programs
from j2klearn.benchmark.codecs.programs import OpenJpegTools
from j2klearn.cli import main
from j2klearn.models.registry import DEFAULT_MODEL

OPTIONS = ["--rates", "0.25,0.5,1,2", "--workers", "0"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, photograph):
    folder = tmp_path_factory.mktemp("pictures")
    for name, y in (("first", 500), ("second", 800)):
        Image.fromarray(photograph[y : y + 192, 900:1156]).save(folder / f"{name}.png")
    (folder / "notes.txt").write_text("not a picture, and not named as one")
    return folder


@pytest.fixture(scope="module")
def finished(pictures, tmp_path_factory):
    """A run whose worker is a process of its own."""
    out = tmp_path_factory.mktemp("run") / "bench"
    words = ["--codecs", "default,9-7,5-3", *OPTIONS, "--workers", "1"]
    assert main(["benchmark", str(pictures), "--out", str(out), *words]) == 0
    return out


def results(folder):
    return json.loads((folder / "results.json").read_text())


def test_what_a_run_leaves(finished):
    document = results(finished)
    assert [picture["name"] for picture in document["pictures"]] == ["first.png", "second.png"]
    assert set(document["measurements"]) == {DEFAULT_MODEL, "9-7", "5-3"}
    for by_picture in document["measurements"].values():
        for values in by_picture.values():
            assert values["bpp"] == pytest.approx([0.25, 0.5, 1, 2], rel=0.1)
            assert values["psnr"] == sorted(values["psnr"])
            assert values["bpp"] == [8 * size / (192 * 256) for size in values["bytes"]]
    deltas = {(delta["codec"], delta["metric"]): delta for delta in document["deltas"]}
    assert deltas[DEFAULT_MODEL, "psnr"]["bd_rate"] < 0 < deltas["5-3", "psnr"]["bd_rate"]
    assert deltas[DEFAULT_MODEL, "ssim"]["of"] == 2
    assert document["machine"]["cores"] >= 1
    assert {"j2klearn", "openjpeg", "pytorch-msssim"} <= set(document["versions"])
    assert (finished / "report.html").stat().st_size > 100_000
    assert not document["skipped"]


def test_averages_are_those_of_the_pictures(finished):
    document = results(finished)
    for codec, curve in document["curves"].items():
        each = document["measurements"][codec].values()
        assert curve["psnr"] == pytest.approx(np.mean([values["psnr"] for values in each], axis=0))


def test_csv_has_every_point(finished):
    with (finished / "results.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 3 * 2 * 4
    assert {row["codec"] for row in rows} == {DEFAULT_MODEL, "9-7", "5-3"}
    assert all(float(row["psnr"]) > 15 and int(row["bytes"]) > 500 for row in rows)


def test_curves_in_the_schema_of_others(finished):
    curve = json.loads((finished / "curves" / "9-7.json").read_text())
    assert set(curve["results"]) == {"bpp", "psnr-luma", "ssim-luma", "ms-ssim-luma", "ssimulacra2-luma"}
    assert curve["name"] == "OpenJPEG 9/7"


def test_crops_are_there_at_equal_bytes(finished):
    (crop, *_) = results(finished)["crops"]
    assert crop["bpp"] == 0.25
    sizes = [shown["bytes"] for shown in crop["codecs"].values()]
    assert max(sizes) / min(sizes) < 1.06
    y0, x0, y1, x1 = crop["box"]
    for shown in crop["codecs"].values():
        with Image.open(finished / shown["file"]) as picture:
            assert picture.size == (x1 - x0, y1 - y0)


def test_a_picture_of_one_row_has_a_crop_too(tmp_path):
    source = tmp_path / "line.png"
    Image.fromarray(np.arange(200, dtype=np.uint8)[None]).save(source)
    words = ["--codecs", "9-7", "--metrics", "psnr", "--rates", "8,16", "--workers", "0"]
    assert main(["benchmark", str(source), "--out", str(tmp_path / "out"), *words]) == 0
    assert results(tmp_path / "out")["crops"][0]["box"] == [0, 0, 1, 200]


def test_a_stopped_run_goes_on(finished, pictures, monkeypatch, capsys):
    """Only measurements that are missing or damaged are made again."""
    lost, *kept = sorted((finished / "measurements" / "9-7").iterdir())
    before = {path: path.stat().st_mtime_ns for path in (finished / "measurements").rglob("*.json")}
    old = results(finished)
    lost.write_text("{ cut off")
    assert (
        main(["benchmark", str(pictures), "--out", str(finished), "--codecs", "default,9-7,5-3", *OPTIONS])
        == 0
    )
    after = {path: path.stat().st_mtime_ns for path in (finished / "measurements").rglob("*.json")}
    assert {path for path in after if after[path] != before[path]} == {lost}
    assert kept
    assert results(finished)["measurements"] == old["measurements"]
    assert DEFAULT_MODEL in capsys.readouterr().out


def test_codecs_can_be_added_and_protocols_cannot(finished, pictures, capsys):
    words = ["benchmark", str(pictures), "--out", str(finished), "--crops", "0", "--workers", "0"]
    assert main([*words, "--codecs", "9-7,pillow", "--rates", "0.25,0.5,1,2"]) == 0
    assert set(results(finished)["measurements"]) == {"9-7", "pillow"}
    assert main([*words, "--codecs", "9-7", "--rates", "0.5,1,2,3"]) == 2
    assert "another protocol (other rates)" in capsys.readouterr().err
    assert main([*words, "--codecs", "9-7", "--rates", "0.5,1,2,3", "--fresh"]) == 0
    assert results(finished)["protocol"]["rates"] == [0.5, 1, 2, 3]


def test_folders_of_other_things_are_left_alone(pictures, capsys):
    assert main(["benchmark", str(pictures), "--out", str(pictures)]) == 2
    assert "holds other files" in capsys.readouterr().err


def test_unreadable_pictures_are_named_and_counted(pictures, tmp_path, capsys):
    source = tmp_path / "source"
    source.mkdir()
    (source / "good.png").write_bytes((pictures / "first.png").read_bytes())
    (source / "broken.png").write_bytes((pictures / "first.png").read_bytes()[:1000])
    (source / "empty.tif").write_bytes(b"")
    words = [
        "--out",
        str(tmp_path / "out"),
        "--codecs",
        "9-7,5-3",
        "--crops",
        "0",
        "--metrics",
        "psnr",
        *OPTIONS,
    ]
    assert main(["benchmark", str(source), *words]) == 1
    printed = capsys.readouterr().err
    assert "broken.png" in printed
    assert "empty.tif" in printed
    assert "2 skipped" in printed
    assert len(results(tmp_path / "out")["skipped"]) == 2
    assert main(["benchmark", str(source / "empty.tif"), *words[:1], str(tmp_path / "none"), *words[2:]]) == 1
    assert (
        main(["benchmark", str(tmp_path / "nowhere.png"), *words[:1], str(tmp_path / "none2"), *words[2:]])
        == 1
    )


def test_codecs_that_refuse_a_picture_do_not_stop_the_others(tmp_path, capsys):
    source = tmp_path / "deep.png"
    Image.fromarray(np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 16).save(source)
    words = ["--codecs", "9-7,jpeg", "--crops", "0", "--out", str(tmp_path / "out"), *OPTIONS]
    assert main(["benchmark", str(source), *words]) == 1
    assert "deep.png (jpeg)" in capsys.readouterr().err
    assert set(results(tmp_path / "out")["measurements"]["9-7"]) == {"deep.png"}


def test_missing_codecs_are_said_at_the_start(pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(programs.shutil, "which", lambda name: None)
    words = [
        "--codecs",
        "9-7,opj-9-7",
        "--crops",
        "0",
        "--metrics",
        "psnr",
        "--out",
        str(tmp_path / "out"),
        *OPTIONS,
    ]
    assert main(["benchmark", str(pictures), *words]) == 0
    assert "opj_compress and opj_decompress are not installed" in capsys.readouterr().err
    assert results(tmp_path / "out")["missing_codecs"][0]["codec"] == "opj-9-7"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--codecs", "default"], "anchor"),
        (["--codecs", "9-7,h265"], "no codec"),
        (["--rates", "1,0.5"], "rise"),
        (["--metrics", "vmaf"], "metrics"),
        (["--published", "curves.json"], "RGB"),
    ],
)
def test_wrong_options(pictures, tmp_path, words, message, capsys):
    assert main(["benchmark", str(pictures), "--out", str(tmp_path / "out"), *words]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_published_curves_stand_beside_ours(pictures, tmp_path):
    """Also if a measured codec has the same name."""
    curve = {"bpp": [0.2, 0.4, 0.8, 1.6], "psnr-rgb": [24.0, 27.0, 31.0, 36.0]}
    file = tmp_path / "published.json"
    file.write_text(json.dumps({"jpeg": {"name": "JPEG", **curve}, "vtm": {"name": "VTM", **curve}}))
    words = [
        "--out",
        str(tmp_path / "out"),
        "--channels",
        "rgb",
        "--codecs",
        "9-7,jpeg",
        "--crops",
        "0",
        *OPTIONS,
    ]
    words += ["--metrics", "psnr", "--published", str(file), "--published-codecs", "jpeg"]
    assert main(["benchmark", str(pictures), *words]) == 0
    document = results(tmp_path / "out")
    assert document["curves"]["published-jpeg"]["psnr"] == curve["psnr-rgb"]
    assert document["curves"]["jpeg"]["psnr"] != curve["psnr-rgb"]
    assert [delta["codec"] for delta in document["deltas"]] == ["jpeg", "published-jpeg"]
    ours = published.read_published(tmp_path / "out" / "curves" / "9-7.json")[0]
    assert list(ours.bpp) == document["curves"]["9-7"]["bpp"]


def test_speed_and_memory(pictures, tmp_path, monkeypatch):
    peak, fresh = speed._peak, []

    def peak_of_one(codec, threads, source, *more):
        """Start a fresh process for one of the cases only."""
        if not fresh:
            fresh.append(codec)
            return peak(codec, threads, source, *more)
        return speed._work(codec, threads, source, *more)

    monkeypatch.setattr(speed, "_peak", peak_of_one)
    words = [
        "--out",
        str(tmp_path / "out"),
        "--codecs",
        "default,9-7",
        "--crops",
        "0",
        "--metrics",
        "psnr",
        *OPTIONS,
    ]
    words += [
        "--speed",
        "--speed-sizes",
        "0.02",
        "--speed-threads",
        "1",
        "--rounds",
        "2",
        "--channels",
        "rgb",
    ]
    assert main(["benchmark", str(pictures / "first.png"), *words]) == 0
    assert fresh == ["default"]
    measured = results(tmp_path / "out")["speed"]
    assert [(case["codec"], round(case["megapixels"], 2)) for case in measured["cases"]] == [
        (name, 0.02) for name in (DEFAULT_MODEL, "9-7")
    ]
    for case in measured["cases"]:
        for work in ("encode", "decode"):
            part = case[work]
            assert part["spread_s"][0] <= part["median_s"] <= part["spread_s"][1]
            assert part["mp_per_s"] == pytest.approx(case["megapixels"] / part["median_s"])
            assert part["peak_bytes"] > 2**25
            assert 0 < sum(part["stages"].values()) <= 1.001
            assert ("native" in part["stages"]) == (case["codec"] == DEFAULT_MODEL)
            if case["codec"] == "9-7":
                assert part["ratio"] == 1


@pytest.mark.skipif(OpenJpegTools("9-7").missing is not None, reason="opj_compress is not installed")
def test_sizes_and_threads_of_speed(photograph):
    """Every size with the most threads, and the size nearest to 12 megapixels with each number."""
    before = torch.get_num_threads()
    found = speed.measure(
        ["opj-9-7"], photograph, "opj-9-7", sizes=[0.05, 0.02], threads=[2, 1], rounds=1, bit_depth=8
    )
    cases = [(case["threads"], round(case["megapixels"], 2)) for case in found["cases"]]
    assert cases == [(2, 0.02), (1, 0.05), (2, 0.05)]
    assert all(case["encode"]["peak_bytes"] is None for case in found["cases"])
    assert torch.get_num_threads() == before
