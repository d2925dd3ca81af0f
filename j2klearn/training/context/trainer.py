"""Training of the context networks: minimise the bits of quantised subbands (P2, Section 3.2: the rate alone).

The transform is not trained. The network of luma is trained first, and then the network of the other components, which
are coded after luma. One set of weights serves all rates: the quantiser step is drawn for every crop, and the rounding
offset of the quantiser for every batch. For the last part of the training, indices are chosen as the encoder does it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import OptionError
from ...neural.context import features, inputs
from ...neural.context.integer_network import rounded
from ...neural.context.lowpass import Irreversible, LowPass, Reversible
from ...neural.context.model import ContextModel
from ...neural.context.network import ContextNetwork, mixture_bits
from ...neural.integer import companding
from ...neural.integer.companding import FRACTION
from ..checkpoint import Identity, read_checkpoint
from ..growth import grow
from ..log import Log
from ..loop import Plan, TrainingLoop
from ..precision import trains_in_bfloat16
from ..processes import Processes
from ..schedule import half_cosine, warm_up
from ..subband_patches import Crop, SubbandPatches
from .choosing import chosen
from .settings import ContextSettings

__all__ = ["PARTS", "ContextTrainer", "assembled", "context_bits", "network_of"]

#: The networks: that of the first component, and that of the others.
PARTS = ("first", "second")

_LOG_EVERY = 50
_HEADER = ("step", "what", "bits per coefficient", "crops per second")

#: The final learning rate as a share of the highest one.
_FINAL_RATE = 0.001


def network_of(options: dict[str, Any], mixtures: int) -> ContextNetwork:
    """Return an untrained network.

    Parameters
    ----------
    options : dict
        The part ``first`` or ``second`` of an entropy model's configuration.
    mixtures : int
        Number of components of each mixture.
    """
    return ContextNetwork(
        inputs.count(options), options["width"], options["blocks"], options["layers"], mixtures
    )


def _adds(name: str) -> bool:
    """Return whether the output of a layer of a context network is added to the layer's input."""
    return name.startswith("fusions") or ".second." in name


def _draw_steps(bounds: tuple[float, float], count: int, rng: np.random.Generator) -> Tensor:
    low, high = np.log2(bounds)
    return torch.from_numpy(np.exp2(rng.uniform(low, high, count)).astype(np.float32))


def _divided(crop: Crop, step: Tensor) -> Crop:
    """Return the coefficients of crops divided by their quantiser steps (N,)."""
    scale = 1 / step.view(-1, 1, 1, 1)
    return Crop(crop.ll * scale, [band * scale[..., None] for band in crop.details])


def _quantised(scaled: Crop, offset: float) -> tuple[Tensor, list[Tensor]]:
    details = [(band.sign() * (band.abs() + offset).floor()).long() for band in scaled.details]
    return torch.round(scaled.ll).long(), details


