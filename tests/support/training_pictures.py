"""Pictures and configurations for a minute of training, shared by the tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.support.small_models import SMALL


def write_pictures(folder: Path, count: int = 4) -> None:
    """Write pictures of slanted edges, which a separable wavelet codes badly: a learned one can improve on it."""
    y, x = np.mgrid[:256, :512]
    for index in range(count):
        waves = np.sin((x * np.cos(0.4 + 0.2 * index) + y * np.sin(0.4 + 0.2 * index)) / (3 + index))
        Image.fromarray((128 + 90 * np.tanh(4 * waves)).astype(np.uint8)).save(folder / f"{index}.png")


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(part)}" for key, part in value.items()) + " }"
    return json.dumps(value)


def write_config(path: Path, model: dict[str, Any] | None = None, **training: Any) -> Path:
    """Write a training configuration with few, small steps."""
    settings = {
        "levels": 2,
        "crop": 32,
        "batch": 2,
        "steps": 12,
        "learning_rate": 3e-3,
        "step_range": [8.0, 16.0],
        "average": 0.99,
        "seed": 3,
        "bfloat16": False,
        **training,
    }
    tables = {"model": model or SMALL, "training": settings}
    lines = []
    for name, table in tables.items():
        lines += [f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in table.items()), ""]
    path.write_text("\n".join(lines))
    return path
