"""The integer low-pass planes, compared with the wavelets that they approximate."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from j2klearn.neural.context.lowpass import Irreversible, Reversible
from j2klearn.transform.norms import norm_97
from j2klearn.transform.wavelet import WAVELETS

#: Digests of all planes of one pyramid.
GOLDEN_97 = "69e921be09241554c5641f0f48bd3fd491ca73d0d4ff7cb1e8df74c2a6a47bde"
GOLDEN_53 = "7535249ffdb8f607facc36e57d0351e09d7daa93d190133b1db798c72633f37c"

SHAPES = [(64, 48), (33, 47), (1, 9), (7, 1), (1, 1), (2, 3)]


def analysed(wavelet: str, picture: torch.Tensor, levels: int) -> tuple[torch.Tensor, list[tuple]]:
    low, details = picture, []
    for _ in range(levels):
        low, *bands = WAVELETS[wavelet].analyse(low)
        details.append(tuple(bands))
    return low, details


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("step", [0.5, 8.0])
def test_irreversible_planes_are_those_of_the_97(shape, step):
    rng = np.random.default_rng(1)
    picture = torch.from_numpy(rng.integers(-128, 128, (2, *shape)).astype(np.float64))
    low, details = analysed("9-7", picture, 3)

    def indices(band, name, level):
        return torch.round(band * norm_97(name, level) / step).long()

    plane = Irreversible(indices(low, "LL", 3), 3)
    exact = indices(low, "LL", 3) * step / norm_97("LL", 3)
    for level in (3, 2, 1):
        bands = [
            indices(band, name, level)
            for band, name in zip(details[level - 1], ("HL", "LH", "HH"), strict=True)
        ]
        plane.refine(bands)
        exact = WAVELETS["9-7"].synthesise(
            exact,
            *(
                band * step / norm_97(name, level)
                for band, name in zip(bands, ("HL", "LH", "HH"), strict=True)
            ),
        )
        assert plane.level == level - 1
        assert plane.plane.shape == exact.shape
        # in grey levels: rounding adds a few 256ths of the quantiser step, and lifting coefficients have 14 bits
        bound = 0.05 * step + 3e-4 * float(exact.abs().max())
        assert float((plane.plane * step / 256 - exact).abs().max()) < bound


@pytest.mark.parametrize("shape", SHAPES)
def test_reversible_planes_are_exact(shape):
    picture = torch.from_numpy(np.random.default_rng(2).integers(-300, 300, (1, *shape)))
    low, details = analysed("5-3", picture, 4)
    plane = Reversible(low, 4)
    for level in (4, 3, 2, 1):
        plane.refine(details[level - 1])
    assert torch.equal(plane.plane, picture)


def test_differences_count_in_sixteenths_of_a_step():
    one = Irreversible(torch.tensor([[[1, 0]]]), 2)
    difference = one.plane[..., 0] - one.plane[..., 1]
    assert abs(int(one.relative(difference)) - 16) <= 1
    assert int(Reversible(torch.zeros(1, 1, 1, dtype=torch.int64), 1, 2).relative(torch.tensor(8))) == 32


def test_planes_are_those_of_the_format():
    """Exactly, at every level: all decoders have to compute the same planes for ever."""

    def indices(*shape, seed):
        at = np.arange(np.prod(shape), dtype=np.int64).reshape(shape) * 2654435761 + seed
        return torch.from_numpy((at >> 7) % 41 - 20)

    for kind, wanted in ((Irreversible, GOLDEN_97), (Reversible, GOLDEN_53)):
        plane = kind(indices(2, 5, 4, seed=1), 3)
        digest = hashlib.sha256(plane.plane.numpy().astype("<i8").tobytes())
        shapes = [((5, 3), (4, 4), (4, 3)), ((9, 6), (8, 7), (8, 6)), ((17, 12), (16, 13), (16, 12))]
        for level, bands in zip((3, 2, 1), shapes, strict=True):
            plane.refine([indices(2, *shape, seed=level + 7 * at) for at, shape in enumerate(bands)])
            digest.update(plane.plane.numpy().astype("<i8").tobytes())
            digest.update(plane.relative(plane.plane).numpy().astype("<i8").tobytes())
        assert plane.plane.shape == (2, 33, 25)
        assert digest.hexdigest() == wanted
