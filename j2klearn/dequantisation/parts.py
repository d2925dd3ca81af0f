"""Which components of a picture a network for de-quantisation reads, and which it corrects."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

__all__ = ["Part", "guided", "single"]

N = TypeVar("N")


class Part(NamedTuple, Generic[N]):
    """One application of a network: it reads some components of a picture and corrects some of these.

    Attributes
    ----------
    network
        The network: a module of PyTorch, or a twin in integers.
    reads, writes : tuple of int
        Indices of components.
    """

    network: N
    reads: tuple[int, ...]
    writes: tuple[int, ...]


def single(network: N, components: int) -> list[Part[N]]:
    """Return the applications of a network that processes every component by itself."""
    return [Part(network, (index,), (index,)) for index in range(components)]


def guided(luma: N, chroma: N, components: int, *, ict: bool) -> list[Part[N]]:
    """Return the applications of two networks, in order.

    Chroma comes first, because its network reads unchanged luma. The other network processes luma, extra components,
    and all components of pictures without the ICT.

    Parameters
    ----------
    luma, chroma
        The network for single components, and the one for chroma, which reads luma too.
    components : int
        Number of components of the picture.
    ict : bool
        Whether the first three components are those of the ICT.
    """
    alone = single(luma, components)
    return [Part(chroma, (0, 1, 2), (1, 2)), alone[0], *alone[3:]] if ict else alone
