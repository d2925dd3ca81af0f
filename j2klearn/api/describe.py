"""The properties of a file: `info`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from ..access.partial_codestream import PartialCodestream
from ..codestream.learned_segment import Descriptor, Transport, read_comments
from ..codestream.main_header import Comment
from ..codestream.reversibility import MEASURED, Reversibility, reversibility
from ..core.geometry import ceil_div
from ..core.sampling import pixel_step, pixels_of
from ..ebcot.layout import PROGRESSIONS
from ..errors import ModelNotFoundError
from ..io.sources import ByteSource, Source, open_source
from ..neural.coefficients.pyramid import resolutions
from ..neural.format.container import open_payload
from ..neural.format.payload import Header

__all__ = ["Info", "info"]


@dataclass(frozen=True)
class Info:
    """The properties of a file.

    Attributes
    ----------
    profile : str
        How coefficients are coded: ``"ebcot"``, as in JPEG 2000, or ``"neural"``.
    height, width, components : int
        Size in pixels, and number of components. The pixels are the samples of the finest component.
    precision : int
        Bits per sample of the component that has most.
    precisions : tuple of int
        Bits per sample of each component.
    signed : tuple of bool
        Whether the samples of each component are signed.
    subsampling : tuple of (int, int)
        Rows and columns of pixels that a sample of each component covers; (1, 1) for the finest.
    bytes : int
        Size of the file in bytes.
    jp2 : bool
        Whether it is a JP2 file rather than a bare codestream.
    levels, layers, tiles : int
        Number of decomposition levels that all components have, of quality layers and of tiles.
    tile_size : (int, int)
        Height and width of a tile.
    progression : str
        Order of the packets: ``"LRCP"``, ``"RLCP"``, ``"RPCL"``, ``"PCRL"`` or ``"CPRL"``; in the neural profile
        ``"by resolution"``.
    wavelet : str
        The wavelet of T.800 that other readers apply: ``"9-7"`` or ``"5-3"``.
    learned : bool
        Whether the file has a learned-transform segment or is of the neural profile.
    model, model_id : str or None
        Name and id (hexadecimal) of the model; the name is None if the model is not installed.
    model_embedded : bool
        Whether the weights are stored in the file.
    engine : str or None
        What computes the learned steps by default: ``"native"`` or ``"torch"``; None if the model is not installed, or
        there are no such steps. See `j2klearn.decode`.
    dequantiser : str or None
        What computes the learned de-quantisation by default: ``"native"`` or ``"torch"``; None if the model is not
        installed, or the EBCOT profile has no de-quantisation in this file.
    transport : str or None
        ``"irreversible"`` or ``"reversible"`` for a learned transform, else None.
    measured : bool
        Whether the encoder compared the learned transform with the 9/7 and the 5/3, and one of these was better.
    reversibility : {"lossless", "possibly lossless", "lossy"}
        Whether decoded samples are those that were encoded. ``"possibly lossless"``: the 5/3 without quantisation, of
        an encoder that does not say whether it left anything out. Of ordinary JPEG 2000, it is that of the complete
        file; a truncated one is not noticed. A lossless learned file is ``"lossless"`` if it has all of its layers and
        its end.
    lossless : bool or None
        In the neural profile: whether the coding is lossless.
    step : float or None
        In the neural profile: the quantiser step in grey levels of 8 bits; None if lossless.
    resolutions : tuple of (int, int, int)
        In the neural profile: height, width and bytes of each resolution, from coarse to fine.
    preview : (int, int) or None
        In the neural profile: height and width of the preview that other readers show.
    """

    height: int
    width: int
    components: int
    precision: int
    bytes: int
    jp2: bool
    levels: int
    layers: int
    tiles: int
    tile_size: tuple[int, int]
    progression: str
    wavelet: str
    learned: bool
    model: str | None = None
    model_id: str | None = None
    model_embedded: bool = False
    engine: str | None = None
    dequantiser: str | None = None
    transport: str | None = None
    measured: bool = False
    profile: str = "ebcot"
    lossless: bool | None = None
    step: float | None = None
    resolutions: tuple[tuple[int, int, int], ...] = ()
    preview: tuple[int, int] | None = None
    precisions: tuple[int, ...] = ()
    signed: tuple[bool, ...] = ()
    subsampling: tuple[tuple[int, int], ...] = ()
    reversibility: Reversibility = "lossy"

    @property
    def bpp(self) -> float:
        """Bits per pixel of the whole file."""
        return 8 * self.bytes / (self.height * self.width)

    @property
    def needs_pytorch(self) -> bool | None:
        """Whether `j2klearn.decode` needs PyTorch for this file; None if its model is not installed."""
        if self.learned and self.model is None:
            return None
        return self.profile == "neural" or "torch" in (self.engine, self.dequantiser)

    @property
    def other_readers(self) -> str:
        """What a reader without support for the learned transform shows."""
        if self.preview is not None:
            return f"a preview of {self.preview[1]} x {self.preview[0]}"
        if self.learned:
            return "an approximation: the picture before the learned lifting steps are undone"
        return "the same picture: this is ordinary JPEG 2000"

    def as_dict(self) -> dict[str, Any]:
        """Return the properties by name, as ``j2klearn info --json`` prints them: plain values, lists and dicts.

        All attributes are there. Names and meanings stay; later versions may add some.
        """
        facts = asdict(self)
        facts |= {name: getattr(self, name) for name in ("bpp", "needs_pytorch", "other_readers")}
        return {name: _plain(value) for name, value in facts.items()}

    def __str__(self) -> str:
        rows = self._neural_rows() if self.profile == "neural" else self._ebcot_rows()
        rows |= {"other readers": f"see {self.other_readers}"}
        return "\n".join(f"{key + ':':<15}{value}" for key, value in rows.items())

    def _size_rows(self) -> dict[str, str]:
        bits = " and ".join(str(bits) for bits in sorted(set(self.precisions), reverse=True))
        signs = {False: "", True: " (signed)"}.get(next(iter(set(self.signed))), "")
        if len(set(self.signed)) > 1:
            signs = " (some signed)"
        sizes = ""
        if len(set(self.subsampling)) > 1:
            sizes = ", subsampled " + " ".join(f"{across}x{down}" for down, across in self.subsampling)
        return {
            "size": f"{self.width} x {self.height}, {self.components} component(s) of {bits} bits{signs}{sizes}",
            "file": f"{self.bytes} bytes, {self.bpp:.3f} bpp, {'JP2' if self.jp2 else 'bare codestream'}",
            "coding": self.reversibility,
        }

    def _neural_rows(self) -> dict[str, str]:
        installed = "installed" if self.model else "NOT installed"
        return self._size_rows() | {
            "profile": f"neural, {'lossless' if self.lossless else f'quantiser step {self.step:.3g} grey levels'}",
            "model": f"{self.model or 'unknown'} ({installed}), id {self.model_id}",
            "engine": "PyTorch",
            "resolutions": ", ".join(f"{w} x {h}: {size}" for h, w, size in self.resolutions) + " bytes",
        }

    @property
    def _engine_text(self) -> str:
        if self.engine is None:
            return "unknown: the model is not installed" if self.learned else "none"
        if not self.needs_pytorch:
            return f"{self.engine}, without PyTorch"
        return "torch" if self.engine == "torch" else f"{self.engine}, with PyTorch for de-quantisation"

    def _ebcot_rows(self) -> dict[str, str]:
        if not self.learned:
            model = "none (ordinary JPEG 2000)"
            if self.measured:
                model = f"none: the encoder measured, and the {self.wavelet} was better than the learned transform"
        else:
            origin = "in the file" if self.model_embedded else "installed" if self.model else "NOT installed"
            model = f"{self.model or 'unknown'} ({origin}), id {self.model_id}"
        tiles = "1"
        if self.tiles > 1:
            across = ", the learned steps run across them" if self.learned else ""
            tiles = f"{self.tiles} of {self.tile_size[1]} x {self.tile_size[0]}{across}"
        return self._size_rows() | {
            "levels": str(self.levels),
            "layers": str(self.layers),
            "tiles": tiles,
            "progression": self.progression,
            "wavelet": f"{self.wavelet}{' and learned lifting steps' if self.learned else ''}",
            "model": model,
            "engine": self._engine_text,
            "transport": self.transport or "none",
        }


def _plain(value: Any) -> Any:
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def _neural(codestream: PartialCodestream, header: Header) -> Info:
    from ..neural.registry import entropy_cards

    found = [card for card in entropy_cards() if card.id.startswith(header.model_prefix)]
    name, model_id = (found[0].name, found[0].id) if found else (None, header.model_prefix)
    shapes = [shape for shape, _ in resolutions(header.shape, header.levels)]
    return Info(
        height=header.height,
        width=header.width,
        components=header.components,
        precision=header.precision,
        precisions=header.precisions,
        signed=header.signed,
        subsampling=header.subsampling,
        bytes=codestream.source.size,
        jp2=True,
        levels=header.levels,
        layers=header.layers,
        tiles=1,
        tile_size=header.tile_size,
        progression="by resolution",
        wavelet="5-3" if codestream.header.reversible else "9-7",
        learned=True,
        model=name,
        model_id=model_id.hex(),
        profile="neural",
        lossless=header.lossless,
        reversibility="lossless" if header.lossless else "lossy",
        step=header.step,
        resolutions=tuple((*shape, size) for shape, size in zip(shapes, header.lengths, strict=True)),
        preview=codestream.header.area.shape,
    )


def _text(comment: Comment) -> str:
    return comment.data if isinstance(comment.data, str) else comment.data.decode("latin-1")


def _reversibility(codestream: PartialCodestream, descriptor: Descriptor | None) -> Reversibility:
    found = reversibility(codestream.header, descriptor)
    if found == "lossless" and descriptor is not None and not codestream.ends:
        return "possibly lossless"
    return found


def info(data: Source | ByteSource) -> Info:
    """Return the properties of a file, without decoding it.

    Parameters
    ----------
    data : bytes, path, binary file object or URL
        A JP2 file or a codestream.

    Returns
    -------
    Info
        The properties; ``str()`` of it is a table for people.

    Raises
    ------
    CodestreamError
        If the file is not JPEG 2000, or its main header or the header of its payload is damaged.
    """
    codestream = PartialCodestream(open_source(data))
    opened = open_payload(codestream)
    if opened is not None:
        return _neural(codestream, opened[0])
    header = codestream.header
    descriptor, weights = read_comments(header.binary_comments)
    step = pixel_step(header.subsampling)
    area = pixels_of(header.area, step)
    facts = Info(
        height=area.height,
        width=area.width,
        components=header.components,
        precision=max(header.precisions),
        precisions=header.precisions,
        signed=header.signed,
        subsampling=tuple((down // step[0], across // step[1]) for down, across in header.subsampling),
        bytes=codestream.source.size,
        jp2=codestream.jp2,
        levels=header.common_levels,
        layers=header.layers,
        tiles=header.tiles,
        tile_size=(ceil_div(header.tile_size[0], step[0]), ceil_div(header.tile_size[1], step[1])),
        progression=PROGRESSIONS[header.progression] if header.progression < 5 else "unknown",
        wavelet="5-3" if header.reversible else "9-7",
        learned=descriptor is not None,
        reversibility=_reversibility(codestream, descriptor),
        measured=any(
            _text(comment).startswith(MEASURED) for comment in header.comments if not comment.binary
        ),
    )
    if descriptor is None:
        return facts
    from ..models.model import Model
    from ..models.registry import find

    try:
        extra = [Model.from_bytes(weights)] if weights else []
        model = find(descriptor.model_id, extra)
        facts = replace(facts, model=model.name, engine=model.engine_name)
        if descriptor.noise is not None:
            facts = replace(facts, dequantiser=model.dequantiser_name)
    except ModelNotFoundError:
        pass
    return replace(
        facts,
        model_id=descriptor.model_id.hex(),
        model_embedded=weights is not None,
        transport=Transport(descriptor.transport).name.lower(),
    )
