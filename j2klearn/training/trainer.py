"""The training loop: one set of weights for all levels and all rates."""

from __future__ import annotations

import copy
import csv
import dataclasses
import math
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ..errors import OptionError
from ..geometry import Rect
from ..model import Model
from ..structures import BaseWavelet, Structure, build
from ..wavelet import WAVELETS
from .data import Patches
from .objective import Pyramid, RateProxy, dead_zone, steps_of

__all__ = ["Settings", "Trainer", "read_config"]


@dataclasses.dataclass(frozen=True)
class Settings:
    """The ``[training]`` table of a configuration; see the shipped one for what each entry means."""

    levels: int
    crop: int
    batch: int
    steps: int
    learning_rate: float
    proposal_rate: float
    step_range: tuple[float, float]
    rate_weight: float
    average: float
    seed: int
    bfloat16: bool = True


def read_config(path: Path) -> tuple[dict[str, Any], Settings]:
    """Read a training configuration: the model's part and the training settings."""
    try:
        config = tomllib.loads(path.read_text())
        return config["model"], Settings(**config["training"])
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise OptionError(f"{path} is not a training configuration: {error}") from None


def analyse(structure: Structure | None, wavelet: BaseWavelet, x: Tensor, levels: int) -> Pyramid:
    """Decompose `x` by `structure`, or by the base wavelet alone."""
    details = []
    for _ in range(levels):
        if structure is None:
            x, *bands = wavelet.analyse(x)
        else:
            x, *bands = structure.analyse(x, (0, 0), wavelet)
        details.append((bands[0], bands[1], bands[2]))
    return x, details


def synthesise(structure: Structure | None, wavelet: BaseWavelet, pyramid: Pyramid) -> Tensor:
    """Put a pyramid together again."""
    x, details = pyramid
    for hl, lh, hh in reversed(details):
        if structure is None:
            x = wavelet.synthesise(x, hl, lh, hh)
        else:
            area = Rect(0, 0, x.shape[-2] + lh.shape[-2], x.shape[-1] + hl.shape[-1])
            x = structure.synthesise((x, hl, lh, hh), area, wavelet)
    return x