def context_bits(
    network: ContextNetwork,
    options: Mapping[str, Any],
    part: str,
    ll: Tensor,
    details: list[Tensor],
    step_code: Tensor,
    *,
    lossless: bool,
    bfloat16: bool,
    scaled: list[Tensor] | None = None,
) -> list[Tensor]:
    """Return the bits of the detail subbands of every level, finest level first.

    Parameters
    ----------
    network : ContextNetwork
        The network to run.
    options : mapping
        Its part of the model's configuration.
    part : {"first", "second"}
        Whether the network codes the first component, or the two others, which share a batch.
    ll : Tensor of int64, shape (N, C, h, w)
        Indices of LL.
    details : list of Tensor of int64, each (N, C, 3, h, w)
        Indices of HL, LH and HH; finest level first. All planes of a level have one size.
    step_code : Tensor of int64, shape (N,)
        16 log2 of the quantiser steps, rounded.
    lossless : bool
        Whether the subbands are those of the reversible 5/3.
    bfloat16 : bool
        Compute the network in bfloat16.
    scaled : list of Tensor of float, each (N, C, 3, h, w), optional
        Coefficients divided by the quantiser step. If given, indices are chosen from them by their cost, and replace
        those in `details`.

    Returns
    -------
    list of Tensor, scalars
        Bits of all crops and components of `part` together.
    """
    levels, count = len(details), len(ll)
    components = range(1) if part == "first" else range(1, 3)
    kind = Reversible if lossless else Irreversible
    visible = range(0 if options.get("conditioned") else components.start, components.stop)
    lows: dict[int, LowPass] = {c: kind(ll[:, c], levels) for c in visible}
    bits: list[Tensor] = []

    def mixtures_of(level: int, bands: Tensor, above: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the mixtures of the details of a level, and the indices themselves, all components in one batch."""
        context = {c: features.known(low, None if above is None else above[:, c]) for c, low in lows.items()}
        planes = []
        for c in components:
            before = range(c if options.get("conditioned") else 0)
            contexts = [*(context[b] for b in before), context[c]]
            planes.append(inputs.planes(options, contexts, [bands[:, b] for b in before], step_code, level))
        x = torch.cat(planes).float() / companding.UNIT
        own = torch.cat([bands[:, c] for c in components])
        compressed = companding.compress(own << FRACTION).float() / companding.UNIT
        with torch.autocast(x.device.type, torch.bfloat16, enabled=bfloat16):
            return network(x.contiguous(memory_format=torch.channels_last), compressed), own

    above = None
    for level in range(levels, 0, -1):
        bands = details[level - 1]
        if scaled is not None:
            with torch.no_grad():
                mixtures, own = mixtures_of(level, bands, above)
                best = chosen(mixtures, torch.cat([scaled[level - 1][:, c] for c in components]))
            bands = bands.clone()
            for c, part_of in zip(components, best.split(count), strict=True):
                bands[:, c] = part_of
        mixtures, own = mixtures_of(level, bands, above)
        bits.append(mixture_bits(mixtures, own.float()).sum())
        for c, low in lows.items():
            low.refine([bands[:, c, 0], bands[:, c, 1], bands[:, c, 2]])
        above = bands
    return bits[::-1]


class ContextTrainer(TrainingLoop[ContextNetwork]):
    """Trains one of the two networks.

    Parameters
    ----------
    part : {"first", "second"}
        The network to train.
    config : dict
        Configuration of the entropy model.
    settings : ContextSettings
        Settings of the training.
    pictures : SubbandPatches
        Training pictures, on the device to train on. The last `settings.held_out` of them are used for validation only.
    folder : Path
        Receives ``PART.pt`` (the state) and ``PART.csv`` (the log).

    Attributes
    ----------
    validated : dict of str to float
        Bits per coefficient of the last validation, by quantiser step.
    """

    def __init__(
        self,
        part: str,
        config: dict[str, Any],
        settings: ContextSettings,
        pictures: SubbandPatches,
        folder: Path,
    ) -> None:
        self.part, self.options, self.pictures = part, config[part], pictures
        self.device = pictures.ll.device
        bfloat16 = trains_in_bfloat16(settings.bfloat16, self.device)
        self.settings = settings = dataclasses.replace(settings, bfloat16=bfloat16)
        self._identity = {
            "model": {"mixtures": config["mixtures"], "transform": config["transform"]},
            part: self.options,
        }
        self.steps = settings.first_steps if part == "first" else settings.second_steps
        torch.manual_seed(settings.seed)
        network = network_of(self.options, config["mixtures"]).to(self.device)
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.validated: dict[str, float] = {}
        plan = Plan(
            name=part,
            checkpoint=folder / f"{part}.pt",
            log=Log(folder / f"{part}.csv", _HEADER),
            steps=self.steps,
            batch=settings.batch,
            log_every=_LOG_EVERY,
            save_every=settings.save_every,
            validate_every=settings.validate_every,
            average=settings.average,
            bfloat16=bfloat16,
        )
        trained = list(network.parameters())
        optimiser = torch.optim.Adam(trained, settings.learning_rate, betas=(0.9, 0.98))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, self._decay)
        super().__init__(plan, network, trained, optimiser, schedule, Processes(0, 1, self.device))

    def _decay(self, step: int) -> float:
        rise = warm_up(step, min(300, self.steps // 10))
        return rise * max(_FINAL_RATE, half_cosine(step, self.steps))

    def bits(
        self, network: ContextNetwork, crop: Crop, step: Tensor, offset: float, *, choose: bool = False
    ) -> list[Tensor]:
        """Return the bits of crops by level, finest first.

        Parameters
        ----------
        network : ContextNetwork
            The network to run.
        crop : Crop
            Subbands of N crops.
        step : Tensor, shape (N,)
            Quantiser steps in grey levels; ignored if the pictures are lossless.
        offset : float
            Rounding offset of the quantiser, 0 to 0.5; ignored if the pictures are lossless.
        choose : bool
            Choose the indices by their cost, as the encoder does it.
        """
        if self.pictures.lossless:
            step, offset = torch.ones(len(crop.ll), device=self.device), 0.0
        scaled = _divided(crop, step)
        ll, details = _quantised(scaled, offset)
        return context_bits(
            network,
            self.options,
            self.part,
            ll,
            details,
            torch.round(16 * torch.log2(step)).long(),
            lossless=self.pictures.lossless,
            bfloat16=self.plan.bfloat16 and torch.is_grad_enabled(),
            scaled=scaled.details if choose and not self.pictures.lossless else None,
        )

    def cost(self) -> tuple[Tensor, Tensor | None]:
        """Return the bits per coefficient of the batch, as the cost and as the only figure."""
        s = self.settings
        rng = np.random.default_rng([s.seed, self.step, self.part == "second"])
        chosen = rng.choice(len(self.pictures) - s.held_out, s.batch, replace=False)
        crop = self.pictures.crop(chosen, slice(0, 1 if self.part == "first" else 3), rng)
        step = _draw_steps(s.step_range, s.batch, rng).to(self.device)
        offset = float(rng.uniform(*s.offset_range))
        choose = self.step >= s.choose_from * self.steps
        bits = self.bits(self.network, crop, step, offset, choose=choose)
        count = crop.details[0][:, 0].numel() * 4 / 3 * (1 if self.part == "first" else 2)
        cost = torch.stack(bits).sum() / count
        return cost, cost.detach().view(1)

    def row(self, figures: Sequence[float], speed: float) -> list[Any]:
        return [self.step, "training", f"{figures[0]:.5f}", f"{speed:.2f}"]

    def summary(self, figures: Sequence[float]) -> str:
        return f"{figures[0]:.4f} bits per coefficient"

    def validate(self) -> dict[str, float]:
        """Return the bits per coefficient of the held-out pictures, by quantiser step."""
        s, found = self.settings, {}
        first = len(self.pictures) - s.held_out
        components = slice(0, 1 if self.part == "first" else 3)
        with torch.no_grad():
            for step in (1.0,) if self.pictures.lossless else (8.0, 16.0, 32.0, 64.0):
                total, count = 0.0, 0.0
                for start in range(first, len(self.pictures), 16):
                    chosen = np.arange(start, min(start + 16, len(self.pictures)))
                    crop = self.pictures.crop(chosen, components, np.random.default_rng(start))
                    steps = torch.full((len(chosen),), step, device=self.device)
                    total += float(sum(self.bits(self.average, crop, steps, 0.4)))
                    count += crop.details[0][:, 0].numel() * 4 / 3 * (1 if self.part == "first" else 2)
                found[f"{step:g}"] = total / count
        return found

    def validate_now(self) -> None:
        if not self.settings.held_out:
            return
        self.validated = self.validate()
        for step, bits in self.validated.items():
            self.plan.log.append([self.step, f"validation, step {step}", f"{bits:.5f}", ""])

    def identity(self) -> Identity:
        return self._identity

    def own_state(self) -> dict[str, Any]:
        return {"validated": self.validated}

    def load_own_state(self, state: Mapping[str, Any]) -> None:
        self.validated = state["validated"]

    def start(self, folder: Path) -> None:
        """Initialise the network with that of another run, which may be smaller.

        Parameters
        ----------
        folder : Path
            Folder of the other run, with its ``PART.pt``.

        Raises
        ------
        OptionError
            If there is no such state, or its network is larger or of another kind.
        """
        path = folder / f"{self.part}.pt"
        state = read_checkpoint(path, self.device)
        if state is None:
            raise OptionError(f"there is no checkpoint {path} to begin with")
        if "average" not in state:
            raise OptionError(f"{path} is not the checkpoint of a context network")
        grow(self.network, state["average"], added=_adds)
        self.average.load_state_dict(self.network.state_dict())


def assembled(config: dict[str, Any], name: str, trainers: list[ContextTrainer]) -> ContextModel:
    """Return the entropy model with the averaged weights of two trainers, rounded to integers.

    Parameters
    ----------
    config : dict
        Configuration of the entropy model.
    name : str
        Name of the entropy model.
    trainers : list of ContextTrainer
        Trainers of the parts "first" and "second".
    """
    tensors = {
        f"{trainer.part}.{key}": value
        for trainer in trainers
        for key, value in rounded(trainer.average.eval()).items()
    }
    card = {
        "name": name,
        "patches": len(trainers[0].pictures),
        "training": dataclasses.asdict(trainers[0].settings),
        "steps_done": {trainer.part: trainer.step for trainer in trainers},
        "bits_per_coefficient": {trainer.part: trainer.validated for trainer in trainers},
    }
    return ContextModel(config, tensors, card)
