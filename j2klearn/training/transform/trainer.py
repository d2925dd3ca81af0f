"""Training of a transform. One set of weights serves all levels and all rates."""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ...errors import OptionError
from ...io.atomic import write_whole
from ...models.build import build
from ...models.model import Model
from ...transform.gains import measure
from ...transform.scales import MEASURED_LEVELS, extended
from ...transform.structures import Structure
from ..checkpoint import Identity
from ..data import Patches
from ..log import Log
from ..loop import Plan, TrainingLoop
from ..precision import trains_in_bfloat16
from ..processes import Processes
from ..schedule import half_cosine, warm_up
from ..settings import read_config
from .graphs import captured
from .objective import Objective
from .pretraining import freeze, hold_base_proposals, randomise
from .quantisers import NOISY
from .validation import Validation

__all__ = ["Trainer"]

#: Steps between rows of the log. J of the base wavelet is computed only for these.
_LOG_EVERY = 10

_HEADER = ("step", "stage", "J", "J(base)", "quantiser step")
_VALIDATION_HEADER = ("step", "BD-rate against the 9/7 in %")

#: The progress bar shows the mean over this number of rows of the log.
_ROWS_SHOWN = 50


def _differ_in_base_only(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether two configurations are equal, or differ only in the base wavelet."""
    return {**one, "base": None} == {**other, "base": None}


def _shapes(weights: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {name: weight.shape for name, weight in weights.items()}


class Trainer(TrainingLoop[Structure]):
    """Trains one transform model.

    Everything random depends only on the seed, the step and the process.

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
        The processes that train together. Default: this process alone, on the CPU.
    start : Model, optional
        Model with the initial weights; its base wavelet may differ.
    validation : Validation, optional
        Pictures to validate on, in the first process.
    steps : int, optional
        Number of steps of all stages together; replaces that of the configuration.
    changes : mapping, optional
        Settings that replace those of the configuration.

    Attributes
    ----------
    best : float
        Lowest BD-rate of all validations in per cent.
    ratios : list of float
        Measured synthesis gains divided by the 9/7's norms.

    Raises
    ------
    OptionError
        If the configuration is invalid, or `start` has another network.
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
        processes = processes or Processes(0, 1, torch.device("cpu"))
        self.config, settings = read_config(config, changes)
        if steps is not None:
            settings = settings.in_steps(steps)
        bfloat16 = trains_in_bfloat16(settings.bfloat16, processes.device)
        self.settings = settings = dataclasses.replace(settings, bfloat16=bfloat16)
        self.name, self.patches, self.folder, self.validation = config.stem, patches, folder, validation
        torch.manual_seed(settings.seed)
        structure = build(self.config).train()
        self.started_from = ""
        if settings.initial == "random":
            randomise(structure)
        if start is not None:
            begun = start.build().state_dict()
            alike = _differ_in_base_only(start.config, self.config)
            if not alike or _shapes(begun) != _shapes(structure.state_dict()):
                raise OptionError(f"the model to start from has another network than {config}")
            structure.load_state_dict(begun)
            self.started_from = start.id.hex()
        structure.to(processes.device).fast = bfloat16
        self.structure = structure
        self.objective = Objective(structure, settings).to(processes.device)
        slow = [p for name, p in structure.named_parameters() if "proposal" in name]
        fast = [p for name, p in structure.named_parameters() if "proposal" not in name]
        rate = settings.learning_rate
        groups = [
            {"params": fast, "lr": rate},
            {"params": slow, "lr": rate * settings.proposal_rate},
        ]
        optimiser = torch.optim.Adam([group for group in groups if group["params"]])
        self.best = math.inf
        self.ratios = [1.0] * (3 * MEASURED_LEVELS + 1)
        self._stage, self._parallel = "", nn.Module()
        self._captured: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None
        self._shown: deque[float] = deque(maxlen=_ROWS_SHOWN)
        self.validation_log = Log(folder / "validation.csv", _VALIDATION_HEADER)
        plan = Plan(
            name=config.stem,
            checkpoint=folder / "checkpoint.pt",
            log=Log(folder / "log.csv", _HEADER, first=0),
            steps=settings.total,
            batch=settings.batch,
            log_every=_LOG_EVERY,
            save_every=settings.save_every,
            validate_every=settings.validate_every,
            average=settings.average,
            bfloat16=bfloat16,
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, self._decay)
        super().__init__(plan, structure, list(structure.parameters()), optimiser, schedule, processes)

    @property
    def logs(self) -> list[Log]:
        return [self.plan.log, self.validation_log]

    @property
    def age(self) -> int:
        return self._place(self.step)[1]

    @property
    def is_logged(self) -> bool:
        return self.step % _LOG_EVERY == 0

    def _place(self, step: int) -> tuple[str, int, int]:
        """Return the stage of a step, the step within this stage, and the number of steps of the stage."""
        for name, steps in self.settings.stages:
            if step < steps:
                return name, step, steps
            step -= steps
        return name, steps, steps

    def _decay(self, step: int) -> float:
        _, within, steps = self._place(step)
        return warm_up(within, min(200, steps // 20)) * half_cosine(within, steps)

    def _enter(self, stage: str) -> None:
        """Make the weights trainable that a stage trains, in all processes."""
        self._stage, self._captured = stage, None
        freeze(self.structure, stage)
        if stage == "proposals":
            hold_base_proposals(self.structure)
        self._parallel = self.objective
        if self.processes.count > 1:
            for weight in self.structure.parameters():
                if weight.shape[1:2] == (
                    1,
                ):  # one input channel: use the strides that the gradient will have
                    weight.data = weight.detach().flatten().view(weight.shape)
            places = [self.processes.device] if self.processes.device.type == "cuda" else None
            self._parallel = DistributedDataParallel(self.objective, device_ids=places)

    def batch(self, rank: int) -> Tensor:
        """Return the batch of the process `rank` at this step, shape (batch, 1, crop, crop)."""
        s = self.settings
        x = self.patches.batch(s.batch, s.crop, np.random.default_rng([s.seed, self.step, rank]))
        return x.to(self.processes.device, non_blocking=True)

    def cost(self) -> tuple[Tensor, Tensor | None]:
        """Return J of the batch; at logged steps also the figures J, J of the base wavelet, and the quantiser step."""
        s, device = self.settings, self.processes.device
        stage, within, steps = self._place(self.step)
        if stage != self._stage:
            self._enter(stage)
        if not self.structure.matched and self.step % s.gains_every == 0:
            self.ratios = measure(self.structure)
        common = np.random.default_rng([s.seed, self.step])
        shared = float(np.exp(common.uniform(*np.log(s.step_range))))
        start, end = s.annealing
        width = start * (end / start) ** (within / max(1, steps)) if stage == "end-to-end" else start
        x = self.batch(self.processes.rank)
        delta = self._own_steps(self.processes.rank).to(device) if s.relative else x.new_tensor(shared)
        noise = int(common.integers(2**31)) + self.processes.rank
        ratios = extended(self.ratios, s.levels)
        arguments = (x, delta, stage, width, ratios, noise)
        if self._is_capturable:
            if self._captured is None:
                self._captured = captured(self.objective, x, delta, ratios)
            cost = self._captured(x, delta, x.new_tensor(width))
        else:
            cost = self._parallel(*arguments)
        if not self.is_logged:
            return cost, None
        with torch.no_grad():
            base = torch.ones_like(cost) if s.relative else self.objective(*arguments, base=True)
        means = self.processes.mean(torch.stack([cost.detach(), base, delta.log().mean().exp()]))
        return cost, means.double()

    @property
    def _is_capturable(self) -> bool:
        """Whether CUDA graphs can replace the computations of this stage."""
        return (
            self.processes.device.type == "cuda"
            and self.processes.count == 1
            and self._stage == "end-to-end"
            and self.structure.matched
            and self.settings.quantiser not in NOISY
        )

    def _own_steps(self, rank: int) -> Tensor:
        """Return a quantiser step for every crop of the batch, shape (batch, 1, 1, 1), in a random order.

        Each of `batch` equal parts of the logarithmic range has one of them.
        """
        s = self.settings
        generator = np.random.default_rng([s.seed, self.step, rank, 1])
        places = (generator.permutation(s.batch) + generator.random(s.batch)) / s.batch
        lowest, highest = np.log(s.step_range)
        steps = np.exp(lowest + (highest - lowest) * places)
        return torch.from_numpy(steps.astype(np.float32)).reshape(-1, 1, 1, 1)

    def prepare_update(self) -> None:
        if self._stage == "proposals":
            hold_base_proposals(self.structure)

    def row(self, figures: Sequence[float], speed: float) -> list[Any]:
        at, (cost, base, quantiser) = self.step - 1, figures
        return [at, self._place(at)[0], f"{cost:.6f}", f"{base:.6f}", f"{quantiser:.3f}"]

    def summary(self, figures: Sequence[float]) -> str:
        self._shown.append(figures[0] / figures[1])
        return f"{self._stage}, J/J(base) {np.mean(self._shown):.4f}"

    def model(self) -> Model:
        """Return the model with the current averaged weights."""
        return Model.of(self.average, self.config, self._card())

    def validate_now(self) -> None:
        """Measure the averaged weights on real codestreams, and save them if they are the best so far."""
        if self.validation is None:
            return
        model = self.model()
        rate = self.validation.bd_rate(model)
        self.validation_log.append([self.step, rate])
        if rate is not None and rate < self.best:
            self.best = rate
            model.card["bd_rate"] = round(rate, 3)
            write_whole(self.folder / "best.safetensors", model.to_bytes())

    def identity(self) -> Identity:
        return {
            "model": self.config,
            "training": dataclasses.asdict(self.settings),
            "processes": {"count": self.processes.count},
        }

    def own_state(self) -> dict[str, Any]:
        return {"best": self.best, "started_from": self.started_from, "ratios": self.ratios}

    def load_own_state(self, state: Mapping[str, Any]) -> None:
        self.best, self.started_from, self.ratios = state["best"], state["started_from"], state["ratios"]
        self._stage = ""

    def saved(self) -> None:
        write_whole(self.folder / "model.safetensors", self.model().to_bytes())

    def resume(self) -> bool:
        """Resume from the checkpoint in the folder; return true.

        Raises
        ------
        OptionError
            If there is no checkpoint, or it is damaged or belongs to another configuration.
        """
        if not super().resume():
            raise OptionError(f"there is no checkpoint to resume from: {self.plan.checkpoint}")
        return True

    def _card(self) -> dict[str, Any]:
        card: dict[str, Any] = {
            "name": self.name,
            "steps_done": self.step,
            "patches": len(self.patches.patches),
            "processes": self.processes.count,
            "training": dataclasses.asdict(self.settings),
        }
        return {**card, "started_from": self.started_from} if self.started_from else card
