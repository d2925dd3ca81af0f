"""The training loop: steps of an optimiser, with a log, validations and checkpoints on the way.

All that is random in a step follows from the seed and the step, or from a state in the checkpoint: a resumed run takes
the same batches and logs the same numbers as one that was not stopped.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from tqdm import tqdm

from ..errors import OptionError
from .checkpoint import Identity, check_identity, read_checkpoint, stored_identity, write_checkpoint
from .log import Log
from .processes import Processes

__all__ = ["Plan", "TrainingLoop"]

Network = TypeVar("Network", bound=nn.Module)

#: Gradients of all weights together are held to this norm.
_LARGEST_GRADIENT = 1.0


@dataclass(frozen=True)
class Plan:
    """What the loop has to know of a run.

    Attributes
    ----------
    name : str
        For the progress bar.
    checkpoint : Path
        File of the state; its folder is made.
    log : Log
        Gets the means of the figures since its last row.
    steps : int
        Steps of the run.
    batch : int
        Patches per step and process, for the speed.
    log_every, save_every : int
        Steps between rows of the log, and between checkpoints.
    validate_every : int
        Steps between validations; 0 for one at the end alone.
    average : float or None
        Decay of the moving average of the weights; None: no average is kept.
    bfloat16 : bool
        Whether the networks compute in bfloat16, for the report at the end.
    """

    name: str
    checkpoint: Path
    log: Log
    steps: int
    batch: int
    log_every: int
    save_every: int
    validate_every: int = 0
    average: float | None = None
    bfloat16: bool = False


def _follow(average: nn.Module, network: nn.Module, decay: float, age: int) -> None:
    """Move an average of weights towards those of a network.

    The average is short at first, so that it is not dominated by where the training began: of the steps so far, `age`,
    it takes about a tenth.
    """
    keep = min(decay, (age + 1) / (age + 10))
    with torch.no_grad():
        for mean, weight in zip(average.parameters(), network.parameters(), strict=True):
            mean.lerp_(weight, 1 - keep)


class TrainingLoop(Generic[Network]):
    """One run of a training. Subclasses say what a step minimises, and what is logged of it.

    Parameters
    ----------
    plan : Plan
        How the run goes.
    network : Module
        What is trained.
    trained : sequence of Parameter
        Those of its weights that are.
    optimiser : Optimizer
        Of these weights.
    schedule : LRScheduler
        Of the optimiser's learning rates, a step of it for every step.
    processes : Processes
        Those that train together.

    Attributes
    ----------
    step : int
        Steps done.
    average : Module
        Moving average of the network; the network itself if none is kept.
    """

    def __init__(
        self,
        plan: Plan,
        network: Network,
        trained: Sequence[nn.Parameter],
        optimiser: Optimizer,
        schedule: LRScheduler,
        processes: Processes,
    ) -> None:
        self.plan, self.network, self.trained = plan, network, list(trained)
        self.optimiser, self.schedule, self.processes = optimiser, schedule, processes
        self.average: Network = (
            network if plan.average is None else copy.deepcopy(network).requires_grad_(False)
        )
        self.step = 0
        self._recent: list[Tensor] = []  # on the device: a GPU is waited for when they are logged
        if processes.first:
            plan.checkpoint.parent.mkdir(parents=True, exist_ok=True)

    def cost(self) -> tuple[Tensor, Tensor | None]:
        """Return what this step minimises, a scalar, and figures for the log, (k,), which may be none."""
        raise NotImplementedError

    def row(self, figures: Sequence[float], speed: float) -> list[Any]:
        """Return a row of the log from the means of the figures and the patches per second."""
        raise NotImplementedError

    def summary(self, figures: Sequence[float]) -> str:
        """Return what the progress bar shows of the means of the figures."""
        raise NotImplementedError

    def identity(self) -> Identity:
        """Return what a checkpoint has to have in common with this run."""
        raise NotImplementedError

    def prepare_update(self) -> None:
        """Change gradients before they are clipped and used."""

    def validate_now(self) -> None:
        """Validate, and log what comes out, in the first process."""

    def saved(self) -> None:
        """Write what is to be written beside a checkpoint, in the first process."""

    def own_state(self) -> dict[str, Any]:
        """Return what the subclass adds to a checkpoint: tensors, numbers, strings, and containers of these."""
        return {}

    def load_own_state(self, state: Mapping[str, Any]) -> None:
        """Take what `own_state` has added to a checkpoint."""

    @property
    def logs(self) -> list[Log]:
        """The files that get rows as the run goes on."""
        return [self.plan.log]

    @property
    def age(self) -> int:
        """Steps since the average of the weights began."""
        return self.step

    @property
    def is_logged(self) -> bool:
        """Whether the log gets a row after the step at hand."""
        done = self.step + 1
        return done % self.plan.log_every == 0 or done == self.plan.steps

    def _is_due(self, every: int) -> bool:
        return self.step == self.plan.steps or (every > 0 and self.step % every == 0)

    def train_step(self) -> Tensor | None:
        """Take one step; return the figures from before it, (k,)."""
        self.optimiser.zero_grad(set_to_none=True)
        cost, figures = self.cost()
        cost.backward()
        self.prepare_update()
        nn.utils.clip_grad_norm_(self.trained, _LARGEST_GRADIENT)
        self.optimiser.step()
        self.schedule.step()
        if self.plan.average is not None:
            _follow(self.average, self.network, self.plan.average, self.age)
        self.step += 1
        return figures

    def run(self) -> None:
        """Train to the last step, logging, validating and saving the state on the way."""
        plan, first, talks = self.plan, self.step, self.processes.first
        if not first and talks:
            for log in self.logs:  # what a run left that was stopped before its first checkpoint
                log.remove()
        begun = time.monotonic()

        def speed() -> float:
            patches = plan.batch * self.processes.count * (self.step - first)
            return patches / (time.monotonic() - begun)

        with tqdm(
            total=plan.steps, initial=first, desc=plan.name, unit=" steps", disable=None if talks else True
        ) as bar:
            while self.step < plan.steps:
                logged = self.is_logged
                figures = self.train_step()
                if talks and figures is not None:
                    self._recent.append(figures)
                if talks and logged:
                    means = torch.stack(self._recent).double().mean(0).tolist()
                    self._recent.clear()
                    plan.log.append(self.row(means, speed()))
                    bar.set_postfix_str(f"{self.summary(means)}, {speed():.1f} patches/s", refresh=False)
                bar.update()
                if talks and self._is_due(plan.validate_every):
                    self.validate_now()
                if self._is_due(plan.save_every):
                    self.save()
                    self.processes.wait()
        if talks and self.step > first:
            precision = "bfloat16" if plan.bfloat16 else "float32"
            print(f"{plan.name}: {self.step - first} steps, {speed():.1f} patches/s in {precision}")

    def save(self) -> None:
        """Write a checkpoint, and what goes with it, in the first process."""
        if not self.processes.first:
            return
        state = {
            "identity": stored_identity(self.identity()),
            "step": self.step,
            "recent": self._recent,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            **self.own_state(),
        }
        if self.plan.average is not None:
            state["average"] = self.average.state_dict()
        write_checkpoint(self.plan.checkpoint, state)
        self.saved()

    def resume(self) -> bool:
        """Go on from the checkpoint; return whether there is one.

        Raises
        ------
        OptionError
            If it is one of another run, or none at all.
        """
        path = self.plan.checkpoint
        state = read_checkpoint(path, self.processes.device)
        if state is None:
            return False
        check_identity(path, state, self.identity())
        try:
            self.network.load_state_dict(state["network"])
            if self.plan.average is not None:
                self.average.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.schedule.load_state_dict(state["schedule"])
            self.step, self._recent = state["step"], list(state["recent"])
            self.load_own_state(state)
        except (LookupError, RuntimeError, TypeError, ValueError) as error:
            raise OptionError(f"{path} is a damaged checkpoint: {error}") from None
        if self.processes.first:
            for log in self.logs:
                log.cut(self.step)
        return True
