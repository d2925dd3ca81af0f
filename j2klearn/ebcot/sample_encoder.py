"""OpenJPEG's encoder of samples, with enough bit-planes for the 5/3 to be lossless for every picture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..codestream.guard_bits import with_guard_bits
from ..native import transport

__all__ = ["SampleEncoder"]


class SampleEncoder(transport.Encoder):
    """Encodes samples by a wavelet of T.800.

    OpenJPEG writes two guard bits, and drops the bit-planes of the 5/3 that are above. Coefficients of LL reach 2.92
    times the largest sample, plus rounding. Samples of one bit exceed the bit-planes by the rounding, and the chroma of
    the reversible component transform, which has a bit more than the samples (T.800 G.2), by this factor. Such pictures
    are coded with one bit more per sample, and get one more guard bit.

    Parameters
    ----------
    parameters : transport.Parameters
        The coding parameters.
    """

    def __init__(self, parameters: transport.Parameters) -> None:
        self._declared = parameters
        self._wide = parameters.reversible and (parameters.precision == 1 or parameters.component_transform)
        if self._wide:
            parameters = replace(parameters, precision=parameters.precision + 1, signed=True)
        super().__init__(parameters)

    def put_samples(self, component: int, samples: NDArray[Any]) -> None:
        """Pass the samples of a component, int32, within the range of the precision; see `transport.Encoder`."""
        if self._wide and not self._declared.signed:
            samples = samples - np.int32(1 << (self._declared.precision - 1))
        super().put_samples(component, samples)

    def finish(self) -> bytes:
        """Code the components and return the codestream; see `transport.Encoder`."""
        codestream = super().finish()
        if not self._wide:
            return codestream
        return with_guard_bits(codestream, self._declared.precision, self._declared.signed)
