"""Convolutions depend only on the samples under the kernel: not on the block, the batch, or the number of threads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from j2klearn.native.instructions import available_instructions
from j2klearn.transform.convolution import Convolution, convolve, trains_natively
from j2klearn.transform.operators import ProposalOpacity
from j2klearn.transform.precision import fast_bfloat16

#: Inputs, outputs, kernel rows and kernel columns of the layers in the models, and of some similar ones.
LAYERS = [
    (1, 16, 1, 1),
    (1, 16, 3, 3),
    (1, 48, 9, 9),
    (2, 2, 1, 1),
    (3, 16, 3, 3),
    (3, 9, 11, 11),
    (9, 27, 11, 1),
    (16, 16, 3, 3),
    (27, 3, 1, 1),
    (14, 32, 3, 3),
    (32, 4, 3, 3),
    (64, 64, 3, 3),
]
DTYPES = [torch.float32, torch.bfloat16] if fast_bfloat16() else [torch.float32]
COLUMNS = (1, 4, 12, 16, 47, 48, 64, 65)


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def _layer(layer: tuple[int, int, int, int], dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    inputs, outputs, rows, columns = layer
    generator = torch.Generator().manual_seed(3)
    weight = (
        torch.randn(outputs, inputs, rows, columns, generator=generator) / (inputs * rows * columns) ** 0.5
    )
    x = torch.randn(1, inputs, 130, 290, generator=generator)
    return x.to(dtype), weight.to(dtype), torch.randn(outputs, generator=generator).to(dtype)


@pytest.mark.skipif(torch.backends.cpu.get_cpu_capability() == "DEFAULT", reason="oneDNN needs AVX2")
@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_a_sample_is_that_of_any_block(layer: tuple[int, int, int, int], dtype: torch.dtype) -> None:
    x, weight, bias = _layer(layer, dtype)
    torch.set_num_threads(1)
    whole = convolve(x, weight, bias)
    for count, threads in enumerate((1, 2)):
        torch.set_num_threads(threads)
        assert torch.equal(convolve(x, weight, bias), whole)
        for rows in (1, 120 - weight.shape[2]):
            for columns in COLUMNS:
                top, left = 7 - rows % 5, columns % 11
                block = x[
                    ..., top : top + rows + weight.shape[2] - 1, left : left + columns + weight.shape[3] - 1
                ]
                found = convolve(block.repeat(1 + count, 1, 1, 1), weight, bias)[-1:]
                assert torch.equal(found, whole[..., top : top + rows, left : left + columns]), (
                    rows,
                    columns,
                )


@pytest.mark.parametrize("side", [9, 90])
@pytest.mark.parametrize("padding", [0, 1])
def test_values_and_gradients_are_those_of_pytorch(side: int, padding: int) -> None:
    convolution = Convolution(3, 5, 3, padding=padding).requires_grad_(False)
    x = torch.randn(2, 3, side, side + 2, requires_grad=True)
    expected = F.conv2d(x, convolution.weight, convolution.bias, padding=padding)
    found = convolution(x)
    assert torch.allclose(found, expected, atol=1e-5)
    with torch.no_grad():
        assert torch.equal(convolution(x), found)
    shares = torch.randn(expected.shape)
    (wanted,) = torch.autograd.grad((expected * shares).sum(), x)
    (gradient,) = torch.autograd.grad((found * shares).sum(), x)
    assert torch.allclose(gradient, wanted, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 2])
def test_narrow_results_can_be_changed_in_place_before_the_gradient(rows: int) -> None:
    convolution = Convolution(2, 3, 3).requires_grad_(False)
    x = torch.randn(1, 2, rows + 2, 9, requires_grad=True)
    F.relu_(convolution(x)).sum().backward()
    expected = x.grad.clone()
    x.grad = None
    F.conv2d(x, convolution.weight, convolution.bias).relu().sum().backward()
    assert torch.allclose(expected, x.grad, atol=1e-5)


def test_weights_can_be_trained() -> None:
    convolution = Convolution(2, 3, 3)
    convolution(torch.randn(1, 2, 8, 8)).sum().backward()
    assert convolution.weight.grad is not None


@pytest.mark.parametrize("rectified", [False, True])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("sides", [(3, 5), (40, 40)], ids=["native", "many channels"])
def test_trained_layers_are_those_of_pytorch(sides: tuple[int, int], padding: int, rectified: bool) -> None:
    torch.manual_seed(4)
    layer = Convolution(*sides, 3, padding=padding)
    x = torch.randn(2, sides[0], 12, 30, requires_grad=True)
    expected = F.conv2d(x, layer.weight, layer.bias, padding=padding)
    expected = F.relu(expected) if rectified else expected
    found = layer(x, rectified=rectified)
    native = sides[0] < 32 and available_instructions()[-1] != "portable"
    assert trains_natively(x, layer.weight) == native
    assert ("_Native" in found.grad_fn.name()) == (native and not padding)
    assert torch.allclose(found, expected, atol=1e-5)
    shares = torch.randn(expected.shape)
    every = [x, *layer.parameters()]
    for own, other in zip(
        torch.autograd.grad(found, every, shares), torch.autograd.grad(expected, every, shares), strict=True
    ):
        assert torch.allclose(own, other, atol=1e-4)


def test_other_layers_are_not_trained_natively() -> None:
    x, weight = torch.randn(1, 2, 9, 9), torch.randn(3, 2, 3, 3)
    assert not trains_natively(x, weight)  # a constant
    weight.requires_grad_()
    assert not trains_natively(x.bfloat16(), weight)
    assert not trains_natively(x[:0], weight)
    with torch.no_grad():
        assert not trains_natively(x, weight)


def test_an_operator_trains_natively_as_by_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    for inputs, outputs in ((1, 3), (3, 1)):
        torch.manual_seed(1)
        operator = ProposalOpacity(
            inputs, outputs, proposals=5, width=6, blocks=1, first_kernel=3, zero_dc=True, proposal_kernel=15
        )
        torch.nn.init.normal_(operator.proposal.weight, std=0.1)
        x = torch.randn(2, inputs, 24, 27, requires_grad=True)
        every = [x, *operator.parameters()]
        results = []
        for native in (True, False):
            monkeypatch.setattr(
                "j2klearn.transform.convolution._native_is_fast", lambda native=native: native
            )
            out = operator(x)
            shares = torch.linspace(-1, 1, out.numel()).reshape(out.shape)
            results.append((out.detach(), *torch.autograd.grad(out, every, shares)))
        for own, other in zip(*results, strict=True):
            assert torch.allclose(own, other, atol=1e-4 * float(other.abs().max()))
