"""Training of transforms: it learns, it resumes exactly, and several processes equal one with a larger batch."""

from __future__ import annotations

import csv
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from j2klearn.cli import main
from j2klearn.errors import InputError, OptionError
from j2klearn.models import registry
from j2klearn.models.model import Model
from j2klearn.training.data import Patches
from j2klearn.training.lossless.cells import Cells
from j2klearn.training.processes import Processes
from j2klearn.training.subband_patches import read_patches
from j2klearn.training.transform.trainer import Trainer
from tests.support.paths import ROOT
from tests.support.small_models import OPERATORS, STRUCTURES, configuration, small_model
from tests.support.training_pictures import write_config, write_pictures


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    write_pictures(folder)
    return folder


@pytest.fixture(scope="module")
def patches(pictures: Path) -> Patches:
    return Patches(pictures, 64, quiet=True)


def rows(path: Path) -> list[list[str]]:
    with path.open() as stream:
        return list(csv.reader(stream))[1:]


@pytest.mark.parametrize("quantiser", ["annealed", "straight-through", "noise", "mixed"])
def test_it_learns(tmp_path: Path, patches: Patches, quantiser: str) -> None:
    steps = 45 if quantiser == "noise" else 31  # noise learns more slowly
    config = write_config(tmp_path / "small.toml", steps=steps, quantiser=quantiser)
    Trainer(config, patches, tmp_path / "out").run()
    ratios = [float(row[2]) / float(row[3]) for row in rows(tmp_path / "out" / "log.csv")]
    assert np.mean(ratios[-3:]) < 0.997
    assert np.mean(ratios[-3:]) < ratios[0]
    model = Model.load(tmp_path / "out" / "model.safetensors")
    assert model.card["steps_done"] == steps
    model.build()


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("name", STRUCTURES)
def test_every_structure_trains(tmp_path: Path, patches: Patches, name: str, operator: str) -> None:
    config = write_config(tmp_path / "c.toml", configuration(name, operator), steps=2, batch=1, crop=16)
    trainer = Trainer(config, patches, tmp_path / "out")
    before = {key: value.clone() for key, value in trainer.structure.state_dict().items()}
    for _ in range(2):
        trainer.train_step()
    after = trainer.structure.state_dict()
    # two steps: the second reaches the weights before a last layer that starts at zero
    moved = sum(not torch.equal(before[key], after[key]) for key in before)
    assert moved == len(before)
    assert all(torch.isfinite(value).all() for value in after.values())


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("hybrid97", {}),
        (
            "hybrid53",
            {"pretraining": "progressive", "pretraining_steps": 2, "gains_every": 3, "quantiser": "mixed"},
        ),
        ("hybrid97", {"pretraining": "oracle", "pretraining_steps": 2}),
        ("hybrid97", {"relative": True, "quantiser": "straight-through"}),
    ],
)
def test_a_resumed_run_is_the_same_run(tmp_path: Path, patches: Patches, name: str, settings: dict) -> None:
    path = write_config(tmp_path / "small.toml", configuration(name), steps=7, save_every=4, **settings)
    Trainer(path, patches, tmp_path / "whole").run()
    first = Trainer(path, patches, tmp_path / "parts")
    step = first.train_step

    def stop_later() -> tuple[float, float, float]:
        if first.step == 6:
            raise KeyboardInterrupt
        return step()

    first.train_step = stop_later  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        first.run()
    second = Trainer(path, patches, tmp_path / "parts")
    second.resume()
    assert second.step == 4
    second.run()
    a, b = (Model.load(tmp_path / folder / "model.safetensors") for folder in ("whole", "parts"))
    assert a.id == b.id
    assert rows(tmp_path / "whole" / "log.csv") == rows(tmp_path / "parts" / "log.csv")


