"""The protocol of a benchmark: how files are made, channels, rates and metrics."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from ..errors import OptionError
from ..metrics.suite import LUMA, METRICS

__all__ = ["RATES", "Protocol"]

#: Bits per pixel, as in P1's experiments (Section IV).
RATES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)

_TEXTS = {
    "scalable": "One file per picture with one quality layer per rate; lower rates by dropping layers. Codecs "
    "without layers write one file per quality setting, and their curves are interpolated at these rates before they "
    "are averaged.",
    "single": "One file per picture and rate. Codecs without a target rate write one file per quality setting, and "
    "their curves are interpolated at these rates before they are averaged.",
}


@dataclass(frozen=True)
class Protocol:
    """How pictures are coded and compared.

    Attributes
    ----------
    name : {"scalable", "single"}
        One file with layers per picture, lower rates by dropping layers; or one file per rate.
    channels : {"luma", "rgb"}
        Convert pictures to luma (BT.601) first, or code them in colour.
    rates : tuple of float
        Bits per pixel of complete files, rising, above 0.
    metrics : tuple of str
        ``"psnr"``, and any of ``"ssim"``, ``"ms-ssim"``, ``"ssimulacra2"`` and ``"psnr-y"``, the PSNR of luma.
    bit_depth : int or None
        Significant bits of 16-bit samples, 8 to 16; None: 16.
    fallback : bool
        Learned codecs may choose another transform for drawings.
    effort : int
        `effort` of learned codecs; see `j2klearn.encode`.

    Raises
    ------
    OptionError
        If a value is invalid.
    """

    name: Literal["scalable", "single"] = "scalable"
    channels: Literal["luma", "rgb"] = "luma"
    rates: tuple[float, ...] = RATES
    metrics: tuple[str, ...] = METRICS
    bit_depth: int | None = None
    fallback: bool = True
    effort: int = 0

    def __post_init__(self) -> None:
        if self.name not in _TEXTS:
            raise OptionError(f"the protocol must be one of {', '.join(_TEXTS)}, not {self.name!r}")
        if self.channels not in ("luma", "rgb"):
            raise OptionError(f"the channels must be luma or rgb, not {self.channels!r}")
        if not self.rates or any(b <= a for a, b in zip((0.0, *self.rates), self.rates, strict=False)):
            raise OptionError("the rates must be positive and rise")
        unknown = set(self.metrics) - {*METRICS, LUMA}
        if unknown or "psnr" not in self.metrics:
            raise OptionError(f"the metrics must be among {', '.join((*METRICS, LUMA))}, and include psnr")
        if self.bit_depth is not None and not 8 <= self.bit_depth <= 16:
            raise OptionError(f"the bit depth must be 8 to 16, not {self.bit_depth}")

    @property
    def text(self) -> str:
        """A description of the protocol for readers of the results."""
        what = "Luma (BT.601)." if self.channels == "luma" else "RGB, metrics over all three components."
        return f"{_TEXTS[self.name]} Actual bytes of complete files, headers included. {what}"

    def to_dict(self) -> dict[str, Any]:
        """Return the values that measurements must share to be comparable, as JSON types."""
        return {
            key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()
        }
