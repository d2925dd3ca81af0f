"""Integer models for tests: twins of small float models."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from j2klearn.models.integer import packed
from j2klearn.models.model import Model
from j2klearn.transform.gains import measure
from j2klearn.transform.integer.quantise import quantise
from tests.support.small_models import small_model


def scene(components: int, height: int = 96, width: int = 112) -> NDArray[np.float32]:
    """Return planes with edges, texture and noise, level shifted."""
    rng = np.random.default_rng(components)
    y, x = np.mgrid[:height, :width]
    base = (
        70 * np.tanh((x * 0.8 + y * 0.6 - 80) / 3)
        + 25 * np.sin(x * 0.9 + y * 0.4)
        + rng.normal(0, 4, x.shape)
    )
    return np.stack([base / (1 + at) + at * np.cos(y / 9) for at in range(components)]).astype(np.float32)


def twin_of(model: Model) -> Model:
    """Return the twin of a float model, calibrated on a scene."""
    twins, _ = quantise(model.build(), [scene(3)])
    gains = () if model.matched else measure(model.build())
    config, tensors = packed(twins, twin_of=model.transform_id, gains=gains)
    return Model(config, tensors, {"name": f"{model.name} in integers"})


@functools.cache
def small_pair(name: str = "hybrid97") -> tuple[Model, Model]:
    """Return a small float model and its twin."""
    model = small_model(name, deviation=0.02)
    return model, twin_of(model)