def test_relative_trainings_draw_a_step_for_every_crop(tmp_path: Path, patches: Patches) -> None:
    config = write_config(tmp_path / "c.toml", steps=3, batch=8, relative=True, step_range=[4.0, 64.0])
    trainer = Trainer(config, patches, tmp_path / "out")
    drawn: list[Tensor] = []
    objective = trainer.objective.forward
    trainer.objective.forward = lambda x, step, *more: (drawn.append(step), objective(x, step, *more))[1]  # type: ignore[method-assign]
    trainer.run()
    for steps in drawn:  # one step in each eighth of the logarithmic range
        assert sorted(((steps.flatten() / 4).log2() * 2).int().tolist()) == list(range(8))
    assert not torch.equal(drawn[0], drawn[1])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_graphs_compute_the_same_steps(tmp_path: Path, patches: Patches) -> None:
    """Training with CUDA graphs follows training on the CPU, as far as float32 allows."""
    config = write_config(tmp_path / "c.toml", steps=5, quantiser="straight-through", bfloat16=False)
    costs = []
    for device in ("cpu", "cuda"):
        folder = tmp_path / device
        trainer = Trainer(config, patches, folder, processes=Processes(0, 1, torch.device(device)))
        trainer.run()
        costs.append([float(row[2]) for row in rows(folder / "log.csv")])
    assert costs[0] == pytest.approx(costs[1], rel=1e-3)


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path, patches: Patches) -> None:
    config = write_config(tmp_path / "a.toml")
    trainer = Trainer(config, patches, tmp_path / "out")
    with pytest.raises(OptionError, match="no checkpoint"):
        trainer.resume()
    trainer.save()
    other = Trainer(write_config(tmp_path / "b.toml", seed=4), patches, tmp_path / "out")
    with pytest.raises(OptionError, match="another configuration"):
        other.resume()


def test_a_warm_start(tmp_path: Path, patches: Patches) -> None:
    config = write_config(tmp_path / "a.toml", steps=3)
    first = Trainer(config, patches, tmp_path / "out")
    first.run()
    model = Model.load(tmp_path / "out" / "model.safetensors")
    second = Trainer(config, patches, tmp_path / "again", start=model)
    assert second.model().id == model.id
    assert second.model().card["started_from"] == model.id.hex()
    with pytest.raises(OptionError, match="another network"):
        Trainer(config, patches, tmp_path / "no", start=registry.resolve("hybrid97-9c-compact"))


def test_a_warm_start_on_another_base(tmp_path: Path, patches: Patches) -> None:
    other = small_model("hybrid97")
    config = write_config(tmp_path / "a.toml", configuration("hybrid53"))
    weights = Trainer(config, patches, tmp_path / "out", start=other).model().build().state_dict()
    assert all(torch.equal(weight, weights[name]) for name, weight in other.build().state_dict().items())
    config = write_config(tmp_path / "b.toml", configuration("custom5s"))
    with pytest.raises(OptionError, match="another network"):  # the 9/7 has twice the lifting steps
        Trainer(config, patches, tmp_path / "no", start=small_model("fused97"))


#: Starts two processes, with the variables that torchrun sets, and trains in both.
WORKER = """
import os, sys
from pathlib import Path
import torch
from torch import Tensor
torch.set_num_threads(1)
rank = 0 if os.fork() else 1  # after PyTorch is loaded, which takes seconds; it has no threads yet
os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
from j2klearn.training.data import Patches
from j2klearn.training.lossless.cells import Cells
from j2klearn.training.processes import Processes
from j2klearn.training.subband_patches import read_patches
from j2klearn.training.processes import started
from j2klearn.training.transform.trainer import Trainer
config, pictures, out = map(Path, sys.argv[1:])
with started("cpu") as processes:
    assert processes.count == 2
    trainer = Trainer(config, Patches(pictures, 64, quiet=True), out, processes=processes)
    trainer.run()
    torch.save(trainer.structure.state_dict(), out / f"rank{processes.rank}.pt")
if rank:
    os._exit(0)
assert os.wait()[1] == 0
"""


