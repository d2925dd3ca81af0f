"""The training loop: one set of weights for all levels and all rates."""

from __future__ import annotations

import copy
import csv
import dataclasses
import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from ...errors import OptionError
from ...models.build import build
from ...models.model import Model
from ...transform.gains import MEASURED_LEVELS, extended, measure
from ..data import Patches
from ..processes import Processes
from ..settings import read_config
from .objective import Objective
from .pretraining import freeze, hold_base_proposals, randomise
from .validation import Validation

__all__ = ["Trainer"]

#: J of the base wavelet is measured, and the log written, at every so many steps.
_LOG_EVERY = 10

_LOG = ("step", "stage", "J", "J(base)", "quantiser step")


def _alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Tell whether two models differ in nothing but the base wavelet, from which weights may come all the same."""
    return {**one, "base": None} == {**other, "base": None}


def _shapes(weights: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {name: weight.shape for name, weight in weights.items()}


class Trainer:
    """Trains one model; the whole state can be written and read back, so that a resumed run is the same run.

    All that is random follows from the seed, the step and the process.

    Parameters
    ----------
    config : Path
        A training configuration (TOML).
    patches : Patches
        Training pictures.
    folder : Path
        Receives ``checkpoint.pt`` (the state), ``log.csv``, ``model.safetensors`` (the averaged weights), and with
        validation ``validation.csv`` and ``best.safetensors``.
    processes : Processes, optional
        The processes that train together; this one alone if not given.
    start : Model, optional
        Whose weights to start from; its base wavelet may be another one.
    validation : Validation, optional
        Pictures to validate on, in the first process.
    steps : int, optional
        Steps of all stages together, in the place of the configuration's.
    changes : mapping, optional
        Settings in the place of the configuration's.

    Raises
    ------
    OptionError
        If the configuration cannot be, or `start` is another network.
    """

    def __init__(
        self,
        config: Path,
        patches: Patches,
        folder: Path,
        *,
        processes: Processes | None = None,
        start: Model | None = None,
        validation: Validation | None = None,
        steps: int | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> None:
        self.config, self.settings = read_config(config, changes)
        if steps is not None:
            self.settings = self.settings.in_steps(steps)
        self.name, self.patches, self.folder, self.validation = config.stem, patches, folder, validation
        self.processes = processes or Processes(0, 1, torch.device("cpu"))
        torch.manual_seed(self.settings.seed)
        structure = build(self.config).train()
        self.started_from = ""
        if self.settings.initial == "random":
            randomise(structure)
        if start is not None:
            begun = start.build().state_dict()
            if not _alike(start.config, self.config) or _shapes(begun) != _shapes(structure.state_dict()):
                raise OptionError(f"the model to start from is another network than that of {config}")
            structure.load_state_dict(begun)
            self.started_from = start.id.hex()
        structure.to(self.processes.device).fast = self.settings.bfloat16
        self.structure = structure
        self.average = copy.deepcopy(structure).requires_grad_(False)
        self.objective = Objective(structure, self.settings).to(self.processes.device)
        slow = [p for name, p in structure.named_parameters() if "proposal" in name]
        fast = [p for name, p in structure.named_parameters() if "proposal" not in name]
        rate = self.settings.learning_rate
        groups = [
            {"params": fast, "lr": rate},
            {"params": slow, "lr": rate * self.settings.proposal_rate},
        ]
        self.optimiser = torch.optim.Adam([group for group in groups if group["params"]])
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, self._decay)
        self.step, self.best = 0, math.inf
        self.ratios = [1.0] * (3 * MEASURED_LEVELS + 1)
        self._stage, self._trained = "", nn.Module()
        if self.processes.first:
            folder.mkdir(parents=True, exist_ok=True)

    def _place(self, step: int) -> tuple[str, int, int]:
        """Return the stage of a step, the step within the stage, and the stage's steps."""
        for name, steps in self.settings.stages:
            if step < steps:
                return name, step, steps
            step -= steps
        return name, steps, steps

    def _decay(self, step: int) -> float:
        _, within, steps = self._place(step)
        warm = min(1.0, (within + 1) / max(1, min(200, steps // 20)))
        return warm * 0.5 * (1 + math.cos(math.pi * within / max(1, steps)))

    def _enter(self, stage: str) -> None:
        """Let train what a stage trains, across all processes."""
        self._stage = stage
        freeze(self.structure, stage)
        if stage == "proposals":
            hold_base_proposals(self.structure)
        self._trained = self.objective
        if self.processes.count > 1:
            for weight in self.structure.parameters():
                if weight.shape[1:2] == (1,):  # of one channel: the strides that its gradient will have
                    weight.data = weight.detach().flatten().view(weight.shape)
            places = [self.processes.device] if self.processes.device.type == "cuda" else None
            self._trained = DistributedDataParallel(self.objective, device_ids=places)

    def batch(self, rank: int) -> Tensor:
        """Return the batch of a process at this step."""
        s = self.settings
        x = self.patches.batch(s.batch, s.crop, np.random.default_rng([s.seed, self.step, rank]))
        return x.to(self.processes.device, non_blocking=True)

    def train_step(self) -> tuple[float, float, float]:
        """Take one step.

        Returns
        -------
        cost, base, quantiser : float
            J of the batch before the step, J of the base wavelet at the steps that are logged (else NaN), and the
            quantiser step in grey levels.
        """
        s, device = self.settings, self.processes.device
        stage, within, steps = self._place(self.step)
        if stage != self._stage:
            self._enter(stage)
        if not self.structure.matched and self.step % s.gains_every == 0:
            self.ratios = measure(self.structure)
        common = np.random.default_rng([s.seed, self.step])
        quantiser = float(np.exp(common.uniform(*np.log(s.step_range))))
        start, end = s.annealing
        width = start * (end / start) ** (within / max(1, steps)) if stage == "end-to-end" else start
        x, delta = self.batch(self.processes.rank), torch.tensor(quantiser, device=device)
        noise = int(common.integers(2**31)) + self.processes.rank
        arguments = (x, delta, stage, width, extended(self.ratios, s.levels), noise)
        self.optimiser.zero_grad(set_to_none=True)
        cost = self._trained(*arguments)
        cost.backward()
        if stage == "proposals":
            hold_base_proposals(self.structure)
        torch.nn.utils.clip_grad_norm_(self.structure.parameters(), 1.0)
        self.optimiser.step()
        self.schedule.step()
        # The average starts short, so that the first checkpoints are not ruled by the start.
        keep = min(s.average, (within + 1) / (within + 10))
        logged = self.step % _LOG_EVERY == 0
        with torch.no_grad():
            for mean, weight in zip(self.average.parameters(), self.structure.parameters(), strict=True):
                mean.lerp_(weight, 1 - keep)
            if logged:
                base = self.objective(*arguments, base=True)
                cost, base = self.processes.mean(torch.stack([cost.detach(), base])).tolist()
        self.step += 1
        return (cost, base, quantiser) if logged else (math.nan, math.nan, quantiser)

    def run(self) -> None:
        """Train to the last step, validating and saving the state on the way."""
        if (
            not self.step and self.processes.first
        ):  # what a run left that was stopped before its first checkpoint
            for name in ("log.csv", "validation.csv"):
                (self.folder / name).unlink(missing_ok=True)
        ratios: list[float] = []
        begun, first = time.monotonic(), self.step
        total, batch = self.settings.total, self.settings.batch * self.processes.count
        quiet = not self.processes.first
        with tqdm(
            total=total, initial=first, desc=self.name, unit=" steps", disable=True if quiet else None
        ) as bar:
            while self.step < total:
                at, stage = self.step, self._place(self.step)[0]
                cost, base, quantiser = self.train_step()
                if at % _LOG_EVERY == 0 and not quiet:
                    ratios.append(cost / base)
                    self._log("log.csv", _LOG, [at, stage, f"{cost:.6f}", f"{base:.6f}", f"{quantiser:.3f}"])
                    speed = batch * (self.step - first) / (time.monotonic() - begun)
                    told = f"{stage}, J/J(base) {np.mean(ratios[-50:]):.4f}, {speed:.1f} patches/s"
                    bar.set_postfix_str(told, refresh=False)
                bar.update()
                every, last = self.settings.validate_every, self.step == total
                if self.validation is not None and (last or (every and self.step % every == 0)):
                    self._validate()
                if self.step % self.settings.save_every == 0 or last:
                    self.save()
                    self.processes.wait()
        if not quiet and self.step > first:
            speed = batch * (self.step - first) / (time.monotonic() - begun)
            print(f"{self.name}: {self.step - first} steps, {speed:.1f} patches/s")

    def _log(self, name: str, header: tuple[str, ...], row: list[Any]) -> None:
        path = self.folder / name
        new = not path.exists()
        with path.open("a", newline="") as stream:
            writer = csv.writer(stream)
            if new:
                writer.writerow(header)
            writer.writerow(row)

    def model(self) -> Model:
        """Return the model of the averaged weights as they are now."""
        return Model.of(self.average, self.config, self._card())

    def _validate(self) -> None:
        """Measure the averaged weights on real codestreams; keep them if they are the best so far."""
        if not self.processes.first or self.validation is None:
            return
        model = self.model()
        rate = self.validation.bd_rate(model)
        self._log("validation.csv", ("step", "BD-rate against the 9/7 in %"), [self.step, rate])
        if rate is not None and rate < self.best:
            self.best = rate
            model.card["bd_rate"] = round(rate, 3)
            self._write("best.safetensors", model.to_bytes())

    def _write(self, name: str, data: bytes) -> None:
        """Write a file of the folder; a stop in the middle leaves the old one whole."""
        temporary = self.folder / f"{name}.tmp"
        temporary.write_bytes(data)
        os.replace(temporary, self.folder / name)

    def _identity(self) -> str:
        """Return what a checkpoint has to have in common with this run."""
        told = {"model": self.config, "training": dataclasses.asdict(self.settings)}
        return json.dumps({**told, "processes": self.processes.count}, sort_keys=True)

    def save(self) -> None:
        """Write the state and the averaged model, in the first process."""
        if not self.processes.first:
            return
        state = {
            "identity": self._identity(),
            "step": self.step,
            "best": self.best,
            "started_from": self.started_from,
            "ratios": self.ratios,
            "structure": self.structure.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
        }
        temporary = self.folder / "checkpoint.tmp"
        torch.save(state, temporary)
        os.replace(temporary, self.folder / "checkpoint.pt")
        self._write("model.safetensors", self.model().to_bytes())

    def resume(self) -> None:
        """Go on from the folder's checkpoint.

        Raises
        ------
        OptionError
            If there is none, or it is one of another configuration.
        """
        path = self.folder / "checkpoint.pt"
        try:
            state: Mapping[str, Any] = torch.load(path, map_location=self.processes.device, weights_only=True)
        except OSError as error:
            raise OptionError(f"there is no checkpoint to go on from: {error}") from None
        if state.get("identity") != self._identity():
            raise OptionError(f"{path} is a checkpoint of another configuration, or of other processes")
        self.step, self.best, self.ratios = state["step"], state["best"], state["ratios"]
        self.started_from = state["started_from"]
        self.structure.load_state_dict(state["structure"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self._stage = ""
        if self.processes.first:
            for name in ("log.csv", "validation.csv"):
                self._cut_log(self.folder / name)

    def _cut_log(self, path: Path) -> None:
        """Take the rows off a log that come after the checkpoint: they will be written again."""
        if path.exists():
            with path.open(newline="") as stream:
                header, *rows = csv.reader(stream)
            kept = [row for row in rows if int(row[0]) < self.step + (path.stem == "validation")]
            with path.open("w", newline="") as stream:
                csv.writer(stream).writerows([header, *kept])

    def _card(self) -> dict[str, Any]:
        card: dict[str, Any] = {
            "name": self.name,
            "steps_done": self.step,
            "patches": len(self.patches.patches),
            "processes": self.processes.count,
            "training": dataclasses.asdict(self.settings),
        }
        return {**card, "started_from": self.started_from} if self.started_from else card
