"""The option `transform=` of `Jp2k`: a wavelet of T.800, or a learned transform."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...neural.registry import resolve_any

if TYPE_CHECKING:
    from ...models.model import Model
    from ...neural.entropy_model import EntropyModel

__all__ = ["IRREVERSIBLE", "REVERSIBLE", "WAVELETS", "read_model"]

REVERSIBLE, IRREVERSIBLE = "5-3", "9-7"

#: The wavelets of T.800 Annex F.
WAVELETS = (REVERSIBLE, IRREVERSIBLE)


def read_model(transform: str | Path | Model | EntropyModel | None) -> Model | EntropyModel | None:
    """Return the model that `transform` names; None if it is None or a wavelet of T.800.

    The model may be an entropy model, to read files of the neural profile.

    Raises
    ------
    ModelError
        If there is no such model, or its file is damaged.
    """
    return None if transform is None or transform in WAVELETS else resolve_any(transform)
