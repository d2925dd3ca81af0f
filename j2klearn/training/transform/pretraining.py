"""Pre-training of a structure (P1, Section IV-B): oracle opacities, and progressive selection.

Oracle opacities need two stages before the end-to-end optimisation (Table I). In the first, the proposals are trained
with opacities derived from the picture; the proposal without orientation stays at the base filter. In the second, the
networks of the opacities are trained with these proposals.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...transform.levels import compose
from ...transform.operators import ProposalOpacity
from ...transform.structures import BaseWavelet, Structure
from .pyramid import Details, analyse, synthesise_level

__all__ = ["freeze", "hold_base_proposals", "progressive", "randomise"]


def _operators(structure: Structure) -> list[ProposalOpacity]:
    return [part for part in structure.modules() if isinstance(part, ProposalOpacity)]


def freeze(structure: Structure, stage: str) -> None:
    """Make the weights trainable that a stage trains, and freeze the others.

    Parameters
    ----------
    structure : Structure
        Structure whose ``requires_grad`` flags are set.
    stage : {"proposals", "opacities", "progressive", "end-to-end"}
        Name of one of `Settings.stages`.
    """
    structure.requires_grad_(True)
    if stage == "proposals":
        structure.requires_grad_(False)
        for operator in _operators(structure):
            operator.proposal.requires_grad_(True)
    elif stage == "opacities":
        for operator in _operators(structure):
            operator.proposal.requires_grad_(False)


def hold_base_proposals(structure: Structure) -> None:
    """Set the first proposal of every output, and its gradient, to zero. So it stays equal to the base filter."""
    with torch.no_grad():
        for operator in _operators(structure):
            operator.proposal.weight[:: operator.count] = 0
            if operator.proposal.weight.grad is not None:
                operator.proposal.weight.grad[:: operator.count] = 0


def randomise(structure: Structure) -> None:
    """Replace the filter of every lifting step by random ones, whose scale keeps variances (Glorot and Bengio)."""
    with torch.no_grad():
        for operator in _operators(structure):
            nn.init.xavier_uniform_(operator.proposal.weight)
            # proposals are added to the taps of the base filter: subtract these
            for source, dy, dx, weight in operator.taps:
                row, column = operator.proposal_radius + dy, operator.proposal_radius + dx
                operator.proposal.weight[: operator.count, source, row, column] -= weight


def progressive(structure: Structure | None, wavelet: BaseWavelet, x: Tensor, levels: int) -> Tensor:
    """Return the objective of progressive selection (P1, equation 8).

    It is the sum over i of the mean squared error of the pictures that are synthesised from their first i subbands,
    from coarse to fine, without quantisation.

    Parameters
    ----------
    structure : Structure or None
        The structure; None: the base wavelet alone.
    wavelet : BaseWavelet
        The base wavelet of the structure.
    x : Tensor, shape (N, 1, H, W)
        Pictures in grey levels, level shifted.
    levels : int
        Number of decomposition levels.

    Returns
    -------
    Tensor, scalar
        In squared grey levels.
    """
    count = x.shape[0]

    def join(variants: Tensor, bands: Details, level: int) -> Tensor:
        """Synthesise all variants of the pictures, which follow one another along the batch; the last is complete."""
        grown = torch.cat([variants, *[variants[-count:]] * 3])
        # The last four variants have 0, 1, 2 and 3 detail subbands of this level; the variants before them have none.
        parts = []
        for index, band in enumerate(bands):
            last_four = [band if kept > index else torch.zeros_like(band) for kept in range(4)]
            missing = band.new_zeros(variants.shape[0] - count, *band.shape[1:])
            parts.append(torch.cat([missing, *last_four]))
        return synthesise_level(structure, wavelet, grown, parts, level)

    y = compose(*analyse(structure, wavelet, x, levels), join)
    errors = (y.reshape(-1, *x.shape) - x).square().mean((1, 2, 3, 4))
    return errors.sum()
