"""Pre-training of a structure (P1, Section IV-B): oracle opacities, and progressive selection.

Oracle opacities take two stages before the end-to-end optimisation, which is the third (Table I): proposals are trained
under opacities derived from the picture, the one without orientation held at the base filter; then the
networks of the opacities under these proposals.
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
    """Let those weights be trained that a stage trains.

    Parameters
    ----------
    structure : Structure
        Its weights' ``requires_grad`` is set.
    stage : {"proposals", "opacities", "progressive", "end-to-end"}
        One of `Settings.stages`.
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
    """Hold the first proposal of every output, which adds nothing to the base filter: at zero, without a gradient."""
    with torch.no_grad():
        for operator in _operators(structure):
            operator.proposal.weight[:: operator.count] = 0
            if operator.proposal.weight.grad is not None:
                operator.proposal.weight.grad[:: operator.count] = 0


def randomise(structure: Structure) -> None:
    """Put random filters in the place of every step's own, of the size that keeps variances (Glorot and Bengio)."""
    with torch.no_grad():
        for operator in _operators(structure):
            nn.init.xavier_uniform_(operator.proposal.weight)
            # what is added to the taps, so that filters and taps together are what was drawn
            for source, dy, dx, weight in operator.taps:
                row, column = operator.proposal_radius + dy, operator.proposal_radius + dx
                operator.proposal.weight[: operator.count, source, row, column] -= weight


def progressive(structure: Structure | None, wavelet: BaseWavelet, x: Tensor, levels: int) -> Tensor:
    """Return the objective of progressive selection (P1, equation 8).

    The sum over i of the mean squared error of the pictures put together from their first i subbands, from coarse to
    fine, without quantisation.

    Parameters
    ----------
    structure : Structure or None
        The structure; None for the base wavelet.
    wavelet : BaseWavelet
        Its base wavelet.
    x : Tensor, shape (N, 1, H, W)
        Pictures.
    levels : int
        Number of decompositions.
    """
    count = x.shape[0]

    def join(variants: Tensor, bands: Details, level: int) -> Tensor:
        """Synthesise the pictures of all variants, one after the other along the batch; the last one is complete."""
        grown = torch.cat([variants, *[variants[-count:]] * 3])
        # the three last variants but one lack some of this level's subbands, earlier ones all of them
        parts = []
        for index, band in enumerate(bands):
            there = [band if kept > index else torch.zeros_like(band) for kept in range(4)]
            missing = band.new_zeros(variants.shape[0] - count, *band.shape[1:])
            parts.append(torch.cat([missing, *there]))
        return synthesise_level(structure, wavelet, grown, parts, level)

    y = compose(*analyse(structure, wavelet, x, levels), join)
    errors = (y.reshape(-1, *x.shape) - x).square().mean((1, 2, 3, 4))
    return errors.sum()
