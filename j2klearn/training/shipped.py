"""The training configurations that come with the package."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

__all__ = ["CONTEXT", "TRANSFORM", "configurations", "find_config", "shipped_configs"]

#: Folders of configurations: of transforms, and of the entropy models of the neural profile.
TRANSFORM, CONTEXT = "configs", "context_configs"


def shipped_configs(folder: str) -> list[Path]:
    """Return the TOML files in `TRANSFORM` or `CONTEXT`, sorted by name."""
    return sorted((Path(__file__).parent / folder).glob("*.toml"))


def find_config(name: str, folder: str) -> Path:
    """Return the path of a configuration that the user gave as a path, or by the name of a shipped one.

    A name that is neither is returned as a path; opening it raises the error.
    """
    path = Path(name)
    shipped = Path(__file__).parent / folder / f"{name}.toml"
    return shipped if not path.is_file() and shipped.is_file() else path


def configurations() -> dict[str, dict[str, Any]]:
    """Return the model configurations of the shipped transforms, by name."""
    return {
        path.stem: tomllib.loads(path.read_text(encoding="utf-8"))["model"]
        for path in shipped_configs(TRANSFORM)
    }
