"""Objects of the native library that are used through a handle and report what went wrong."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from .library import Report

__all__ = ["Handle"]


class Handle:
    """A native object, freed on `close` or, at the latest, when it is garbage collected.

    A subclass sets `_library` and `_report` before `_handle`.
    """

    _library: Any
    _report: Report
    _handle: Any = None
    _buffer: Any = None  # memory that the native object refers to

    def _free(self, handle: Any) -> None:
        raise NotImplementedError

    def _open(self) -> Any:
        if self._handle is None:
            raise RuntimeError(f"the {type(self).__name__.lower()} is closed")
        return self._handle

    @property
    def warnings(self) -> list[str]:
        """Warnings of OpenJPEG, for example of damage or of unusual boxes."""
        return self._report.warnings

    @property
    def missing(self) -> str | None:
        """What a codestream that ends early lacks; None if it is complete."""
        return self._report.missing

    @property
    def messages(self) -> list[str]:
        """Informational messages of OpenJPEG."""
        return self._report.messages

    def close(self) -> None:
        """Free the native memory and release the data. Further calls do nothing."""
        if self._handle is not None:
            self._free(self._handle)
            self._handle = self._buffer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()
