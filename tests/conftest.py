"""Fixtures for all tests: a photograph that a dependency ships, crops and files made from it, and global settings."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import glymur
import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

import j2klearn
from j2klearn.core.threads import default_threads

# the time of an example depends on the load of the machine
# Property tests draw new examples whenever they run, but for the checks of a change, which have to repeat.
settings.register_profile("j2klearn", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("j2klearn")


def pytest_configure(config: pytest.Config) -> None:
    """Limit OpenMP threads: the workers of pytest-xdist, and the processes that they start, share the processors."""
    workers = getattr(config.option, "numprocesses", None)
    if workers:
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, default_threads() // workers)))


@pytest.fixture(autouse=True)
def threads_of_pytorch() -> Iterator[None]:
    """Restore the number of PyTorch's threads after each test: it is a setting of the whole process."""
    before = sys.modules["torch"].get_num_threads() if "torch" in sys.modules else None
    yield
    if "torch" in sys.modules:
        bound = before or int(os.environ.get("OMP_NUM_THREADS", 0)) or default_threads()
        if sys.modules["torch"].get_num_threads() != bound:
            sys.modules["torch"].set_num_threads(bound)


@pytest.fixture(scope="session")
def photograph() -> NDArray[np.uint8]:
    """A 1456 x 2592 RGB photograph."""
    return np.asarray(glymur.Jp2k(glymur.data.nemo())[:])


@pytest.fixture(scope="session")
def rgb(photograph: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A detailed crop of the photograph, of odd size."""
    return np.ascontiguousarray(photograph[600:857, 900:1283])


@pytest.fixture(scope="session")
def grey(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.rint(rgb @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)


@pytest.fixture(scope="session")
def grey16(grey: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """16-bit samples with random low bytes."""
    noise = np.random.default_rng(1).integers(0, 256, grey.shape)
    return (grey.astype(np.uint16) << 8 | noise).astype(np.uint16)


@pytest.fixture(scope="session")
def layered(rgb: NDArray[np.uint8]) -> bytes:
    """A learned RGB file of four layers."""
    return j2klearn.encode(rgb, bpp=[0.25, 0.5, 1.0, 2.0])


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Restore the default SIGINT handler for child processes: background jobs of a shell ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
