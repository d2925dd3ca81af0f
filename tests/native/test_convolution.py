"""Native convolutions for training, and blended proposals, against PyTorch in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from j2klearn.errors import InputError
from j2klearn.native import blend, convolution
from j2klearn.native.instructions import available_instructions

SETS = available_instructions()


def _arrays(shape: tuple[int, ...], kernels: tuple[int, ...], seed: int = 5) -> tuple[np.ndarray, ...]:
    generator = np.random.default_rng(seed)
    result = (shape[0], kernels[0], shape[2] - kernels[2] + 1, shape[3] - kernels[3] + 1)
    shapes = (shape, kernels, kernels[:1], result)
    return tuple(generator.standard_normal(each).astype(np.float32) for each in shapes)


def _close(found: Any, wanted: torch.Tensor, terms: int = 1) -> bool:
    """Compare sums of so many terms of about one, which may nearly cancel each other."""
    scale = max(float(wanted.abs().max()), terms**0.5)
    return bool(np.allclose(found, wanted.numpy(), atol=1e-5 * scale, rtol=0))


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 12), st.integers(1, 80)),
    kernel=st.tuples(st.integers(1, 13), st.integers(1, 12), st.integers(1, 12)),
    rectified=st.booleans(),
    instructions=st.sampled_from(SETS),
    threads=st.integers(1, 4),
)
def test_results_and_gradients_are_those_of_pytorch(
    shape: tuple[int, int, int, int],
    kernel: tuple[int, int, int],
    rectified: bool,
    instructions: str,
    threads: int,
) -> None:
    outputs, rows, columns = kernel[0], min(kernel[1], shape[2]), min(kernel[2], shape[3])
    planes, kernels, bias, gradient = _arrays(shape, (outputs, shape[1], rows, columns))
    options: dict[str, Any] = {"instructions": instructions, "threads": threads}
    result = convolution.convolve(planes, kernels, bias, rectified=rectified, **options)
    found = convolution.gradients(
        planes, kernels, gradient, rectified=result if rectified else None, **options
    )

    tensors = [torch.from_numpy(array).double().requires_grad_() for array in (planes, kernels, bias)]
    expected = F.conv2d(*tensors)
    near_zero = expected.detach().abs() < 1e-4
    if rectified:
        expected = F.relu(expected)
    assert _close(result, expected.detach())
    if rectified and near_zero.any():
        return  # the sign of such a result, and so its gradient, depends on the rounding
    wanted = torch.autograd.grad(expected, tensors, torch.from_numpy(gradient).double())
    for own, other in zip(found, wanted, strict=True):
        assert _close(own, other, max(gradient.size // outputs, kernels[:, 0].size))


def test_only_what_is_wanted_is_computed() -> None:
    planes, kernels, _, gradient = _arrays((2, 3, 9, 9), (4, 3, 3, 3))
    every = convolution.gradients(planes, kernels, gradient)
    for wanted in ((True, False, False), (False, True, False), (False, False, True), (False, False, False)):
        found = convolution.gradients(planes, kernels, gradient, wanted=wanted)
        for want, own, other in zip(wanted, found, every, strict=True):
            assert (own is not None) == want
            assert own is None or np.array_equal(own, other)


def test_what_is_not_a_number_is_kept() -> None:
    planes, kernels, bias, _ = _arrays((1, 2, 20, 40), (5, 2, 3, 3))
    planes[0, 1, 10, 30] = np.nan
    for instructions in SETS:
        result = convolution.convolve(planes, kernels, bias, rectified=True, instructions=instructions)
        assert np.array_equal(np.isnan(result[0]), np.isnan(convolution.convolve(planes, kernels)[0]))
        assert np.isnan(result).sum() == 9 * 5


def test_planes_need_not_be_contiguous() -> None:
    planes, kernels, bias, _ = _arrays((2, 3, 12, 30), (4, 3, 3, 3))
    part = planes[:, :, 2:-1, 3:-2]
    assert np.array_equal(
        convolution.convolve(part, kernels, bias), convolution.convolve(part.copy(), kernels, bias)
    )


@pytest.mark.parametrize(
    ("planes", "kernels"),
    [
        ((2, 3, 9, 9), (4, 2, 3, 3)),  # other channels
        ((2, 3, 9, 9), (4, 3, 10, 3)),  # higher than the planes
        ((2, 3, 9, 9), (4, 3, 3, 10)),
        ((2, 3, 9, 9), (0, 3, 3, 3)),
        ((0, 3, 9, 9), (4, 3, 3, 3)),
        ((3, 9, 9), (4, 3, 3, 3)),
    ],
)
def test_kernels_that_do_not_fit(planes: tuple[int, ...], kernels: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="do not fit planes of shape"):
        convolution.convolve(np.zeros(planes, np.float32), np.zeros(kernels, np.float32))


def test_wrong_arrays() -> None:
    planes, kernels, bias, gradient = _arrays((2, 3, 9, 9), (4, 3, 3, 3))
    with pytest.raises(InputError, match="planes must be float32"):
        convolution.convolve(planes.astype(np.float64), kernels)
    with pytest.raises(InputError, match="biases must be float32 of shape"):
        convolution.convolve(planes, kernels, bias[1:])
    with pytest.raises(InputError, match="gradients must be float32 of shape"):
        convolution.gradients(planes, kernels, gradient[1:])
    with pytest.raises(InputError, match="results must be float32 of shape"):
        convolution.gradients(planes, kernels, gradient, rectified=gradient[1:])


@pytest.mark.parametrize("instructions", SETS)
@pytest.mark.parametrize(
    ("outputs", "proposals", "sides"), [(1, 5, (7, 9)), (3, 9, (20, 33)), (2, 16, (1, 1))]
)
def test_proposals_are_blended_as_in_pytorch(
    outputs: int, proposals: int, sides: tuple[int, int], instructions: str
) -> None:
    generator = np.random.default_rng(9)
    likelihoods = np.maximum(generator.standard_normal((2, proposals, *sides)), 0).astype(np.float32)
    planes = generator.standard_normal((2, outputs * proposals, *sides)).astype(np.float32)
    gradient = generator.standard_normal((2, outputs, *sides)).astype(np.float32)
    options: dict[str, Any] = {"instructions": instructions, "threads": 2}
    result = blend.blend(likelihoods, planes, 0.01, **options)
    found = blend.gradients(likelihoods, planes, 0.01, result, gradient, **options)

    tensors = [torch.from_numpy(array).double().requires_grad_() for array in (likelihoods, planes)]
    opacities = (tensors[0] + 0.01) / (tensors[0] + 0.01).sum(1, keepdim=True)
    expected = (tensors[1].unflatten(1, (outputs, proposals)) * opacities[:, None]).sum(2)
    wanted = torch.autograd.grad(expected, tensors, torch.from_numpy(gradient).double())
    assert _close(result, expected.detach())
    for own, other in zip(found, wanted, strict=True):
        assert _close(own, other)


def test_likelihoods_that_do_not_fit() -> None:
    proposals = np.zeros((1, 6, 4, 4), np.float32)
    for shape, offset in (((1, 4, 4, 4), 0.1), ((2, 3, 4, 4), 0.1), ((1, 3, 4, 5), 0.1), ((1, 3, 4, 4), 0.0)):
        with pytest.raises(InputError, match="do not fit proposals"):
            blend.blend(np.zeros(shape, np.float32), proposals, offset)
