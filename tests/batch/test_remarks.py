"""Warnings that are collected: those of one thread, and of the library alone."""

from __future__ import annotations

import threading
import warnings

import pytest

from j2klearn.batch.remarks import collected
from j2klearn.errors import InputWarning


def test_each_warning_of_the_library_is_collected_once() -> None:
    with warnings.catch_warnings(record=True) as shown, collected() as found:
        warnings.simplefilter("always")
        for text in ("one", "two", "one"):
            warnings.warn(text, InputWarning, stacklevel=1)
        warnings.warn("other", UserWarning, stacklevel=1)
    assert found == ["one", "two"]
    assert [str(own.message) for own in shown] == ["other"]
    with pytest.warns(InputWarning, match="later"):
        warnings.warn("later", InputWarning, stacklevel=1)


def test_each_thread_collects_its_own() -> None:
    barrier = threading.Barrier(3)
    found: dict[str, list[str]] = {}

    def work(name: str) -> None:
        with collected() as own:
            barrier.wait(10)
            warnings.warn(name, InputWarning, stacklevel=1)
            barrier.wait(10)
        found[name] = own

    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
        for thread in threads:
            thread.start()
        barrier.wait(10)
        warnings.warn("of this thread", InputWarning, stacklevel=1)
        barrier.wait(10)
        for thread in threads:
            thread.join()
    assert found == {"a": ["a"], "b": ["b"]}
    assert [str(own.message) for own in shown] == ["of this thread"]
