"""Training of the network for learned de-quantisation, on pictures that the real coders coded and decoded.

The transform is not trained, so pictures are coded only once. The network learns to predict the difference between the
original and the decoded picture. The loss is the squared error divided by the error before de-quantisation, picture by
picture, so that a decibel counts as much at every rate.
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

#: Side of a position that configurations do not name.
_DEFAULT_SIDE = 2

_ERROR_FLOOR = 0.1  # squared grey levels, added to every error so that the quotient stays bounded


@dataclass(frozen=True)
class DequantisationSettings:
    """Sizes of the networks and settings of their training.

    Attributes
    ----------
    width, pairs : int
        Sizes of the network; see `j2klearn.dequantisation.networks.Dequantiser`.
    chroma_width, chroma_pairs : int
        Sizes of a second network, for chroma guided by luma; 0: no such network.
    side, chroma_side : int
        Side of a position of each network in samples, 2 or 4.
    bpp : tuple of float
        Rates of the layers that every patch is coded with, in bits per pixel, times a factor of 2 ** -0.4 to 2 ** 0.4.
    layers : int
        How many of these layers of each patch are decoded.
    steps, batch, crop : int
        Steps of the optimiser, crops per step, and their side in pixels, a multiple of the sides of positions.
    learning_rate : float
        Highest learning rate of Adam, reached after a twentieth of the steps; then a cosine to nearly 0.
    save_every : int
        Steps between checkpoints.
    seed : int
        Seed of everything random.
    bfloat16 : bool or "auto"
        Compute the network in bfloat16; "auto": where the CPU does so natively.
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
    bfloat16: Bfloat16 = "auto"
    side: int = 2
    chroma_side: int = 2

    @property
    def guided(self) -> bool:
        """Whether there is a network for chroma."""
        return self.chroma_width > 0

    @property
    def config(self) -> dict[str, Any]:
        """The entry ``dequantiser`` of the model's configuration."""
        own = {"width": self.width, "pairs": self.pairs}
        sides = {"side": self.side}
        if self.guided:
            own |= {"chroma_width": self.chroma_width, "chroma_pairs": self.chroma_pairs}
            sides["chroma_side"] = self.chroma_side
        own |= {name: side for name, side in sides.items() if side != _DEFAULT_SIDE}
        return {"kind": "guided", **own} if self.guided else own

    @property
    def identity(self) -> dict[str, Any]:
        """The settings that a run must have to resume, without sides that are the default: older runs name none."""
        sides = {name for name in ("side", "chroma_side") if getattr(self, name) == _DEFAULT_SIDE}
        return {name: value for name, value in dataclasses.asdict(self).items() if name not in sides}


#: Settings of the larger, guided networks. The rates suit colour pictures.
GUIDED = DequantisationSettings(
    width=64,
    pairs=3,
    chroma_width=64,
    chroma_pairs=2,
    bpp=(0.15, 0.3, 0.6, 1.0, 1.8),
    layers=2,
    steps=7_000,
    learning_rate=1e-3,
)


