"""Training the network for learned de-quantisation on pictures that the real coders have coded and decoded.

The transform stays as it is, so pictures are coded once, and the network learns to take off what is left between them
and the originals. The loss is the squared error over what it was, picture by picture: a decibel counts as much at
every rate.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...dequantisation.networks import ChromaDequantiser, Dequantiser
from ...errors import OptionError
from ...io.atomic import write_whole
from ...models.model import Model
from ...neural.coefficients.quantisation import component_norms
from ..checkpoint import Identity
from ..growth import doubled, grow
from ..log import Log
from ..loop import Plan, TrainingLoop
from ..precision import trains_in_bfloat16
from ..processes import Processes
from ..settings import Bfloat16
from .decoded import Batch, Decoded

__all__ = ["GUIDED", "DequantisationSettings", "train"]

_LOG_EVERY = 500
_HEADER = ("step", "squared error over what it was", "crops per second")

_DEVICE = torch.device("cpu")

#: What of the inputs of `ChromaDequantiser` its two components are: phases, and the noise.
_HEADS = {"head.weight": ([4, 5, 6, 7, 12], [8, 9, 10, 11, 13])}

_LEAST = 0.1  # squared grey levels that every error is taken to have beside its own


@dataclass(frozen=True)
class DequantisationSettings:
    """How the network is trained.

    Attributes
    ----------
    width, pairs : int
        Of the network, see `j2klearn.dequantisation.networks.Dequantiser`.
    chroma_width, chroma_pairs : int
        Of a second one, of chroma guided by luma; 0 for none.
    bpp : tuple of float
        Layers that every patch is coded with, all times a factor of 2 ** -0.4 to 2 ** 0.4.
    layers : int
        How many of these each patch is decoded at.
    steps, batch, crop : int
        Steps of the optimiser, crops in each, their side in pixels.
    learning_rate : float
        The highest, after a twentieth of the steps; from there a cosine to nearly 0.
    save_every : int
        Steps between checkpoints.
    seed : int
        Of everything that is drawn.
    bfloat16 : bool or "auto"
        Compute the network in bfloat16; "auto": where the processor does so natively.
    """

    width: int = 32
    pairs: int = 2
    chroma_width: int = 0
    chroma_pairs: int = 0
    bpp: tuple[float, ...] = (0.1, 0.2, 0.4, 0.7, 1.2)
    layers: int = 3
    steps: int = 28_000
    batch: int = 16
    crop: int = 96
    learning_rate: float = 1.5e-3
    save_every: int = 500
    seed: int = 0
    bfloat16: Bfloat16 = False

    @property
    def guided(self) -> bool:
        """There is a network of chroma."""
        return self.chroma_width > 0

    @property
    def config(self) -> dict[str, Any]:
        """The network in a model's configuration."""
        own = {"width": self.width, "pairs": self.pairs}
        if not self.guided:
            return own
        chroma = {"chroma_width": self.chroma_width, "chroma_pairs": self.chroma_pairs}
        return {"kind": "guided", **own, **chroma}


#: Those of a larger network, guided; the rates are those of colour.
GUIDED = DequantisationSettings(
    width=64,
    pairs=3,
    chroma_width=64,
    chroma_pairs=2,
    bpp=(0.15, 0.3, 0.6, 1.0, 1.8),
    layers=2,
    steps=7_000,
    learning_rate=1e-3,
    bfloat16="auto",
)


