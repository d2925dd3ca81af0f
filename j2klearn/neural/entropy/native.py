"""Mixtures that the native library computes (``native/include/j2kl.h``)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...native.library import as_array, check, load
from .mixture import BINS, DIGIT_BITS, Bins, check_parameters, tables

__all__ = ["NativeMixture"]


class NativeMixture:
    """Mixtures of the native library; see `j2klearn.neural.entropy.mixture.Mixture`.

    Parameters
    ----------
    kind : str
        One of `j2klearn.neural.entropy.mixture.KINDS`.
    threads : int
        Most threads to use.
    """

    def __init__(self, kind: str = "logistic", threads: int = 1) -> None:
        self._ffi, self._library = load()
        self._kind = kind
        self._threads = max(threads, 1)
        all_tables = tables(kind)
        # the struct only stores addresses: these buffers keep the memory alive
        self._buffers = [
            self._ffi.from_buffer("int64_t[]" if table.dtype == np.int64 else "int32_t[]", table)
            for table in all_tables
        ]
        self._tables = self._ffi.new(
            "j2kl_mixture_tables *", dict(zip(all_tables._fields, self._buffers, strict=True))
        )

    @property
    def kind(self) -> str:
        return self._kind

    def bins(self, parameters: NDArray[np.int16]) -> Bins:
        count = len(parameters)
        planes = [np.empty(count, np.int32) for _ in Bins._fields]
        self._call(self._library.j2kl_mixture_bins, parameters, planes)
        return Bins(*planes)

    def outside(
        self, parameters: NDArray[np.int16], centre: NDArray[np.int32], width: NDArray[np.int32]
    ) -> NDArray[np.float32]:
        rows = np.empty((len(parameters), BINS + 1), np.float32)
        self._call(self._library.j2kl_mixture_outside, parameters, [centre, width], rows)
        return rows

    def digits(
        self,
        parameters: NDArray[np.int16],
        low: NDArray[np.int32],
        step: NDArray[np.int32],
        bits: NDArray[np.int32],
    ) -> NDArray[np.float32]:
        rows = np.empty((len(parameters), 1 << DIGIT_BITS), np.float32)
        self._call(self._library.j2kl_mixture_digits, parameters, [low, step, bits], rows)
        return rows

    def _call(
        self,
        function: Any,
        parameters: NDArray[np.int16],
        planes: list[NDArray[np.int32]],
        *rows: NDArray[np.float32],
    ) -> None:
        check_parameters(parameters)
        count = len(parameters)
        planes = [as_array(plane, np.int32, (count,), "places") for plane in planes]
        check(
            function(
                self._tables,
                self._ffi.from_buffer("int16_t[]", np.ascontiguousarray(parameters)),
                count,
                parameters.shape[2],
                *(self._ffi.from_buffer("int32_t[]", plane) for plane in planes),
                *(self._ffi.from_buffer("float[]", row) for row in rows),
                self._threads,
            )
        )
