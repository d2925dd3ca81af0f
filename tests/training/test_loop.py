"""The training loop: its log and its checkpoints. A resumed run of every trainer equals a run without a stop."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from j2klearn.errors import OptionError
from j2klearn.models.registry import resolve
from j2klearn.training.checkpoint import check_identity, read_checkpoint, stored_identity, write_checkpoint
from j2klearn.training.context.settings import ContextSettings
from j2klearn.training.context.trainer import ContextTrainer
from j2klearn.training.cross.settings import CrossConfig, CrossSettings
from j2klearn.training.cross.trainer import CrossTrainer
from j2klearn.training.data import Patches
from j2klearn.training.dequantisation.decoded import Batch, Decoded
from j2klearn.training.dequantisation.train import GUIDED, DequantisationSettings, train
from j2klearn.training.log import Log
from j2klearn.training.loop import Plan, TrainingLoop
from j2klearn.training.processes import Processes
from j2klearn.training.schedule import half_cosine, warm_up
from j2klearn.training.subband_patches import SubbandPatches
from j2klearn.training.transform.trainer import Trainer
from tests.support.small_context import context_config
from tests.support.training_pictures import write_config, write_pictures

CPU = torch.device("cpu")


class Line(TrainingLoop[nn.Linear]):
    """Fits a line to points, which are drawn at every step."""

    def __init__(self, folder: Path, *, rank: int = 0, rate: float = 0.1, **plan: Any) -> None:
        torch.manual_seed(1)
        network = nn.Linear(3, 1)
        self.rate, self.notes = rate, Log(folder / "notes.csv", ("step", "note"))
        self.validated: list[int] = []
        optimiser = torch.optim.Adam(network.parameters(), rate)
        options = {"steps": 13, "log_every": 4, "save_every": 5, "average": 0.9, **plan}
        made = Plan(
            name="line",
            checkpoint=folder / "line.pt",
            log=Log(folder / "line.csv", HEADER),
            batch=2,
            **options,
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: half_cosine(step, made.steps))
        trained = list(network.parameters())
        super().__init__(made, network, trained, optimiser, schedule, Processes(rank, 1, CPU))

    def cost(self) -> tuple[Tensor, Tensor | None]:
        rng = np.random.default_rng([3, self.step])
        x = torch.from_numpy(rng.normal(size=(2, 3)).astype(np.float32))
        cost = (self.network(x)[:, 0] - x.sum(1)).square().mean()
        return cost, torch.stack([cost.detach(), torch.tensor(float(self.step))])

    def row(self, figures: Sequence[float], speed: float) -> list[Any]:
        return [self.step, *figures, speed]

    def summary(self, figures: Sequence[float]) -> str:
        return f"{figures[0]:.3f}"

    def identity(self) -> Mapping[str, Mapping[str, Any]]:
        return {"training": {"rate": self.rate, "bounds": (1, 2)}}

    def validate_now(self) -> None:
        self.validated.append(self.step)
        self.notes.append([self.step, f"at {self.step}"])

    def own_state(self) -> dict[str, Any]:
        return {"validated": self.validated}

    def load_own_state(self, state: Mapping[str, Any]) -> None:
        self.validated = state["validated"]

    @property
    def logs(self) -> list[Log]:
        return [*super().logs, self.notes]


HEADER = ("step", "cost", "mean step", "patches per second")


def rows(path: Path, *, timed: bool = True) -> list[list[str]]:
    """Return the rows of a log; if `timed`, without the last column, which is the speed."""
    with path.open(newline="") as stream:
        found = list(csv.reader(stream))
    return [row[:-1] for row in found] if timed else found


def interrupt(trainer: TrainingLoop[Any], at: int) -> None:
    """Run to the step `at`, and interrupt the run there."""
    step = trainer.train_step

    def stopping() -> Tensor | None:
        if trainer.step == at:
            raise KeyboardInterrupt
        return step()

    trainer.train_step = stopping  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        trainer.run()


def assert_same_state(one: TrainingLoop[Any], other: TrainingLoop[Any]) -> None:
    assert one.step == other.step
    for part in ("network", "average"):
        a, b = (getattr(trainer, part).state_dict() for trainer in (one, other))
        assert a.keys() == b.keys()
        assert all(torch.equal(a[key], b[key]) for key in a), part
    assert repr(one.optimiser.state_dict()) == repr(other.optimiser.state_dict())
    assert one.schedule.state_dict()["last_epoch"] == other.schedule.state_dict()["last_epoch"]


@pytest.mark.parametrize("at", [5, 6, 11, 12])
def test_a_resumed_run_is_the_same_run(tmp_path: Path, at: int) -> None:
    """Also if the log has rows after the checkpoint, and if the run stopped between two rows."""
    whole = Line(tmp_path / "whole", validate_every=3)
    whole.run()
    interrupt(Line(tmp_path / "parts", validate_every=3), at)
    second = Line(tmp_path / "parts", validate_every=3)
    assert second.resume()
    assert second.step == at // 5 * 5
    second.run()
    assert_same_state(whole, second)
    assert second.validated == whole.validated == [3, 6, 9, 12, 13]
    for name, timed in (("line.csv", True), ("notes.csv", False)):
        assert rows(tmp_path / "parts" / name, timed=timed) == rows(tmp_path / "whole" / name, timed=timed)


def test_the_log_has_the_means_since_its_last_row(tmp_path: Path) -> None:
    Line(tmp_path).run()
    found = rows(tmp_path / "line.csv")
    assert found[0] == list(HEADER[:-1])
    assert [(int(row[0]), float(row[2])) for row in found[1:]] == [(4, 1.5), (8, 5.5), (12, 9.5), (13, 12)]


def test_a_run_from_the_start_removes_the_logs_of_another(tmp_path: Path) -> None:
    interrupt(Line(tmp_path), 4)  # before its first checkpoint
    again = Line(tmp_path)
    assert not again.resume()
    again.run()
    assert [row[0] for row in rows(tmp_path / "line.csv")[1:]] == ["4", "8", "12", "13"]


def test_a_finished_run_has_nothing_left_to_do(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    Line(tmp_path, bfloat16=True).run()
    assert "line: 13 steps" in (printed := capsys.readouterr().out)
    assert "patches/s in bfloat16" in printed
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    again = Line(tmp_path)
    assert again.resume()
    again.run()
    assert capsys.readouterr().out == ""
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files


def test_other_processes_write_nothing(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    other = Line(tmp_path / "out", rank=1, validate_every=2)
    other.run()
    assert other.step == 13
    assert not other.validated
    assert not (tmp_path / "out").exists()
    assert capsys.readouterr() == ("", "")


def test_averages(tmp_path: Path) -> None:
    none, last, slow = (Line(tmp_path, average=decay) for decay in (None, 0.0, 0.999))
    assert none.average is none.network
    assert slow.average is not slow.network
    began = slow.network.weight.detach().clone()
    for _ in range(3):
        for trainer in (none, last, slow):
            trainer.train_step()
    assert torch.equal(last.average.weight, last.network.weight)
    moved = (slow.average.weight - began).abs() / (slow.network.weight - began).abs()
    assert 0.5 < moved.min() <= moved.max() < 1.2  # the average of three steps is short, whatever the decay
    slow.save()
    assert "average" in torch.load(slow.plan.checkpoint, weights_only=True)
    none.save()
    assert "average" not in torch.load(none.plan.checkpoint, weights_only=True)


def test_gradients_are_held(tmp_path: Path) -> None:
    trainer = Line(tmp_path)
    with torch.no_grad():
        trainer.network.weight.fill_(1e6)
    trainer.train_step()
    squares = sum(float(weight.grad.square().sum()) for weight in trainer.trained)  # type: ignore[union-attr]
    assert squares == pytest.approx(1, rel=1e-3)


def test_a_checkpoint_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Line(tmp_path)
    trainer.save()
    before = trainer.plan.checkpoint.read_bytes()

    def half(state: Any, path: Path) -> None:
        path.write_bytes(before[: len(before) // 2])
        raise KeyboardInterrupt

    trainer.train_step()
    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", half)
        with pytest.raises(KeyboardInterrupt):
            trainer.save()
    assert trainer.plan.checkpoint.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["line.pt"]
    trainer.save()
    assert torch.load(trainer.plan.checkpoint, weights_only=True)["step"] == 1


def test_a_checkpoint_of_another_run_says_what_differs(tmp_path: Path) -> None:
    Line(tmp_path).save()
    with pytest.raises(OptionError, match=r"another configuration: training\.rate differ"):
        Line(tmp_path, rate=0.2).resume()
    own = {"model": {"width": 3, "taps": (1, 2)}, "training": {"seed": 1}}
    check_identity(tmp_path, {"identity": stored_identity(own)}, own)
    for other, names in (
        ({"model": {"width": 4, "taps": [1, 2]}, "training": {"seed": 1}}, r"model\.width"),
        ({"model": {"width": 3, "taps": [1, 3]}, "training": {}}, r"model\.taps, training\.seed"),
        ({**own, "more": {"steps": 1}}, r"more\.steps"),
    ):
        with pytest.raises(OptionError, match=f"configuration: {names} differ"):
            check_identity(tmp_path, {"identity": stored_identity(other)}, own)
    for state in ({}, {"identity": 3}, {"identity": "no JSON"}, {"identity": "[]"}, {"identity": '{"a": 1}'}):
        with pytest.raises(OptionError, match="another version"):
            check_identity(tmp_path, state, own)


def test_damaged_checkpoints_are_refused(tmp_path: Path) -> None:
    trainer = Line(tmp_path)
    path = trainer.plan.checkpoint
    assert read_checkpoint(path, CPU) is None
    trainer.save()
    whole = path.read_bytes()
    state = torch.load(path, weights_only=True)
    for data in (b"", b"nothing", whole[: len(whole) // 2], whole[:40] + whole[60:]):
        path.write_bytes(data)
        with pytest.raises(OptionError, match="is not a checkpoint"):
            trainer.resume()
    write_checkpoint(path, {})
    with pytest.raises(OptionError, match="another version"):
        trainer.resume()
    torch.save([1], path)
    with pytest.raises(OptionError, match="is not a checkpoint"):
        trainer.resume()
    for name in ("network", "average", "optimiser", "schedule", "step", "recent", "validated"):
        write_checkpoint(path, {key: value for key, value in state.items() if key != name})
        with pytest.raises(OptionError, match="damaged checkpoint"):
            Line(tmp_path).resume()
    write_checkpoint(path, {**state, "network": {"weight": torch.zeros(2)}})
    with pytest.raises(OptionError, match="damaged checkpoint"):
        Line(tmp_path).resume()


@pytest.mark.parametrize("first", [0, 1])
def test_a_log_is_cut(tmp_path: Path, first: int) -> None:
    log = Log(tmp_path / "log.csv", ("step", "what, and where"), first)
    log.cut(3)
    assert not log.path.exists()
    for step in range(first, first + 5):
        log.append([step, f'a "{step}", b'])
    log.path.write_text(log.path.read_text() + "1")  # the first digit of an incomplete row
    log.cut(3)
    assert rows(log.path, timed=False) == [
        ["step", "what, and where"],
        *([str(step), f'a "{step}", b'] for step in range(first, first + 3)),
    ]
    log.append([9, "c"])
    assert rows(log.path, timed=False)[-1] == ["9", "c"]
    log.path.write_text("st")  # an incomplete header
    log.cut(3)
    assert rows(log.path, timed=False) == [["step", "what, and where"]]
    log.remove()
    log.remove()
    assert list(tmp_path.iterdir()) == []


def test_schedules() -> None:
    assert [warm_up(step, 4) for step in (0, 1, 3, 9)] == [0.25, 0.5, 1, 1]
    assert warm_up(0, 0) == 1
    assert [half_cosine(step, 8) for step in (0, 4, 8, 9)] == pytest.approx([1, 0.5, 0, 0])
    assert half_cosine(0, 0) == 1


# The trainers


def pieces(count: int, side: int) -> np.ndarray:
    """Slanted coloured edges, (count, side, side, 3)."""
    y, x = np.mgrid[:side, :side]
    waves = [np.tanh(3 * np.sin((x * (1 + at) + 2 * y) / (5 + at))) for at in range(count)]
    return np.stack(
        [np.stack([128 + 90 * wave, 128 + 60 * wave, 128 - 70 * wave], -1).astype(np.uint8) for wave in waves]
    )


@pytest.fixture(scope="module")
def transform(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], TrainingLoop[Any]]:
    folder = tmp_path_factory.mktemp("pictures")
    write_pictures(folder, 1)
    patches = Patches(folder, 64, quiet=True)
    stages = {"pretraining": "progressive", "pretraining_steps": 6, "gains_every": 5}
    config = write_config(folder / "small.toml", steps=18, save_every=7, **stages)
    return lambda out: Trainer(config, patches, out)


@pytest.fixture(scope="module")
def context() -> Callable[[Path], TrainingLoop[Any]]:
    pictures = SubbandPatches(pieces(3, 128), "9-7", 6, 0)
    settings = ContextSettings(
        first_steps=12, batch=2, held_out=1, validate_every=4, save_every=5, choose_from=0.5, bfloat16=False
    )
    return lambda out: ContextTrainer("first", context_config(), settings, pictures, out)


@pytest.fixture(scope="module")
def cross() -> Callable[[Path], TrainingLoop[Any]]:
    network = {"levels": 2, "mixtures": 2, "features": 6, "hidden": 4, "blocks": 1, "dense": 0}
    flags = {"shared": True, "conditioned": True, "told": False}
    entropy = {"kind": "cross-component", "gains": "nominal", "transform": "9-7", **network, **flags}
    settings = CrossSettings(
        luma_steps=24,
        crop=32,
        batch=1,
        held_out=1,
        validate_every=8,
        save_every=6,
        average=0.9,
        learning_rate=1e-3,
        bfloat16=False,
    )
    patches = pieces(3, 64)
    return lambda out: CrossTrainer("luma", CrossConfig(entropy, None, None, settings), patches, out)


@pytest.mark.parametrize(
    ("kind", "share"), [("transform", 0.4), ("transform", 0.9), ("context", 0.9), ("cross", 0.4)]
)
def test_every_trainer_resumes(
    kind: str, share: float, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Weights, averages and logs equal those of a run without a stop, also if the stop is between two rows."""
    make = request.getfixturevalue(kind)
    whole = make(tmp_path / "whole")
    whole.run()
    first = make(tmp_path / "parts")
    interrupt(first, round(share * whole.plan.steps))
    second = make(tmp_path / "parts")
    assert second.resume()
    assert 0 < second.step < first.step
    second.run()
    assert_same_state(whole, second)
    timed = kind != "transform"
    for log, other in zip(whole.logs, second.logs, strict=True):
        if log.path.exists():
            assert rows(log.path, timed=timed) == rows(other.path, timed=timed)
    assert len(rows(whole.plan.log.path)) > 2


