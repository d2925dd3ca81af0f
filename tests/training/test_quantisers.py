"""The values of the standard's quantiser, and the derivatives that training uses."""

from __future__ import annotations

import pytest
import torch

from j2klearn.ebcot.reconstruction import bias_of
from j2klearn.training.transform.quantisers import quantise

STEP = torch.tensor(4.0)
Y = [-9.0, -4.1, -3.9, -0.1, 0.0, 3.9, 4.0, 7.9, 8.0]


@pytest.mark.parametrize("kind", ["annealed", "straight-through"])
def test_forwards_it_is_the_quantiser_of_the_standard(kind: str) -> None:
    done = quantise(torch.tensor(Y), STEP, kind, width=0.4)
    assert done.value.tolist() == [-10.0, -6.0, 0.0, 0.0, 0.0, 0.0, 6.0, 6.0, 10.0]
    assert done.magnitude.tolist() == [2, 1, 0, 0, 0, 0, 1, 1, 2]


def test_reconstruction_below_the_middle() -> None:
    bias = bias_of("HH", 1)
    assert 0.05 < bias < 0.12
    assert bias_of("LL", 5) == 0
    assert quantise(torch.tensor([4.0, -8.0]), STEP, "annealed", bias=bias).value.tolist() == pytest.approx(
        [4 * (1.5 - bias), -4 * (2.5 - bias)]
    )


@pytest.mark.parametrize("width", [1.0, 0.5, 0.1])
def test_annealed_kernels_have_unit_area(width: float) -> None:
    """The sum of the derivatives over a fine grid gives the jumps: of the magnitude by 1, and of the reconstruction."""
    y = torch.linspace(-20, 20, 40001, dtype=torch.float64, requires_grad=True)
    done = quantise(y, STEP.double(), "annealed", width=width)
    (slope,) = torch.autograd.grad(done.magnitude.sum(), y, retain_graph=True)
    area = slope.cumsum(0) * 0.001
    assert area[-1] == pytest.approx(0, abs=1e-6)  # falls and rises cancel
    assert (slope[y.abs() < 4 * (1 - width) - 0.01].abs() < 1e-12).all()  # nothing inside the dead zone
    rise = slope[20000:].cumsum(0) * 0.001  # from zero to 20, half of the kernel at 20 left out
    assert rise[-1] == pytest.approx(4.5, abs=0.01)
    (slope,) = torch.autograd.grad(done.value.sum(), y)
    assert (slope[20000:].sum() * 0.001).item() == pytest.approx(4 * (4.5 + 0.5), abs=0.05)


def test_wide_kernels_give_a_straight_line_beyond_the_dead_zone() -> None:
    y = torch.tensor([4.5, 6.0, 9.9, -13.0], requires_grad=True)
    quantise(y, STEP, "annealed", width=1.0).magnitude.sum().backward()
    assert y.grad.tolist() == pytest.approx([0.25, 0.25, 0.25, -0.25])


def test_narrow_kernels_see_the_threshold_alone() -> None:
    y = torch.tensor([0.5, 3.5, 4.5, 6.0], requires_grad=True)
    done = quantise(y, STEP, "annealed", width=0.25)
    assert done.jump.tolist() == [0, 0, 0, 1]
    done.value.sum().backward()
    assert (y.grad != 0).tolist() == [False, True, True, False]


def test_straight_through() -> None:
    y = torch.tensor(Y, requires_grad=True)
    quantise(y, STEP, "straight-through").value.sum().backward()
    assert y.grad.tolist() == [1.0] * len(Y)


def test_noise_is_the_quantiser_on_average() -> None:
    noise = (torch.arange(10000) + 0.5) / 10000
    for y in (0.0, 2.0, 5.0, -13.0):
        flat = torch.full((10000,), y)
        done = quantise(flat, STEP, "noise", noise=noise)
        assert done.value.mean().item() == pytest.approx(y, abs=1e-3)
        if abs(y) > 4:
            assert done.magnitude.mean().item() == pytest.approx(abs(y) / 4 - 0.5, abs=1e-3)
    mixed = quantise(torch.tensor(Y), STEP, "mixed", noise=torch.full((9,), 0.5))
    assert mixed.value.tolist() == quantise(torch.tensor(Y), STEP, "straight-through").value.tolist()
    assert mixed.magnitude[4] == 0
