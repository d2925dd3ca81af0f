"""Training of one model by several processes, as ``torchrun`` starts them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist

from ..errors import OptionError

__all__ = ["Processes", "check_device", "started"]


@dataclass(frozen=True)
class Processes:
    """One of the processes that train together.

    Attributes
    ----------
    rank, count : int
        Index of this process, from 0, and the number of processes.
    device : torch.device
        The device of this process.
    """

    rank: int
    count: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and prints."""
        return self.rank == 0

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """Return the mean of a tensor over all processes."""
        if self.count > 1:
            value = value.detach().clone()
            dist.all_reduce(value)
            value /= self.count
        return value

    def wait(self) -> None:
        """Wait for all processes."""
        if self.count > 1:
            dist.barrier()


def check_device(kind: str) -> None:
    """Check that PyTorch finds a CUDA device if `kind` is "cuda".

    Raises
    ------
    OptionError
        If it finds none.
    """
    if kind == "cuda" and not torch.cuda.is_available():
        raise OptionError("PyTorch finds no CUDA device: train on the CPU (--device cpu)")


@contextmanager
def started(device: str = "") -> Iterator[Processes]:
    """Join the processes that ``torchrun`` started; without ``torchrun``, yield a single process.

    On CUDA this also allows TF32 in matrix products and convolutions.

    Parameters
    ----------
    device : str
        "cpu" or "cuda"; empty: CUDA if PyTorch finds a device, else the CPU.

    Yields
    ------
    Processes
        This process and the number of all.

    Raises
    ------
    OptionError
        If "cuda" is given and there is no such device.
    """
    check_device(device)
    kind = device or ("cuda" if torch.cuda.is_available() else "cpu")
    count, local = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0"))
    place = torch.device(kind, local) if kind == "cuda" else torch.device(kind)
    if kind == "cuda":
        torch.cuda.set_device(place)
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    if count == 1:
        yield Processes(0, 1, place)
        return
    dist.init_process_group("nccl" if kind == "cuda" else "gloo")
    try:
        yield Processes(dist.get_rank(), count, place)
    finally:
        dist.destroy_process_group()