@dataclass(frozen=True)
class Stopping(Decoded):
    """Decoded patches that raise KeyboardInterrupt at the batch number `at`."""

    at: int = 0
    taken: list[int] = field(default_factory=list)

    def batch(self, count: int, crop: int, rng: np.random.Generator, side: int = 2) -> Batch:
        if len(self.taken) == self.at:
            raise KeyboardInterrupt
        self.taken.append(1)
        return super().batch(count, crop, rng, side)


SETTINGS = replace(
    GUIDED,
    width=4,
    pairs=1,
    chroma_width=4,
    chroma_pairs=1,
    crop=16,
    batch=2,
    steps=9,
    save_every=4,
    bfloat16=False,
)


@pytest.fixture(scope="module")
def decoded() -> Decoded:
    patches = pieces(4, 32)
    rng = np.random.default_rng(1)
    planes = rng.normal(0, 30, (4, 3, 32, 32)).astype(np.float16)
    return Decoded(patches, np.arange(4), planes, np.full((4, 3), 2.0, np.float32))


@pytest.mark.parametrize("at", [6, 9, 15], ids=["luma", "between", "chroma"])
def test_training_of_dequantisers_resumes(decoded: Decoded, tmp_path: Path, at: int) -> None:
    """Stopped in luma's steps, between the two networks, and in chroma's steps."""
    base, outs = (
        resolve("hybrid97-9c-compact"),
        [tmp_path / f"{name}.safetensors" for name in ("whole", "parts")],
    )
    whole = train(decoded, outs[0], base, SETTINGS)
    killed = Stopping(decoded.patches, decoded.which, decoded.decoded, decoded.noise, at)
    with pytest.raises(KeyboardInterrupt):
        train(killed, outs[1], base, SETTINGS)
    after = Stopping(decoded.patches, decoded.which, decoded.decoded, decoded.noise, 99)
    again = train(after, outs[1], base, SETTINGS, resume=True)
    assert len(after.taken) == 18 - {6: 4, 9: 9, 15: 13}[at]  # resumes from the last checkpoint
    assert again.id == whole.id
    for network in ("luma", "chroma"):
        assert rows(tmp_path / f"parts.{network}.csv") == rows(tmp_path / f"whole.{network}.csv")
    assert train(Stopping(*vars(decoded).values(), 0), outs[1], base, SETTINGS, resume=True).id == whole.id


