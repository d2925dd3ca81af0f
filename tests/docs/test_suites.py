"""The scripts in benchmarks/ run, on two small pictures: their figures are not tested."""

from __future__ import annotations

import contextlib
import io
import json
import runpy
import subprocess
import sys

import pytest
from PIL import Image

from j2klearn.models.registry import DEFAULT_MODEL
from tests.support.paths import ROOT
from tests.support.training_pictures import write_pictures

BENCHMARKS = ROOT / "benchmarks"


def run(script: str, *words: object) -> str:
    """Run a script in a process of its own; return what it prints."""
    command = [sys.executable, str(BENCHMARKS / script), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def run_here(monkeypatch):
    """Runs a script in this process, which has loaded PyTorch."""
    monkeypatch.syspath_prepend(BENCHMARKS)

    def run_script(script: str, *words: object) -> str:
        monkeypatch.setattr(sys, "argv", [f"benchmarks/{script}", *map(str, words)])
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), pytest.raises(SystemExit) as left:
            runpy.run_path(str(BENCHMARKS / script), run_name="__main__")
        assert not left.value.code
        return printed.getvalue()

    return run_script


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, photograph):
    folder = tmp_path_factory.mktemp("pictures")
    for name, y in (("first", 500), ("second", 800)):
        Image.fromarray(photograph[y : y + 192, 900:1156]).save(folder / f"{name}.png")
    return folder


def test_suites(pictures, tmp_path, run_here):
    suite = "kodak-12-bit"
    json_file = tmp_path / "result.json"
    run_here("suites.py", suite, pictures, "--workers", 0, "--out", tmp_path / "out", "--json", json_file)
    found = json.loads(json_file.read_text())
    assert {delta["codec"] for delta in found["deltas"]} == {DEFAULT_MODEL, "5-3"}
    assert found["command"] == f"python benchmarks/suites.py {suite} PICTURES"
    assert found["pictures"] == ["first.png", "second.png"]
    document = json.loads((tmp_path / "out" / "results.json").read_text())
    assert {(picture["bits"], picture["width"]) for picture in document["pictures"]} == {(12, 128)}
    table = run_here("paper_table.py", json_file)
    assert "P1: Tecnick-Cat1" in table
    assert "-15.5" in table
    assert found["suite"] in table


@pytest.mark.slow
def test_ablation(photograph, tmp_path, run_here):
    training, pictures = tmp_path / "training", tmp_path / "pictures"
    pictures.mkdir()
    Image.fromarray(photograph[500:564, 900:964]).save(pictures / "first.png")
    training.mkdir()
    write_pictures(training)
    words = ["--data", training, "--pictures", pictures, "--steps", 12, "--out", tmp_path / "out"]
    words += ["--set", "crop=32", "--set", "batch=1", "--workers", 0]
    words += ["--configs", "update-predict-iwave", "--json", tmp_path / "ablation.json"]
    shown = run_here("ablation.py", *words)
    found = json.loads((tmp_path / "ablation.json").read_text())
    assert "update-predict-iwave" in {codec["name"] for codec in found["codecs"]}
    assert found["steps"] == 12
    assert not found["protocol"]["fallback"]
    assert list(found["training"]["update-predict-iwave"]) == ["progressive", "end-to-end"]
    assert "update-predict-iwave" in shown
    # stopped after a training, the study resumes, with the same results
    (model,) = (tmp_path / "out").glob("*/update-predict-iwave/update-predict-iwave.safetensors")
    before = model.read_bytes()
    model.unlink()
    run_here("ablation.py", *words)
    assert model.read_bytes() == before
    again = json.loads((tmp_path / "ablation.json").read_text())
    assert again["curves"] == found["curves"]


@pytest.mark.slow
def test_study_of_trained_weights(photograph, tmp_path, run_here):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    Image.fromarray(photograph[400:592, 900:1092]).save(pictures / "first.png")
    words = ["small", pictures, "--rates", "0.25,1", "--workers", 0, "--out", tmp_path / "out"]
    shown = run_here("study.py", *words, "--json", tmp_path / "study.json")
    found = json.loads((tmp_path / "study.json").read_text())
    trained = {path.stem for path in (BENCHMARKS / "weights").glob("study-*")}
    learned = {codec["name"] for codec in found["codecs"] if codec["kind"] == "learned"}
    assert {f"study-{name}" for name in learned} == trained
    assert all(set(found["curves"][name]) >= {"psnr", "ssim", "ms-ssim"} for name in learned)
    assert found["command"] == "python benchmarks/study.py small PICTURES"
    assert "P1: Tecnick-Cat1" in shown


@pytest.mark.slow
def test_effort(tmp_path, run_here):
    write_pictures(tmp_path, 1)
    with Image.open(tmp_path / "0.png") as picture:
        picture.crop((0, 0, 96, 64)).save(tmp_path / "0.png")
    run_here("effort.py", tmp_path, "--first", 1, "--efforts", 1, "--json", tmp_path / "effort.json")
    found = json.loads((tmp_path / "effort.json").read_text())
    (row,) = found["efforts"]
    assert row["effort"] == 1
    assert row["seconds_per_megapixel"] > 0


def test_other_readers(pictures, tmp_path, run_here):
    run_here("other_readers.py", pictures, "--json", tmp_path / "readers.json")
    found = json.loads((tmp_path / "readers.json").read_text())
    assert found["worst_psnr"] <= found["mean_psnr"]
    assert set(found["psnr"]) == {"first.png", "second.png"}


@pytest.mark.parametrize(
    ("command", "expected"), [("exact", "equal"), ("growth", "resident"), ("damage", "damaged")]
)
def test_engine(command, expected, pictures):
    shown = run("engine.py", command, "--pictures", pictures, "--count", 10)
    assert expected in shown
    assert not {"DIFFERENT", "FAULT", "DIED"} & set(shown.replace(":", " ").replace("'", " ").split())
