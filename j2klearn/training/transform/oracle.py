"""Oracle opacities, computed from the full-resolution picture, for the first stage of pre-training (P1, Fig. 9).

P1 names the parts: a Gaussian without orientation and oriented derivatives of Gaussians, with sigma = 2^(d-1) at level
d. The proposal of the Gaussian is frozen to the base filter. P1 does not give the formulas. Here the likelihood of an
orientation is the magnitude of the derivative along it, smoothed by the Gaussian. The likelihood without orientation is
the mean of these, so it matters most where no direction dominates. All are normalised as opacities are (equation 5).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ...core.geometry import Rect
from ...transform.operators import Opacity

__all__ = ["OrientedOpacities"]


def _smooth(x: Tensor, kernel: Tensor, dim: int) -> Tensor:
    """Convolve maps (N, C, H, W) with a kernel along one dimension; the border samples are repeated."""
    radius = len(kernel) // 2
    shape, pads = (
        ((1, 1, -1, 1), (0, 0, radius, radius)) if dim == -2 else ((1, 1, 1, -1), (radius, radius, 0, 0))
    )
    weight = kernel.reshape(shape).repeat(x.shape[1], 1, 1, 1)
    return F.conv2d(F.pad(x, pads, mode="replicate"), weight, groups=x.shape[1])


class OrientedOpacities:
    """Opacities from a batch of pictures, with the interface of `j2klearn.transform.lifting.Oracle`.

    Parameters
    ----------
    pictures : Tensor, shape (N, 1, H, W)
        Full-resolution pictures.

    Attributes
    ----------
    level : int
        The level whose lifting steps run next, 1 for the finest. The caller sets it.
    """

    def __init__(self, pictures: Tensor) -> None:
        self.pictures = pictures.detach()
        self.level = 1
        self._maps: dict[tuple[int, int], Tensor] = {}

    def maps(self, count: int, level: int) -> Tensor:
        """Return opacities at full resolution.

        Parameters
        ----------
        count : int
            Number of proposals, at least 2.
        level : int
            Decomposition level, 1 for the finest.

        Returns
        -------
        Tensor, shape (N, count, H, W)
            They add up to 1; the first has no orientation.
        """
        if (count, level) not in self._maps:
            sigma = 2.0 ** (level - 1)
            at = torch.arange(-math.ceil(3 * sigma), math.ceil(3 * sigma) + 1, dtype=torch.float32)
            gauss = torch.exp(-0.5 * (at / sigma) ** 2).to(self.pictures)
            gauss = gauss / gauss.sum()
            slope = (
                gauss * at.to(gauss) / sigma
            )  # its response does not depend on the scale; the sign does not matter
            down = _smooth(_smooth(self.pictures, slope, -2), gauss, -1)
            across = _smooth(_smooth(self.pictures, gauss, -2), slope, -1)
            angles = torch.arange(count - 1) * (math.pi / max(1, count - 1))
            # derivatives of a Gaussian are steerable
            oriented = torch.cat(
                [across * math.cos(a) + down * math.sin(a) for a in angles.tolist()], 1
            ).abs()
            oriented = _smooth(_smooth(oriented, gauss, -2), gauss, -1)
            likelihood = torch.cat([oriented.mean(1, keepdim=True), oriented], 1) + Opacity.OFFSET
            self._maps[count, level] = likelihood / likelihood.sum(1, keepdim=True)
        return self._maps[count, level]

    def __call__(self, count: int, grid: Rect, spacing: tuple[int, int], transposed: bool) -> Tensor:
        """Return the opacities at the cells of a grid; see `j2klearn.transform.lifting.Oracle`."""
        maps = self.maps(count, self.level)
        if transposed:
            maps = maps.transpose(-1, -2)
        scale = 2 ** (self.level - 1)
        rows = (torch.arange(grid.y0, grid.y1) * spacing[0] * scale).clamp(0, maps.shape[-2] - 1)
        columns = (torch.arange(grid.x0, grid.x1) * spacing[1] * scale).clamp(0, maps.shape[-1] - 1)
        return maps[..., rows[:, None].to(maps.device), columns.to(maps.device)]
