"""What a picture file says about its picture, apart from the samples."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Metadata"]


@dataclass(frozen=True)
class Metadata:
    """Metadata of a picture; an attribute is None if the file does not have it. It is false if all are None.

    Attributes
    ----------
    icc_profile, exif, xmp, geotiff : bytes or None
        The raw data: EXIF and GeoTIFF are TIFF structures, XMP is XML.
    dpi : (float, float) or None
        Pixels per inch, (horizontal, vertical).
    iptc, photoshop : bytes or None
        The raw data of IPTC-IIM, and Photoshop's image resources without an ICC profile.
    """

    icc_profile: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    geotiff: bytes | None = None
    dpi: tuple[float, float] | None = None
    iptc: bytes | None = None
    photoshop: bytes | None = None

    def __bool__(self) -> bool:
        return any(value is not None for value in vars(self).values())
