"""The scales of integer operators are chosen for typical pictures, and extreme ones do not set them."""

from __future__ import annotations

import numpy as np
import torch

from j2klearn.models.registry import resolve
from j2klearn.transform.integer import reference
from j2klearn.transform.integer.operator import OperatorTwin
from j2klearn.transform.integer.quantise import quantise_operator
from j2klearn.transform.operators import ProposalOpacity
from j2klearn.transform.structures import Hybrid
from tests.support.integer_models import scene


def _error(operator: ProposalOpacity, twin: OperatorTwin, x: np.ndarray) -> float:
    with torch.inference_mode():
        wanted = operator(torch.from_numpy(x)).numpy()[0]
    source = reference.samples(x[0], twin)
    found = reference.predict(twin, source, reference.opacities(twin, source)) * 2.0**-twin.output_bits
    return float(np.sqrt(np.square(found - wanted).mean()))


def test_one_extreme_picture_does_not_set_the_scales() -> None:
    """With one headroom for all layers, the error would grow by a factor of 4.3."""
    structure = resolve("hybrid97-16p7").using("torch").build()
    assert isinstance(structure, Hybrid)
    operator = structure.h2l
    assert isinstance(operator, ProposalOpacity)
    details = np.stack([scene(1, 64, 64)[0] * gain for gain in (0.2, 0.15, 0.1)])[None].astype(np.float32)
    typical = [details[..., ::turn, ::-turn].copy() for turn in (1, -1)] * 4
    extreme = np.clip(details * 8, -250, 250)
    alone, _ = quantise_operator(operator, typical)
    together, _ = quantise_operator(operator, [*typical, extreme])
    assert _error(operator, together, details) < 3.8 * _error(operator, alone, details)
