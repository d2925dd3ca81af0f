"""The training loop: steps of an optimiser, with a log, validations and checkpoints.

Everything random in a step depends only on the seed and the number of the step, or on a state in the checkpoint. So a
resumed run takes the same batches and logs the same numbers as a run that was not stopped.
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

#: The norm of the gradient over all weights is clipped to this.
_MAX_GRADIENT_NORM = 1.0


@dataclass(frozen=True)
class Plan:
    """Lengths, intervals and files of a run.

    Attributes
    ----------
    name : str
        Shown in the progress bar and in the report at the end.
    checkpoint : Path
        File of the state. The loop creates its folder.
    log : Log
        Each row holds the means of the figures since the previous row.
    steps : int
        Steps of the run.
    batch : int
        Patches per step and process, to compute the speed.
    log_every, save_every : int
        Steps between rows of the log, and between checkpoints.
    validate_every : int
        Steps between validations; 0: validate only at the end.
    average : float or None
        Decay of the moving average of the weights; None: keep no average.
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


def _update_average(average: nn.Module, network: nn.Module, decay: float, age: int) -> None:
    """Update the moving average of the weights of a network.

    At first the average spans only about a tenth of the `age` steps so far. So the initial weights do not dominate it.
    """
    keep = min(decay, (age + 1) / (age + 10))
    with torch.no_grad():
        for mean, weight in zip(average.parameters(), network.parameters(), strict=True):
            mean.lerp_(weight, 1 - keep)


class TrainingLoop(Generic[Network]):
    """A training run. Subclasses define what a step minimises and what the log contains.

    Parameters
    ----------
    plan : Plan
        Lengths, intervals and files of the run.
    network : Module
        The network to train.
    trained : sequence of Parameter
        The weights whose gradients are clipped together.
    optimiser : Optimizer
        Updates these weights.
    schedule : LRScheduler
        Learning rates of the optimiser; advanced once per step.
    processes : Processes
        The processes that train together.

    Attributes
    ----------
    step : int
        Number of steps done.
    average : Module
        Moving average of the network; the network itself if the plan keeps none.
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
        # Figures since the last row of the log. They stay on the device, so that only logging waits for a GPU.
        self._recent: list[Tensor] = []
        if processes.first:
            plan.checkpoint.parent.mkdir(parents=True, exist_ok=True)

    def cost(self) -> tuple[Tensor, Tensor | None]:
        """Compute the objective of the current step.

        Returns
        -------
        cost : Tensor, scalar
            What the step minimises.
        figures : Tensor, shape (k,), or None
            Figures for the log; None if this step adds none.
        """
        raise NotImplementedError

    def row(self, figures: Sequence[float], speed: float) -> list[Any]:
        """Return a row of the log, from the means of the figures and the patches per second."""
        raise NotImplementedError

    def summary(self, figures: Sequence[float]) -> str:
        """Return the text for the progress bar, from the means of the figures."""
        raise NotImplementedError

    def identity(self) -> Identity:
        """Return the values that a checkpoint must share with this run."""
        raise NotImplementedError

    def prepare_update(self) -> None:
        """Change the gradients before they are clipped and used."""

    def validate_now(self) -> None:
        """Validate, and log the result. Called in the first process only."""

    def saved(self) -> None:
        """Write further files after a checkpoint was written. Called in the first process only."""

    def own_state(self) -> dict[str, Any]:
        """Return what the subclass adds to a checkpoint: tensors, numbers, strings, and containers of these."""
        return {}

    def load_own_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `own_state` added to a checkpoint."""

    @property
    def logs(self) -> list[Log]:
        """All logs of the run."""
        return [self.plan.log]

    @property
    def age(self) -> int:
        """Number of steps in the average of the weights."""
        return self.step

    @property
    def is_logged(self) -> bool:
        """Whether the log gets a row after the current step."""
        done = self.step + 1
        return done % self.plan.log_every == 0 or done == self.plan.steps

    def _is_due(self, every: int) -> bool:
        return self.step == self.plan.steps or (every > 0 and self.step % every == 0)

    def train_step(self) -> Tensor | None:
        """Do one step.

        Returns
        -------
        Tensor, shape (k,), or None
            The figures of `cost`, computed before the weights changed.
        """
        self.optimiser.zero_grad(set_to_none=True)
        cost, figures = self.cost()
        cost.backward()
        self.prepare_update()
        nn.utils.clip_grad_norm_(self.trained, _MAX_GRADIENT_NORM)
        self.optimiser.step()
        self.schedule.step()
        if self.plan.average is not None:
            _update_average(self.average, self.network, self.plan.average, self.age)
        self.step += 1
        return figures

    def run(self) -> None:
        """Train to the last step; log, validate and save checkpoints at the intervals of the plan."""
        plan, first, writes = self.plan, self.step, self.processes.first
        if not first and writes:
            for log in self.logs:  # left by a run that stopped before its first checkpoint
                log.remove()
        begun = time.monotonic()

        def speed() -> float:
            patches = plan.batch * self.processes.count * (self.step - first)
            return patches / (time.monotonic() - begun)

        with tqdm(
            total=plan.steps, initial=first, desc=plan.name, unit=" steps", disable=None if writes else True
        ) as bar:
            while self.step < plan.steps:
                logged = self.is_logged
                figures = self.train_step()
                if writes and figures is not None:
                    self._recent.append(figures)
                if writes and logged:
                    means = torch.stack(self._recent).double().mean(0).tolist()
                    self._recent.clear()
                    plan.log.append(self.row(means, speed()))
                    bar.set_postfix_str(f"{self.summary(means)}, {speed():.1f} patches/s", refresh=False)
                bar.update()
                if writes and self._is_due(plan.validate_every):
                    self.validate_now()
                if self._is_due(plan.save_every):
                    self.save()
                    self.processes.wait()
        if writes and self.step > first:
            precision = "bfloat16" if plan.bfloat16 else "float32"
            print(f"{plan.name}: {self.step - first} steps, {speed():.1f} patches/s in {precision}")

    def save(self) -> None:
        """Write a checkpoint and the files that go with it, in the first process."""
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
        """Resume from the checkpoint; return whether there is one.

        Raises
        ------
        OptionError
            If the checkpoint belongs to another run, or is damaged.
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
