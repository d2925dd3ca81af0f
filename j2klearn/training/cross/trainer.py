"""Training of the cross-component context model in the two phases of P2 (Section 3.2).

The first phase works on luma. It trains the transform, the quantiser step, learned de-quantisation and luma's context
modules, for bits and squared error. The second phase trains only chroma's context modules, which begin with luma's
weights, for the mean of the bits of Cb and Cr. P2 adds a weighted error in this phase; it is left out here, because it
does not depend on the weights that are trained then.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...core.picture import Picture
from ...errors import OptionError
from ...models.model import Model
from ...neural.cross.integer_network import rounded
from ...neural.cross.model import CrossComponentModel
from ...transform.colour import planes
from ..checkpoint import Identity, read_checkpoint
from ..log import Log
from ..loop import Plan, TrainingLoop
from ..precision import trains_in_bfloat16
from ..processes import Processes
from ..schedule import half_cosine
from .objective import CrossCodec
from .settings import CrossConfig

__all__ = ["PHASES", "CrossTrainer", "assembled"]

PHASES = ("luma", "chroma")

_LOG_EVERY = 50
_FIGURES = {"luma": ("J", "bits per pixel", "MSE"), "chroma": ("J", "bits per pixel of Cb", "of Cr")}
_VALIDATION_STEPS = (8.0, 16.0, 32.0, 64.0)


class CrossTrainer(TrainingLoop[CrossCodec]):
    """Trains one phase.

    Parameters
    ----------
    phase : {"luma", "chroma"}
        The phase. The weights of the other phase do not change.
    config : CrossConfig
        The models and the settings.
    patches : ndarray, shape (n, size, size, 3), uint8
        Training pictures, RGB; the last `held_out` of them are used for validation only.
    folder : Path
        Receives ``PHASE.pt`` (the state) and ``PHASE.csv`` (the log).
    device : str
        "cpu" or "cuda".

    Attributes
    ----------
    codec : CrossCodec
        All networks of the model.
    validated : dict of str to list of float
        J and its two parts, of the last validation, by quantiser step.

    Raises
    ------
    OptionError
        If the patches are too few or too small.
    """

    def __init__(
        self, phase: str, config: CrossConfig, patches: NDArray[np.uint8], folder: Path, device: str = "cpu"
    ) -> None:
        self.device = torch.device(device)
        bfloat16 = trains_in_bfloat16(config.settings.bfloat16, self.device)
        settings = dataclasses.replace(config.settings, bfloat16=bfloat16)
        if len(patches) <= settings.held_out or patches.shape[1] < settings.crop:
            raise OptionError(
                f"training needs more than {settings.held_out} patches of at least {settings.crop} pixels, "
                f"but there are {len(patches)} of {patches.shape[1]} pixels"
            )
        self.phase, self.config, self.settings, self.patches = phase, config, settings, patches
        self.steps = settings.luma_steps if phase == "luma" else settings.chroma_steps
        torch.manual_seed(settings.seed)
        transform = config.transform
        if transform is None and config.start is not None:
            transform = {key: value for key, value in config.start.config.items() if key != "dequantiser"}
        self.codec = CrossCodec(config.entropy, transform, settings.initial_step)
        if config.start is not None:
            self.codec.structure.load_state_dict(config.start.build().state_dict())
        self.codec.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        for weight in self.codec.parameters():
            weight.requires_grad_(False)
        groups = self._groups()
        trained = [weight for group in groups for weight in group]
        for weight in trained:
            weight.requires_grad_(True)
        rates = (settings.learning_rate, settings.learning_rate * settings.transform_rate)
        optimiser = torch.optim.AdamW(
            [{"params": group, "lr": rate} for group, rate in zip(groups, rates, strict=True) if group]
        )
        self.validated: dict[str, list[float]] = {}
        header = ("step", "what", *_FIGURES[phase], "trained step", "crops per second")
        plan = Plan(
            name=phase,
            checkpoint=folder / f"{phase}.pt",
            log=Log(folder / f"{phase}.csv", header),
            steps=self.steps,
            batch=settings.batch,
            log_every=_LOG_EVERY,
            save_every=settings.save_every,
            validate_every=settings.validate_every,
            average=settings.average,
            bfloat16=bfloat16,
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, self._decay)
        super().__init__(plan, self.codec, trained, optimiser, schedule, Processes(0, 1, self.device))

    def _groups(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """Return the weights that this phase trains, in two groups with different learning rates.

        The first group has the context modules, and the quantiser step if it is trained; the second has the networks
        that work on samples.
        """
        codec, settings = self.codec, self.settings
        if self.phase == "chroma":
            return list(codec.chroma.parameters()), []
        context = list(codec.luma.parameters())
        samples = codec.transforming if settings.train_transform else []
        if codec.dequantiser is not None:
            samples += codec.dequantiser.parameters()
        return context if settings.many_rates else [*context, codec.log_step], samples

    def _decay(self, step: int) -> float:
        least = self.settings.least_rate / self.settings.learning_rate
        return least + (1 - least) * half_cosine(step, self.steps)

    def _batch(self, rng: np.random.Generator) -> Tensor:
        """Return random crops (N, 3, crop, crop), luma level shifted, mirrored and transposed at random."""
        s = self.settings
        places = self.patches.shape[1] - s.crop + 1
        pieces = []
        for index in rng.integers(len(self.patches) - s.held_out, size=s.batch):
            y, x = rng.integers(places, size=2)
            mirrored, transposed = rng.integers(2, size=2)
            piece = self.patches[index, y : y + s.crop, x : x + s.crop]
            piece = piece[:, ::-1] if mirrored else piece
            pieces.append(piece.swapaxes(0, 1) if transposed else piece)
        return self._components(pieces)

    def _components(self, pieces: list[NDArray[np.uint8]]) -> Tensor:
        stacked = np.stack([planes(Picture(np.ascontiguousarray(piece))) for piece in pieces])
        return torch.from_numpy(stacked).to(self.device)

    def _quantiser(self, codec: CrossCodec, rng: np.random.Generator) -> tuple[Tensor, float]:
        """Return the quantiser step, and the weight of the squared error at this step."""
        s = self.settings
        if not s.many_rates:
            return torch.exp2(codec.log_step), s.weight
        step = float(np.exp2(rng.uniform(*np.log2(s.step_range))))
        return torch.tensor(step, device=self.device), s.weight / step**2

    def costs(self, codec: CrossCodec, x: Tensor, step: Tensor, weight: float) -> Tensor:
        """Return J of a batch, and its two parts.

        Parameters
        ----------
        codec : CrossCodec
            The trained weights, or their average.
        x : Tensor, shape (N, 3, crop, crop)
            Y, Cb and Cr in grey levels, luma level shifted.
        step : Tensor, scalar
            Quantiser step in grey levels.
        weight : float
            Weight of the mean squared error; the phase "chroma" has none.

        Returns
        -------
        Tensor, shape (3,)
            J, bits per pixel and mean squared error; for "chroma" J and the bits per pixel of Cb and of Cr.
        """
        bfloat16 = self.plan.bfloat16 and torch.is_grad_enabled()
        if self.phase == "chroma":
            bits = codec.code_chroma(x, step, bfloat16=bfloat16)
            return torch.stack([bits.mean(), *bits])
        coded = codec.code_luma(x[:, :1], step, bfloat16=bfloat16)
        return torch.stack([coded.bits + weight * coded.error, coded.bits, coded.error])

    def cost(self) -> tuple[Tensor, Tensor | None]:
        """Return J of the batch, and J and its two parts for the log."""
        rng = np.random.default_rng([self.settings.seed, self.step, PHASES.index(self.phase)])
        costs = self.costs(self.codec, self._batch(rng), *self._quantiser(self.codec, rng))
        return costs[0], costs.detach()

    def _row(self, what: str, costs: Sequence[float], speed: str) -> list[Any]:
        quantiser = f"{float(torch.exp2(self.codec.log_step.detach())):.4f}"
        return [self.step, what, *(f"{cost:.5f}" for cost in costs), quantiser, speed]

    def row(self, figures: Sequence[float], speed: float) -> list[Any]:
        return self._row("training", figures, f"{speed:.2f}")

    def summary(self, figures: Sequence[float]) -> str:
        return f"J {figures[0]:.4f}"

    def validate(self) -> dict[str, list[float]]:
        """Return J and its parts of the held-out patches, by quantiser step."""
        s, found = self.settings, {}
        trained = float(torch.exp2(self.average.log_step.detach()))
        with torch.no_grad():
            for step in _VALIDATION_STEPS if s.many_rates else (trained,):
                weight = s.weight / step**2 if s.many_rates else s.weight
                parts = []
                for start in range(len(self.patches) - s.held_out, len(self.patches), s.batch):
                    pieces = [piece[: s.crop, : s.crop] for piece in self.patches[start : start + s.batch]]
                    x = self._components(pieces)
                    costs = self.costs(self.average, x, torch.tensor(step, device=self.device), weight)
                    parts.append(np.array(costs.tolist()) * len(pieces))
                found[f"{step:.3g}"] = [float(cost) for cost in np.sum(parts, 0) / s.held_out]
        return found

    def validate_now(self) -> None:
        if not self.settings.held_out:
            return
        self.validated = self.validate()
        for step, costs in self.validated.items():
            self.plan.log.append(self._row(f"validation, step {step}", costs, ""))

    def identity(self) -> Identity:
        return {"model": self.config.entropy, "transform": self.config.transform or {}}

    def own_state(self) -> dict[str, Any]:
        return {"validated": self.validated}

    def load_own_state(self, state: Mapping[str, Any]) -> None:
        self.validated = state["validated"]

    def start_from(self, folder: Path) -> None:
        """Initialise all weights with those of another run of this phase, for example one with another `weight`.

        Parameters
        ----------
        folder : Path
            Folder of the other run, with its ``PHASE.pt``.

        Raises
        ------
        OptionError
            If there is no such state, or it belongs to another configuration.
        """
        path = folder / f"{self.phase}.pt"
        state = read_checkpoint(path, self.device)
        if state is None:
            raise OptionError(f"there is no state of the phase {self.phase} in {folder}")
        try:
            self.codec.load_state_dict(state["network"])
        except (KeyError, RuntimeError):
            raise OptionError(f"{path} is the state of another configuration") from None
        self.average.load_state_dict(self.codec.state_dict())

    def follow(self, luma: CrossTrainer) -> None:
        """Initialise this phase, chroma, with the averaged weights of luma's phase."""
        for codec in (self.codec, self.average):
            codec.load_state_dict(luma.average.state_dict())
            with torch.no_grad():
                codec.adopt_luma()