class Trainer:
    """Trains one model; the whole state can be written and read back, so that a resumed run is the same run.

    Parameters
    ----------
    config : Path
        A training configuration (TOML).
    patches : Patches
        Training pictures.
    folder : Path
        Receives ``checkpoint.pt`` (the state), ``log.csv`` and ``model.safetensors`` (the averaged weights).
    """

    def __init__(self, config: Path, patches: Patches, folder: Path) -> None:
        model_config, self.settings = read_config(config)
        self.name, self.patches, self.folder = config.stem, patches, folder
        torch.manual_seed(self.settings.seed)
        self.generator = np.random.default_rng(self.settings.seed)
        self.config = model_config
        self.structure = structure = build(model_config).train()
        structure.fast = self.settings.bfloat16
        self.wavelet = WAVELETS[structure.base]
        self.proxy = RateProxy()
        self.average = copy.deepcopy(structure).requires_grad_(False)
        rate, slow = self.settings.learning_rate, self.settings.proposal_rate
        proposals = [p for name, p in structure.named_parameters() if "proposal" in name]
        others = [p for name, p in structure.named_parameters() if "proposal" not in name]
        self.optimiser = torch.optim.Adam(
            [
                {"params": others, "lr": rate},
                {"params": proposals, "lr": rate * slow},
                {"params": self.proxy.parameters(), "lr": rate},
            ]
        )
        decay = torch.optim.lr_scheduler.LambdaLR(self.optimiser, self._decay)
        self.schedule, self.step = decay, 0
        folder.mkdir(parents=True, exist_ok=True)

    def _decay(self, step: int) -> float:
        warm = min(1.0, (step + 1) / max(1, min(200, self.settings.steps // 20)))
        return warm * 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.settings.steps)))

    def _cost(self, structure: Structure | None, x: Tensor, step: Tensor, noise: Tensor) -> Tensor:
        """Return J of a batch, per pixel; `noise` of the picture's shape is shared by all that are compared."""
        ll, details = analyse(structure, self.wavelet, x, self.settings.levels)
        bits = x.new_zeros(())
        offset = 0

        def coded(band: Tensor, level: int, orientation: str) -> Tensor:
            nonlocal bits, offset
            delta = steps_of(step, level, orientation)
            count = band.shape[-2] * band.shape[-1]
            jitter = noise[:, offset : offset + count].reshape(band.shape)
            offset += count
            bits = bits + self.proxy(band / delta + jitter, orientation).sum()
            return dead_zone(band, delta)

        decoded = [
            (coded(hl, level, "HL"), coded(lh, level, "LH"), coded(hh, level, "HH"))
            for level, (hl, lh, hh) in enumerate(details, 1)
        ]
        out = synthesise(structure, self.wavelet, (coded(ll, self.settings.levels, "LL"), decoded))
        distortion = (out - x).square().sum()
        return (distortion / step**2 + self.settings.rate_weight * bits) / x.numel()

    def _train_step(self) -> tuple[float, float, float]:
        s = self.settings
        x = self.patches.batch(s.batch, s.crop, self.generator)
        low, high = np.log(s.step_range)
        step = torch.tensor(float(np.exp(self.generator.uniform(low, high))))
        noise = torch.rand(s.batch, s.crop * s.crop) - 0.5
        self.optimiser.zero_grad(set_to_none=True)
        cost = self._cost(self.structure, x, step, noise)
        cost.backward()
        parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        self.optimiser.step()
        self.schedule.step()
        # The average starts short, so that the first checkpoints are not ruled by the start.
        keep = min(s.average, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for mean, weight in zip(self.average.parameters(), self.structure.parameters(), strict=True):
                mean.lerp_(weight, 1 - keep)
            base = self._cost(None, x, step, noise) if self.step % 10 == 0 else cost
        self.step += 1
        return cost.item(), base.item(), step.item()

    def run(self, save_every: int = 500) -> None:
        """Train to the last step, saving the state every `save_every` steps."""
        ratios: list[float] = []
        with (
            (self.folder / "log.csv").open("a", newline="") as stream,
            tqdm(total=self.settings.steps, initial=self.step, desc=self.name, unit=" steps") as progress,
        ):
            log = csv.writer(stream)
            while self.step < self.settings.steps:
                measured = self.step % 10 == 0
                cost, base, quantiser = self._train_step()
                if measured:
                    ratios.append(cost / base)
                    log.writerow([self.step, f"{cost:.6f}", f"{base:.6f}", f"{quantiser:.3f}"])
                    progress.set_postfix_str(f"J/J(base) {np.mean(ratios[-50:]):.4f}", refresh=False)
                progress.update()
                if self.step % save_every == 0 or self.step == self.settings.steps:
                    self.save()
                    stream.flush()

    def save(self) -> None:
        """Write the state and the averaged model; a stop in the middle leaves the old ones whole."""
        state = {
            "step": self.step,
            "structure": self.structure.state_dict(),
            "average": self.average.state_dict(),
            "proxy": self.proxy.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "torch": torch.get_rng_state(),
            "numpy": self.generator.bit_generator.state,
        }
        temporary = self.folder / "checkpoint.tmp"
        torch.save(state, temporary)
        os.replace(temporary, self.folder / "checkpoint.pt")
        temporary = self.folder / "model.tmp"
        temporary.write_bytes(Model.of(self.average, self.config, self._card()).to_bytes())
        os.replace(temporary, self.folder / "model.safetensors")

    def resume(self) -> None:
        """Go on from the folder's checkpoint."""
        state: Mapping[str, Any] = torch.load(self.folder / "checkpoint.pt", weights_only=True)
        self.step = state["step"]
        self.structure.load_state_dict(state["structure"])
        self.average.load_state_dict(state["average"])
        self.proxy.load_state_dict(state["proxy"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["torch"])
        self.generator.bit_generator.state = state["numpy"]

    def _card(self) -> dict[str, Any]:
        s = dataclasses.asdict(self.settings)
        return {
            "name": self.name,
            "steps_done": self.step,
            "patches": len(self.patches.patches),
            "training": s,
        }