def _errors(network: nn.Module, batch: Batch, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weighted squared errors (N,) of the last components of crops, before and after de-quantisation."""
    own = slice(batch.decoded.shape[1] - len(weights), None)
    difference = batch.decoded[:, own] - batch.original[:, own]
    added = network(batch.decoded, batch.noise[:, own])

    def error(x: Tensor) -> Tensor:
        return (x.square().mean((2, 3)) * weights).sum(1)

    return error(difference), error(difference + added)


class _Training(TrainingLoop[nn.Module]):
    """Training of one network.

    Parameters
    ----------
    name : str
        Name of the network. The state is written to ``STEM.NAME.pt`` in the folder of the model file `out`, the log to
        ``STEM.NAME.csv``.
    network : Dequantiser or ChromaDequantiser
        The network.
    data : Decoded
        Training patches.
    components : slice
        Components that the network reads.
    weights : Tensor, shape (k,)
        Weights of the squared errors of the last k of these components, which the network corrects.
    settings : DequantisationSettings
        Settings, with `bfloat16` resolved to true or false.
    out : Path
        The model file.
    identity : Identity
        Identity of the run, without the name of the network.
    write : callable
        Writes the model file.
    """

    def __init__(
        self,
        name: str,
        network: Dequantiser | ChromaDequantiser,
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
        self._write, self._side = write, network.side
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
        """Return the mean, over the crops, of the squared error divided by that before de-quantisation."""
        s, own = self.settings, self.components
        whole = self.data.batch(s.batch, s.crop, self.rng, self._side)
        batch = Batch(whole.decoded[:, own], whole.original[:, own], whole.noise[:, own])
        with torch.autocast(_DEVICE.type, torch.bfloat16, enabled=self.plan.bfloat16):
            before, after = _errors(self.network, batch, self.weights)
        cost = ((after + _ERROR_FLOOR) / (before + _ERROR_FLOOR)).mean()
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
    chroma_only: bool = False,
    resume: bool = False,
) -> Model:
    """Train the networks, and write a model that has them in addition to the transform.

    The folder of the model file also receives the states of the networks, ``STEM.luma.pt`` and ``STEM.chroma.pt``, and
    their logs, ``STEM.luma.csv`` and ``STEM.chroma.csv``.

    Parameters
    ----------
    data : Decoded
        Grey patches, or colour patches if there is a network for chroma.
    out : Path
        Model file, rewritten with every checkpoint.
    base : Model
        The transform. If it has a de-quantisation network, that network is replaced.
    settings : DequantisationSettings
        Sizes and settings.
    start : Model, optional
        Model with the initial de-quantisation network, of the same size or smaller. Chroma begins with two copies of
        it, side by side, or at random if its positions have another side.
    chroma_only : bool
        Train only the network for chroma, which then begins at random. The network for single components stays that of
        `start`.
    resume : bool
        Resume from the states in the folder of `out`. A network that has no state yet begins from the start.

    Returns
    -------
    Model
        The model that was written.

    Raises
    ------
    OptionError
        If there are fewer patches than a batch needs, crops do not consist of whole positions, `start` has no suitable
        network, `chroma_only` needs a start and a network for chroma, or the states are missing, damaged, or of another
        training.
    """
    if len(data) < settings.batch:
        raise OptionError(f"a batch needs {settings.batch} decoded patches, but there are only {len(data)}")
    if settings.crop % settings.side or settings.crop % settings.chroma_side:
        raise OptionError(f"crops of {settings.crop} samples do not consist of whole positions")
    if chroma_only and (start is None or not settings.guided):
        raise OptionError(
            "training only the network for chroma needs guided networks and a model to start from"
        )
    settings = dataclasses.replace(settings, bfloat16=trains_in_bfloat16(settings.bfloat16, _DEVICE))
    torch.manual_seed(settings.seed)
    luma = Dequantiser(settings.width, settings.pairs, settings.side)
    begun = None if start is None else _plain_weights(start, settings.side)
    if begun is not None:
        grow(luma, begun, added=_adds)
    networks: dict[str, nn.Module] = {"luma." if settings.guided else "": luma}
    chroma = None
    if settings.guided:
        chroma = networks["chroma."] = ChromaDequantiser(
            settings.chroma_width, settings.chroma_pairs, settings.chroma_side
        )
        if begun is not None and not chroma_only and settings.chroma_side == settings.side:
            grow(chroma, doubled(begun, _chroma_inputs(settings.side)), added=_adds)

    def write() -> None:
        write_whole(out, with_dequantiser(base, networks, settings).to_bytes())

    identity = {
        "model": {"id": base.id.hex(), "start": "" if start is None else start.id.hex()},
        "training": settings.identity,
        "data": {"decoded patches": len(data)},
    }
    trainings = []
    if not chroma_only:
        trainings.append(
            _Training("luma", luma, data, slice(0, 1), torch.ones(1), settings, out, identity, write)
        )
    if chroma is not None:
        weights = torch.tensor(component_norms(3, ict=True)[1:]).square()
        trainings.append(
            _Training("chroma", chroma, data, slice(0, 3), weights, settings, out, identity, write)
        )
    if not resume:
        for training in trainings:  # states of another run, from which this one must not resume later
            training.plan.checkpoint.unlink(missing_ok=True)
    elif not [training for training in trainings if training.resume()]:
        raise OptionError(f"there is no checkpoint to resume from: {trainings[0].plan.checkpoint}")
    for training in trainings:
        training.run()
    write()
    return with_dequantiser(base, networks, settings)


def _chroma_inputs(side: int) -> dict[str, tuple[list[int], list[int]]]:
    """Return the input channels of a `ChromaDequantiser` that belong to Cb and to Cr: phases, and the noise level."""
    phases = side * side
    cb, cr = ([*range(at * phases, (at + 1) * phases), 3 * phases + at - 1] for at in (1, 2))
    return {"head.weight": (cb, cr)}


def _plain_weights(model: Model, side: int) -> dict[str, Tensor]:
    plain = {
        key.removeprefix("dequantiser.").removeprefix("luma."): torch.from_numpy(value.astype(np.float32))
        for key, value in model.tensors.items()
        if key.startswith("dequantiser.") and ".chroma." not in key
    }
    if not plain or model.config["dequantiser"].get("kind") == "residual":
        raise OptionError(
            f"the model {model.name} has no de-quantisation network that training can begin with"
        )
    if (other := model.config["dequantiser"].get("side", _DEFAULT_SIDE)) != side:
        raise OptionError(
            f"positions of the network of the model {model.name} have a side of {other} samples, not of {side}"
        )
    return plain


def _adds(name: str) -> bool:
    """Return whether a layer is the second one of a pair, whose output is added to the input of the pair."""
    return name.startswith("body.") and int(name.split(".")[1]) % 2 == 1


def with_dequantiser(
    base: Model, networks: Mapping[str, nn.Module], settings: DequantisationSettings
) -> Model:
    """Return a model with a new de-quantisation network.

    The weights are stored in float32, those of guided networks in float16.

    Parameters
    ----------
    base : Model
        The transform.
    networks : mapping of str to Module
        The networks, by the prefix of the names of their weights.
    settings : DequantisationSettings
        Settings of the networks, for the configuration and the model card.
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
