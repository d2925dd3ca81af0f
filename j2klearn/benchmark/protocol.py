"""What is measured: protocol, channels, rates and metrics."""

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
    "without layers write one file per quality setting, and their curves are read off at these rates to be averaged.",
    "single": "One file per picture and rate. Codecs without a target rate write one file per quality setting, and "
    "their curves are read off at these rates to be averaged.",
}


@dataclass(frozen=True)
class Protocol:
    """How pictures are coded and compared.

    Attributes
    ----------
    name : {"scalable", "single"}
        One file with layers per picture, lower rates by dropping layers; or one file per rate.
    channels : {"luma", "rgb"}
        Pictures are turned to luma (BT.601) first, or are coded in colour.
    rates : tuple of float
        Bits per pixel of complete files, rising.
    metrics : tuple of str
        Of ``"psnr"``, ``"ssim"``, ``"ms-ssim"``, and ``"psnr-y"``, of luma.
    bit_depth : int or None
        Bits in use of pictures of 16-bit samples; 16 if None.
    fallback : bool
        Learned codecs may choose another transform for drawings.
    effort : int
        Of learned codecs, see `j2klearn.encode`.

    Raises
    ------
    OptionError
        If one of them is none of these.
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
            raise OptionError(f"the protocol is one of {', '.join(_TEXTS)}, not {self.name!r}")
        if self.channels not in ("luma", "rgb"):
            raise OptionError(f"the channels are luma or rgb, not {self.channels!r}")
        if not self.rates or any(b <= a for a, b in zip((0.0, *self.rates), self.rates, strict=False)):
            raise OptionError("the rates have to be positive and to rise")
        unknown = set(self.metrics) - {*METRICS, LUMA}
        if unknown or "psnr" not in self.metrics:
            raise OptionError(f"the metrics are psnr and others of {', '.join((*METRICS, LUMA))}")
        if self.bit_depth is not None and not 8 <= self.bit_depth <= 16:
            raise OptionError(f"the bit depth is 8 to 16, not {self.bit_depth}")

    @property
    def text(self) -> str:
        """The protocol in two or three sentences, for whoever reads the results."""
        what = "Luma (BT.601)." if self.channels == "luma" else "RGB, metrics over all three components."
        return f"{_TEXTS[self.name]} Actual bytes of complete files, headers included. {what}"

    def to_dict(self) -> dict[str, Any]:
        """Return what measurements have to share to be compared."""
        return {
            key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()
        }