def _errors(network: nn.Module, batch: Batch, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weighted squared error of the last components of crops, (N,), before and after."""
    own = slice(batch.decoded.shape[1] - len(weights), None)
    wrong = batch.decoded[:, own] - batch.original[:, own]
    added = network(batch.decoded, batch.noise[:, own])

    def error(x: Tensor) -> Tensor:
        return (x.square().mean((2, 3)) * weights).sum(1)

    return error(wrong), error(wrong + added)


class _Training(TrainingLoop[nn.Module]):
    """Training of one network.

    Parameters
    ----------
    name : str
        Of the network; the state is kept in ``STEM.NAME.pt`` beside the model file `out`, the log in ``STEM.NAME.csv``.
    network : Module
        A `Dequantiser` or `ChromaDequantiser`.
    data : Decoded
        Patches.
    components : slice
        Those that the network sees.
    weights : Tensor, shape (k,)
        Of the squared errors of the last k of these, which it corrects.
    settings : DequantisationSettings
        How; `bfloat16` true or false.
    out : Path
        The model file.
    identity : Identity
        What runs have in common if one can go on from the other's state, the network's name left out.
    write : callable
        Writes the model file.
    """

    def __init__(
        self,
        name: str,
        network: nn.Module,
        data: Decoded,
        components: slice,
        weights: Tensor,
        settings: DequantisationSettings,
        out: Path,
        identity: Identity,
        write: Callable[[], None],
    ) -> None:
        self.data, self.components, self.weights, self.settings = data, components, weights, settings
        self._identity = {**identity, "network": {"name": name}}
        self._write = write
        self.rng = np.random.default_rng(settings.seed)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        plan = Plan(
            name=name,
            checkpoint=out.with_name(f"{out.stem}.{name}.pt"),
            log=Log(out.with_name(f"{out.stem}.{name}.csv"), _HEADER),
            steps=settings.steps,
            batch=settings.batch,
            log_every=_LOG_EVERY,
            save_every=settings.save_every,
            bfloat16=settings.bfloat16 is True,
        )
        trained = list(network.parameters())
        optimiser = torch.optim.Adam(trained, lr=settings.learning_rate)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, settings.learning_rate, total_steps=settings.steps, pct_start=0.05
        )
        super().__init__(plan, network, trained, optimiser, schedule, Processes(0, 1, _DEVICE))

    def cost(self) -> tuple[Tensor, Tensor | None]:
        """Return the mean over crops of the squared error over what it was."""
        s, own = self.settings, self.components
        whole = self.data.batch(s.batch, s.crop, self.rng)
        batch = Batch(whole.decoded[:, own], whole.original[:, own], whole.noise[:, own])
        with torch.autocast(_DEVICE.type, torch.bfloat16, enabled=self.plan.bfloat16):
            before, after = _errors(self.network, batch, self.weights)
        cost = ((after + _LEAST) / (before + _LEAST)).mean()
        return cost, cost.detach().view(1)

    def row(self, figures: Sequence[float], speed: float) -> list[Any]:
        return [self.step, f"{figures[0]:.5f}", f"{speed:.2f}"]

    def summary(self, figures: Sequence[float]) -> str:
        return f"error {figures[0]:.4f} of what it was"

    def identity(self) -> Identity:
        return self._identity

    def own_state(self) -> dict[str, Any]:
        return {"rng": json.dumps(self.rng.bit_generator.state)}

    def load_own_state(self, state: Mapping[str, Any]) -> None:
        self.rng.bit_generator.state = json.loads(state["rng"])

    def saved(self) -> None:
        self._write()


def train(
    data: Decoded,
    out: Path,
    base: Model,
    settings: DequantisationSettings,
    *,
    start: Model | None = None,
    resume: bool = False,
) -> Model:
    """Train the network, and write the model that has it beside the transform.

    The states of the networks are kept beside the model file, as ``STEM.luma.pt`` and ``STEM.chroma.pt``, and their
    logs as ``STEM.luma.csv`` and ``STEM.chroma.csv``.

    Parameters
    ----------
    data : Decoded
        Grey patches, or colour if chroma is guided.
    out : Path
        Model file, written anew every few hundred steps.
    base : Model
        The transform; a network for de-quantisation that it has is replaced.
    settings : DequantisationSettings
        How.
    start : Model, optional
        Whose network for de-quantisation, of the same size or smaller, luma begins with, and chroma with two of them
        side by side.
    resume : bool
        Go on from the states beside `out`; a network that has none yet begins.

    Raises
    ------
    OptionError
        If there are fewer patches than a batch takes, `start` has no network to begin with, or the states are missing
        or those of another training.
    """
    if len(data) < settings.batch:
        raise OptionError(f"a batch takes {settings.batch} patches, and there are {len(data)}")
    settings = dataclasses.replace(settings, bfloat16=trains_in_bfloat16(settings.bfloat16, _DEVICE))
    torch.manual_seed(settings.seed)
    luma = Dequantiser(settings.width, settings.pairs)
    begun = None if start is None else _plain_weights(start)
    if begun is not None:
        grow(luma, begun, added=_adds)
    networks: dict[str, nn.Module] = {"luma." if settings.guided else "": luma}
    chroma = None
    if settings.guided:
        chroma = networks["chroma."] = ChromaDequantiser(settings.chroma_width, settings.chroma_pairs)
        if begun is not None:
            grow(chroma, doubled(begun, _HEADS), added=_adds)

    def write() -> None:
        write_whole(out, with_dequantiser(base, networks, settings).to_bytes())

    identity = {
        "model": {"id": base.id.hex(), "start": "" if start is None else start.id.hex()},
        "training": dataclasses.asdict(settings),
        "data": {"decoded patches": len(data)},
    }
    trainings = [
        _Training("luma", luma, data, slice(0, 1), torch.ones(1), settings, out, identity, write),
    ]
    if chroma is not None:
        weights = torch.tensor(component_norms(3, ict=True)[1:]).square()
        trainings.append(
            _Training("chroma", chroma, data, slice(0, 3), weights, settings, out, identity, write)
        )
    if not resume:
        for training in trainings:  # states of another run, which this one must not go on from later
            training.plan.checkpoint.unlink(missing_ok=True)
    elif not [training for training in trainings if training.resume()]:
        raise OptionError(f"there is no checkpoint to go on from: {trainings[0].plan.checkpoint}")
    for training in trainings:
        training.run()
    write()
    return with_dequantiser(base, networks, settings)


def _plain_weights(model: Model) -> dict[str, Tensor]:
    plain = {
        key.removeprefix("dequantiser.").removeprefix("luma."): torch.from_numpy(value.astype(np.float32))
        for key, value in model.tensors.items()
        if key.startswith("dequantiser.") and ".chroma." not in key
    }
    if not plain or model.config["dequantiser"].get("kind") == "residual":
        raise OptionError(f"the model {model.name} has no network that this one could begin with")
    return plain


def _adds(name: str) -> bool:
    """Tell whether a layer is the second one of a pair."""
    return name.startswith("body.") and int(name.split(".")[1]) % 2 == 1


def with_dequantiser(
    base: Model, networks: Mapping[str, nn.Module], settings: DequantisationSettings
) -> Model:
    """Return a model with another network for de-quantisation, whose weights are kept in half precision if guided.

    Parameters
    ----------
    base : Model
        The transform.
    networks : mapping of str to Module
        The networks by the prefix of their weights' names.
    settings : DequantisationSettings
        What they are.
    """
    kind: type[np.floating[Any]] = np.float16 if settings.guided else np.float32
    own: dict[str, NDArray[Any]] = {
        key: value for key, value in base.tensors.items() if not key.startswith("dequantiser.")
    }
    for prefix, network in networks.items():
        for key, value in network.state_dict().items():
            own[f"dequantiser.{prefix}{key}"] = value.detach().contiguous().numpy().astype(kind)
    name = base.name.removesuffix("-dq") + ("-guided" if settings.guided else "-dq")
    card: dict[str, Any] = {
        **base.card,
        "name": name,
        "dequantiser": {name: getattr(settings, name) for name in settings.__dataclass_fields__},
    }
    return Model({**base.config, "dequantiser": settings.config}, own, card)
