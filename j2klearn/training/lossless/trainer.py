"""Training of the operator of a reversible model.

The rate proxy predicts the bits of the details that are left, at a quantiser step of one. Rounding is simulated by
uniform noise. The cost is the share of these bits in those of the details of the 5/3.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...core.geometry import ORIENTATIONS
from ...ebcot.rate_proxy import RateProxy
from ...errors import OptionError
from ...io.atomic import write_whole
from ...models.model import Model
from ...models.reversible import packed
from ...transform.integer.quantise import quantise_operator
from ...transform.operators import ProposalOpacity
from ..checkpoint import Identity
from ..log import Log
from ..loop import Plan, TrainingLoop
from ..processes import Processes
from ..schedule import half_cosine, warm_up
from .cells import SHARES, Cells
from .start import OPTIONS

__all__ = ["Trainer"]

#: Patches of a batch, at each level.
_BATCH = (4, 14, 60)

#: Highest learning rates: of the network of the opacities, and of the proposals.
_RATE, _PROPOSAL_RATE = 1.5e-3, 1.2e-4

_WARM_UP = 100

#: Steps between rows of the log, and between checkpoints.
_LOG_EVERY, _SAVE_EVERY = 20, 200

_HEADER = ("step", "bits / bits of the 5/3", "patches/s")

#: Patches that calibrate the integers.
_CALIBRATION = 160


class Trainer(TrainingLoop[ProposalOpacity]):
    """Trains one reversible model. Every step depends only on the seed, the number of the step and the checkpoint.

    Parameters
    ----------
    cells : Cells
        Training data.
    out : Path
        Model file to write. The checkpoint beside it has the suffix ``.pt``, the log ``.csv``.
    steps : int
        Number of steps.
    start : ProposalOpacity
        The operator to begin with; see `j2klearn.training.lossless.start`.
    seed : int
        Seed of the batches and of the noise.
    """

    def __init__(self, cells: Cells, out: Path, steps: int, start: ProposalOpacity, seed: int = 0) -> None:
        self.cells, self.out, self.steps, self.seed, self.proxy = cells, out, steps, seed, RateProxy()
        plan = Plan(
            name=out.stem,
            checkpoint=out.with_suffix(".pt"),
            log=Log(out.with_suffix(".csv"), _HEADER),
            steps=steps,
            batch=round(sum(count * share for count, share in zip(_BATCH, SHARES, strict=True))),
            log_every=_LOG_EVERY,
            save_every=_SAVE_EVERY,
        )
        groups = [
            {"params": [*start.opacity.parameters()], "lr": _RATE},
            {"params": [start.proposal.weight], "lr": _PROPOSAL_RATE},
        ]
        optimiser = torch.optim.Adam(groups, betas=(0.9, 0.98))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, self._rate)
        trained = list(start.parameters())
        super().__init__(
            plan, start.train(), trained, optimiser, schedule, Processes(0, 1, torch.device("cpu"))
        )

    def identity(self) -> Identity:
        return {
            "operator": OPTIONS,
            "training": {"seed": self.seed},
            "data": {"patches": [own.shape for own in self.cells.levels]},
        }

    def resume(self) -> bool:
        """Continue from the checkpoint.

        Raises
        ------
        OptionError
            If there is none, or it is that of another training.
        """
        path = self.plan.checkpoint
        try:
            found = super().resume()
        except OptionError as error:
            raise OptionError(f"{path} is the checkpoint of another training: {error}") from None
        if not found:
            raise OptionError(f"there is no checkpoint {path}")
        # the number of steps may have changed, and with it the rates
        for group, highest in zip(self.optimiser.param_groups, (_RATE, _PROPOSAL_RATE), strict=True):
            group["lr"] = highest * self._rate(self.step)
        return found

    def _rate(self, step: int) -> float:
        """Return the share of the highest learning rates at a step."""
        return warm_up(step, _WARM_UP) * half_cosine(step, self.steps)

    def _bits(self, details: Tensor) -> Tensor:
        """Return the bits per coefficient of details with rounding noise, shape (n, 3, h, w)."""
        magnitude = details.abs()
        bits = [
            self.proxy.bits(magnitude[:, at : at + 1], name).mean() for at, name in enumerate(ORIENTATIONS)
        ]
        return torch.stack(bits).mean()

    def cost(self) -> tuple[Tensor, Tensor]:
        """Return the bits of the details over those of the 5/3, twice: to minimise and for the log."""
        rng = np.random.default_rng((self.seed, self.step))
        level = int(rng.choice(len(SHARES), p=SHARES))
        x = self.cells.batch(level, _BATCH[level], rng)
        noise = torch.from_numpy(rng.random(x[:, 1:].shape, np.float32)) - 0.5
        details = x[:, 1:] + noise
        predictions = self.network(F.pad(x[:, :1], (self.network.radius,) * 4, mode="replicate"))
        with torch.no_grad():
            before = self._bits(details)
        cost = self._bits(details - predictions) / before
        return cost, cost.detach().reshape(1)

    def row(self, figures: Sequence[float], speed: float) -> list[Any]:
        return [self.step, f"{figures[0]:.6f}", f"{speed:.1f}"]

    def summary(self, figures: Sequence[float]) -> str:
        return f"{100 * (figures[0] - 1):+.2f} %"

    def write(self) -> Model:
        """Write the model with the present weights in integers.

        Returns
        -------
        Model
            The reversible model.
        """
        model = self.model()
        write_whole(self.out, model.to_bytes())
        return model

    def model(self) -> Model:
        """Return the model with the present weights in integers."""
        inputs = [
            own[:: max(1, len(own) // _CALIBRATION), :1].astype(np.float32) for own in self.cells.levels
        ]
        radius = self.network.radius
        padded = [
            np.pad(x[None], ((0, 0), (0, 0), (radius, radius), (radius, radius)), "edge")
            for own in inputs
            for x in own
        ]
        twin, _ = quantise_operator(self.network.eval(), padded)
        self.network.train()
        return Model(*packed(twin), {"name": self.out.stem, "training": f"{self.step} steps"})