def _transform(config: CrossConfig, codec: CrossCodec, card: dict[str, Any]) -> Model | None:
    """Return the trained transform model with its de-quantisation network; None if neither was trained."""
    if config.transform is None:
        return None
    state = dict(codec.structure.state_dict())
    if codec.dequantiser is not None:
        state |= {f"dequantiser.{key}": value for key, value in codec.dequantiser.state_dict().items()}
    tensors = {key: value.detach().cpu().contiguous().numpy().copy() for key, value in state.items()}
    return Model(config.transform, tensors, card)


def assembled(
    config: CrossConfig, name: str, luma: CrossTrainer, chroma: CrossTrainer
) -> tuple[Model | None, CrossComponentModel]:
    """Return the transform model and the entropy model with the averaged weights of two trainers.

    Parameters
    ----------
    config : CrossConfig
        The configuration of both trainers.
    name : str
        Name of the entropy model; the transform model is called NAME-transform.
    luma, chroma : CrossTrainer
        The trainers of the two phases.

    Returns
    -------
    transform : Model or None
        None if neither transform nor de-quantisation was trained.
    entropy : CrossComponentModel
        Refers to the transform by name and id.
    """
    card = {
        "patches": len(luma.patches),
        "training": dataclasses.asdict(config.settings),
        "steps_done": {trainer.phase: trainer.step for trainer in (luma, chroma)},
        "validated": {trainer.phase: trainer.validated for trainer in (luma, chroma)},
        "step": round(float(torch.exp2(luma.average.log_step)), 4),
    }
    entropy = dict(config.entropy)
    transform = _transform(config, luma.average, {"name": f"{name}-transform", **card})
    if transform is not None:
        named = {"name": transform.name, "id": transform.id.hex()}
        entropy["transform"] = named
        if transform.dequantises:
            entropy["dequantiser"] = named
    tensors = {
        f"{part}.{key}": value
        for part, network in (("luma", luma.average.luma), ("chroma", chroma.average.chroma))
        for key, value in rounded(network.eval()).items()
    }
    return transform, CrossComponentModel(entropy, tensors, {"name": name, **card})
