"""Learned files from samples to the codestream in native code (``j2kl_picture_*`` in ``native/include/j2kl.h``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.normalisation import Normalisation
from ..core.timing import stage
from ..errors import InputError
from .library import Report, load
from .picture import Models
from .transport import Parameters

__all__ = ["PictureParameters", "analyse", "encode"]

_DTYPES = (np.uint8, np.int8, np.uint16, np.int16)


@dataclass(frozen=True)
class PictureParameters:
    """How a picture is encoded (``j2kl_picture_parameters`` of the native library).

    Attributes
    ----------
    carrier : Parameters
        Parameters of the codestream. Its precision and fraction bits are those of the carrier.
    model_id : bytes
        Id of the model, 32 bytes.
    bit_depth : int
        Bits per sample, 1 to 16.
    shared : int
        Number of components, from the first one on, that share the opacities of the first.
    base_chroma : bool
        Whether the others of these have no learned steps at the finest level.
    scales : sequence of float
        Factors of the subbands before the transport, in its order; empty if they are not scaled.
    weights : sequence of sequence of float
        Weights of the subbands of every component in rate allocation; empty if there are none.
    normalisation : sequence of Normalisation
        How each component is normalised before the transform; empty for none.
    """

    carrier: Parameters
    model_id: bytes
    bit_depth: int
    shared: int
    base_chroma: bool = False
    scales: Sequence[float] = ()
    weights: Sequence[Sequence[float]] = ()
    normalisation: Sequence[Normalisation] = ()

    def _to_native(self, ffi: Any, samples: NDArray[Any]) -> tuple[Any, dict[str, Any]]:
        """Return the structure, and the arrays that it points to."""
        native = ffi.new("j2kl_picture_parameters *")
        native.carrier = self.carrier._to_native(ffi)[0]
        ffi.memmove(native.model_id, self.model_id, 32)
        native.sample_bytes = samples.itemsize
        native.precision, native.is_signed = self.bit_depth, int(samples.dtype.kind == "i")
        native.shared, native.base_chroma = self.shared, int(self.base_chroma)
        kept: dict[str, Any] = {}  # the structure only points to them
        if self.scales:
            kept["scales"] = ffi.new("float[]", list(self.scales))
        if self.weights:
            kept["weights"] = ffi.new("float[]", [weight for own in self.weights for weight in own])
        if self.normalisation:
            rules = [(rule.exponent, rule.offset) for rule in self.normalisation]
            kept["normalisation"] = ffi.new("j2kl_normalisation[]", rules)
        for name, array in kept.items():
            setattr(native, name, array)
        return native, kept


def _checked(parameters: PictureParameters, samples: NDArray[Any]) -> NDArray[Any]:
    """Check that samples fit the parameters, and return them without gaps."""
    carrier = parameters.carrier
    shape = (*carrier.area.shape, carrier.components)
    if samples.dtype not in _DTYPES or samples.reshape(*samples.shape[:2], -1).shape != shape:
        raise InputError(
            f"samples must be integers of 8 or 16 bits of shape {shape}, not {samples.dtype} of shape {samples.shape}"
        )
    bands = 3 * carrier.levels + 1
    counts = [
        (parameters.scales, bands, "scales"),
        (parameters.weights, carrier.components, "rows of weights"),
        *((own, bands, "weights") for own in parameters.weights),
        (parameters.normalisation, carrier.components, "normalisations"),
    ]
    for values, count, name in counts:
        if values and len(values) != count:
            raise InputError(f"there must be {count} {name}, not {len(values)}")
    if len(parameters.model_id) != 32:
        raise InputError(f"the id of a model has 32 bytes, not {len(parameters.model_id)}")
    return np.ascontiguousarray(samples)


@stage("native")
def encode(parameters: PictureParameters, samples: NDArray[Any], models: Models) -> bytes:
    """Encode a picture by a learned transform.

    Parameters
    ----------
    parameters : PictureParameters
        How it is encoded.
    samples : ndarray, shape (H, W) or (H, W, C)
        The samples: uint8, int8, uint16 or int16, within the bit depth.
    models : Models
        The models among which the one with the id of the parameters is.

    Returns
    -------
    bytes
        The codestream as OpenJPEG writes it: it declares the precision of the carrier, and has no learned-transform
        segment.

    Raises
    ------
    InputError
        If the samples do not fit the parameters.
    OptionError
        If a parameter is out of range.
    ModelNotFoundError
        If the model is missing.
    CodestreamError
        If OpenJPEG cannot write the codestream, or the model needs PyTorch (`UnsupportedError`).
    """
    samples = _checked(parameters, samples)
    ffi, library = load()
    report = Report(ffi)
    native, _kept = parameters._to_native(ffi, samples)
    codestream, size = ffi.new("uint8_t **"), ffi.new("size_t *")
    source = ffi.cast("void *", samples.ctypes.data)
    report.check(
        library.j2kl_picture_encode(native, source, models._handle, report.pointer, codestream, size)
    )
    try:
        return bytes(ffi.buffer(codestream[0], size[0]))
    finally:
        library.j2kl_codestream_free(codestream[0])


@stage("native")
def analyse(
    parameters: PictureParameters, samples: NDArray[Any], models: Models
) -> list[NDArray[np.float32]]:
    """Compute the coefficients that `encode` passes to OpenJPEG; the arguments and the exceptions are the same.

    Returns
    -------
    list of ndarray, each (H * W,), float32
        The coefficients of every component, in the order of the transport.
    """
    samples = _checked(parameters, samples)
    ffi, library = load()
    report = Report(ffi)
    native, _kept = parameters._to_native(ffi, samples)
    carrier = parameters.carrier
    out = [np.empty(carrier.area.size, np.float32) for _ in range(carrier.components)]
    places = ffi.new("float *[]", [ffi.cast("float *", flat.ctypes.data) for flat in out])
    source = ffi.cast("void *", samples.ctypes.data)
    report.check(library.j2kl_picture_analyse(native, source, models._handle, report.pointer, places))
    return out
