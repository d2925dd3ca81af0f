"""The option `transform=` of `Jp2k`: a wavelet of T.800, or a learned transform."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import ModelNotFoundError
from ...models.registry import named_file, shipped
from ...neural.registry import resolve_any

if TYPE_CHECKING:
    from ...models.model import Model
    from ...neural.entropy_model import EntropyModel

__all__ = ["IRREVERSIBLE", "REVERSIBLE", "WAVELETS", "read_model"]

REVERSIBLE, IRREVERSIBLE = "5-3", "9-7"

#: The wavelets of T.800 Annex F.
WAVELETS = (REVERSIBLE, IRREVERSIBLE)


def read_model(
    transform: str | Path | Model | EntropyModel | None, *, writing: bool
) -> Model | EntropyModel | None:
    """Return the model that `transform` names; None if it is None or a wavelet of T.800.

    The model may be an entropy model, to read files of the neural profile. `writing` says that a picture is to be
    written, which an entropy model cannot do.

    Raises
    ------
    ModelError
        If there is no such model, or its file is damaged.
    """
    if transform is None or transform in WAVELETS:
        return None
    try:
        return resolve_any(transform)
    except ModelNotFoundError:
        if writing and isinstance(transform, (str, Path)):
            named_file(transform, [*WAVELETS, *shipped()])  # raises the error with the choices that can write
        raise
