"""The operator with which the training of a reversible model begins: that of a float model, or of a reversible one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import OptionError
from ...transform.integer.operator import OperatorTwin
from ...transform.operators import Opacity, ProposalOpacity

__all__ = ["OPTIONS", "begun", "continued"]

#: The operator.
OPTIONS: Mapping[str, Any] = {
    "proposals": 16,
    "width": 16,
    "blocks": 2,
    "first_kernel": 1,
    "zero_dc": True,
    "proposal_kernel": 7,
}

#: The activations of an integer operator, divided by this, are about as large as its samples.
_ACTIVATIONS = 1000.0


def begun(weights: Mapping[str, Tensor], seed: int = 0) -> ProposalOpacity:
    """Return the operator with the weights of a low-to-high step that has at most as many proposals.

    Further proposals are copies of others with some noise, so the two predict nearly the same.

    Parameters
    ----------
    weights : mapping of str to Tensor
        The state of the other operator; it has the same trunk, and proposals of the same size or larger.
    seed : int
        Seed of the noise.

    Raises
    ------
    OptionError
        If the other operator has another trunk, or more or smaller proposals.
    """
    operator = ProposalOpacity(1, 3, **OPTIONS)
    own = operator.state_dict()
    kernel, last = weights["proposal.weight"], weights["opacity.last.weight"]
    count, side = len(last), own["proposal.weight"].shape[-1]
    trunk = {name: w for name, w in weights.items() if name.startswith("opacity.") and "last" not in name}
    fits = {name: w.shape for name, w in trunk.items()} == {
        name: w.shape for name, w in own.items() if name.startswith("opacity.") and "last" not in name
    }
    crop = (kernel.shape[-1] - side) // 2
    if not fits or count > operator.count or crop < 0:
        raise OptionError(
            "a reversible model cannot begin as this one: its low-to-high step has another network"
        )
    generator = torch.Generator().manual_seed(seed)
    kernel = kernel - kernel.mean((2, 3), keepdim=True)
    kernel = kernel[..., crop : crop + side, crop : crop + side].reshape(3, count, 1, side, side)
    copied = torch.randperm(count, generator=generator)
    source = torch.cat([torch.arange(count), copied.repeat(operator.count)[: operator.count - count]])
    uses = torch.bincount(source, minlength=count)[source]
    noise = 0.3 * kernel.std() * torch.randn(kernel[:, source].shape, generator=generator)
    noise[:, :count] = 0
    spread = 1 + 0.3 * torch.randn(last[source].shape, generator=generator)
    own |= trunk
    own["proposal.weight"] = (kernel[:, source] + noise).reshape(own["proposal.weight"].shape)
    own["opacity.last.weight"] = last[source] * spread / uses.reshape(-1, 1, 1, 1)
    operator.load_state_dict(own)
    return operator


def continued(twin: OperatorTwin) -> ProposalOpacity:
    """Return the operator with the weights of a reversible model, so that its training goes on.

    Parameters
    ----------
    twin : OperatorTwin
        The operator in integers.

    Raises
    ------
    OptionError
        If it has other sizes than `OPTIONS`.
    """
    operator = ProposalOpacity(1, 3, **OPTIONS)
    own = operator.state_dict()

    def put(name: str, weights: NDArray[np.int16], factor: float) -> None:
        if own[name].numel() != weights.size:
            raise OptionError("a reversible model of another size cannot be trained further")
        floats = torch.from_numpy(weights.astype(np.float32)) * factor
        own[name] = floats.reshape(own[name].shape)

    # without biases, a factor may move from one layer to the next one; the offset fixes that of the likelihoods
    put("opacity.first.weight", twin.first, 2.0 ** (twin.input_bits - twin.first_shift) / _ACTIVATIONS)
    for at, (weights, shift) in enumerate(zip(twin.blocks, twin.block_shifts, strict=True)):
        put(f"opacity.blocks.{at // 2}.{('first', 'second')[at % 2]}.weight", weights, 2.0**-shift)
    put("opacity.last.weight", twin.last, 2.0**-twin.last_shift * _ACTIVATIONS * Opacity.OFFSET / twin.offset)
    put("proposal.weight", twin.proposals, 2.0 ** (twin.input_bits - twin.proposal_shift - twin.output_bits))
    operator.load_state_dict(own)
    return operator