def test_two_processes_are_one_with_twice_the_batch(tmp_path: Path, pictures: Path, patches: Patches) -> None:
    settings = {
        "pretraining": "oracle",
        "pretraining_steps": 2,
        "quantiser": "annealed",
    }  # only the batches are random
    config = write_config(tmp_path / "c.toml", steps=3, batch=1, **settings)
    worker = tmp_path / "worker.py"
    worker.write_text(WORKER)
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    out = tmp_path / "two"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    environment |= {"WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    subprocess.run(
        [sys.executable, str(worker), str(config), str(pictures), str(out)],
        check=True,
        env=environment,
        capture_output=True,
        timeout=300,
    )
    ranks = [torch.load(out / f"rank{rank}.pt", weights_only=True) for rank in range(2)]
    assert all(torch.equal(ranks[0][key], ranks[1][key]) for key in ranks[0])

    one = Trainer(config, patches, tmp_path / "one")
    single = one.batch
    one.batch = lambda rank: torch.cat([single(0), single(1)])  # type: ignore[method-assign]
    one.run()
    for key, value in one.structure.state_dict().items():
        torch.testing.assert_close(ranks[0][key], value, rtol=1e-3, atol=2e-5)
    both, alone = rows(out / "log.csv"), rows(tmp_path / "one" / "log.csv")
    assert [float(v) for v in both[0][2:]] == pytest.approx([float(v) for v in alone[0][2:]], rel=1e-4)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_the_command_without_cuda(tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture) -> None:
    config = write_config(tmp_path / "c.toml", levels=3, steps=4)
    command = ["train", str(config), "--data", str(pictures), "--out", str(tmp_path / "out")]
    assert main([*command, "--device", "cuda"]) == 2
    assert "no CUDA device" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_validation_keeps_the_best(tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture) -> None:
    config = write_config(tmp_path / "c.toml", levels=3, steps=4, validate_every=2)
    out = tmp_path / "out"
    command = ["train", str(config), "--data", str(pictures), "--out", str(out), "--threads", "1"]
    assert main([*command, "--device", "cpu", "--validation", str(pictures), "--pictures", "1"]) == 0
    assert "patches/s" in capsys.readouterr().out
    validated = rows(out / "validation.csv")
    assert [int(step) for step, _ in validated] == [2, 4]
    best = Model.load(out / "best.safetensors")
    assert best.card["bd_rate"] == pytest.approx(min(float(rate) for _, rate in validated), abs=1e-3)
    assert abs(best.card["bd_rate"]) < 20


def test_the_command(tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture) -> None:
    config = write_config(tmp_path / "c.toml", steps=2)
    command = [
        "train",
        str(config),
        "--data",
        str(pictures),
        "--out",
        str(tmp_path / "out"),
        "--threads",
        "1",
    ]
    assert main([*command, "--resume"]) == 2
    assert "no checkpoint" in capsys.readouterr().err
    assert main(command) == 0
    assert main([*command, "--resume"]) == 0
    assert main([*command, "--start", str(tmp_path / "out" / "model.safetensors")]) == 0
    broken = tmp_path / "broken.toml"
    broken.write_text("[model]\n")
    assert main(["train", str(broken), *command[2:]]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_bad_pictures(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no training pictures"):
        Patches(tmp_path, quiet=True)
    with pytest.raises(InputError, match="not a folder"):
        Patches(tmp_path / "none", quiet=True)


@pytest.mark.parametrize("name", ["a.png", "a.tar"])
def test_a_file_that_is_no_picture_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"no picture")
    for read in (Patches, Cells, read_patches):
        with pytest.raises(InputError, match=name):
            read(tmp_path)
    assert main(["quantise", "hybrid97-8p7-dq", "--data", str(tmp_path)]) == 1


def test_settings_on_the_command_line(tmp_path: Path, pictures: Path) -> None:
    config = write_config(tmp_path / "c.toml", steps=12)
    words = ["train", str(config), "--data", str(pictures), "--out", str(tmp_path / "out")]
    assert main([*words, "--set", "steps=3", "--set", "seed=9"]) == 0
    card = Model.load(tmp_path / "out" / "model.safetensors").card
    assert (card["steps_done"], card["training"]["seed"], card["training"]["batch"]) == (3, 9, 2)
    # a run does not resume from a checkpoint of other settings
    assert main([*words, "--set", "steps=3", "--set", "seed=8", "--resume"]) != 0


def test_a_run_from_the_start_leaves_no_rows_of_another(tmp_path: Path, patches: Patches) -> None:
    config = write_config(tmp_path / "c.toml", steps=11)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "log.csv").write_text("step,stage,J,J(base),quantiser step\n700,end-to-end,1,1,1\n")
    Trainer(config, patches, tmp_path / "out").run()
    assert [int(row[0]) for row in rows(tmp_path / "out" / "log.csv")] == [0, 10]