def test_training_of_dequantisers_resumes_nothing_else(decoded: Decoded, tmp_path: Path) -> None:
    base, out = resolve("hybrid97-9c-compact"), tmp_path / "model.safetensors"
    with pytest.raises(OptionError, match="no checkpoint"):
        train(decoded, out, base, SETTINGS, resume=True)
    train(decoded, out, base, SETTINGS)
    for changed in ({"seed": 5}, {"steps": 10}, {"learning_rate": 1e-4}):
        with pytest.raises(OptionError, match=f"training.{next(iter(changed))} differ"):
            train(decoded, out, base, replace(SETTINGS, **changed), resume=True)
    fewer = Decoded(decoded.patches, decoded.which[:3], decoded.decoded[:3], decoded.noise[:3])
    with pytest.raises(OptionError, match="decoded patches"):
        train(fewer, out, base, SETTINGS, resume=True)
    # a new run removes the states from which it must not resume later
    with pytest.raises(KeyboardInterrupt):
        train(Stopping(*vars(decoded).values(), 2), out, base, SETTINGS)
    assert not (tmp_path / "model.chroma.pt").exists()
    plain = DequantisationSettings(width=4, pairs=1, crop=16, batch=2, steps=3, bfloat16=False)
    grey = Decoded(decoded.patches[..., 0], decoded.which, decoded.decoded[:, :1], decoded.noise[:, :1])
    luma = train(grey, tmp_path / "plain.safetensors", base, plain)
    assert luma.card["dequantiser"]["bfloat16"] is False
    assert not (tmp_path / "plain.chroma.csv").exists()

    # the network for luma of another model can be kept
    guided = replace(SETTINGS, width=4, pairs=1, chroma_width=3, steps=2)
    kept = train(decoded, tmp_path / "kept.safetensors", base, guided, start=luma, chroma_only=True)
    assert not (tmp_path / "kept.luma.csv").exists()
    weights = luma.tensors["dequantiser.body.0.weight"].astype(np.float16)
    assert np.array_equal(kept.tensors["dequantiser.luma.body.0.weight"], weights)
    with pytest.raises(OptionError, match="a model to start from"):
        train(decoded, tmp_path / "kept.safetensors", base, guided, chroma_only=True)

    # runs from before positions had a side resume; crops consist of whole positions
    large = replace(guided, chroma_side=4)
    assert {"side", "chroma_side"} & set(guided.identity) == set()
    assert large.identity == {**guided.identity, "chroma_side": 4}
    kept = train(decoded, tmp_path / "large.safetensors", base, large, start=luma, chroma_only=True)
    assert kept.tensors["dequantiser.chroma.tail.weight"].shape == (32, 3, 3, 3)
    with pytest.raises(OptionError, match="whole positions"):
        train(decoded, tmp_path / "large.safetensors", base, replace(large, crop=18))
