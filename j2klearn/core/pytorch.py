"""The check for PyTorch, which only some uses of the package need."""

from __future__ import annotations

from importlib import import_module

from ..errors import PyTorchError

__all__ = ["need_pytorch"]


def need_pytorch(what: str) -> None:
    """Import PyTorch, or say what needs it.

    Parameters
    ----------
    what : str
        The subject of the message: what needs PyTorch.

    Raises
    ------
    PyTorchError
        If PyTorch cannot be imported.
    """
    try:
        import_module("torch")
    except ImportError as error:
        raise PyTorchError(f"{what} needs PyTorch, which cannot be imported: {error}") from None
