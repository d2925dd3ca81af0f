"""Another order of packets, other tile-parts, fewer layers or resolutions, without decoding: `repack`."""

from __future__ import annotations

from ..access.partial_codestream import PartialCodestream
from ..codestream.main_header import read_main_header
from ..codestream.reduced_header import HeaderChange
from ..codestream.repack import Repacking, check_divisions, repack_codestream
from ..core.scalars import truth_value, whole_number
from ..ebcot.layout import PROGRESSIONS
from ..errors import OptionError, UnsupportedError
from ..io.sources import Source, open_source
from ..jp2.boxes import find_codestream
from ..jp2.repacked_boxes import repacked
from ..neural.format.container import open_payload

__all__ = ["repack"]


def repack(
    data: Source,
    *,
    progression: str | None = None,
    tile_parts: str | None = None,
    layers: int | None = None,
    resolutions: int | None = None,
    plt: bool | None = None,
    tlm: bool | None = None,
) -> bytes:
    """Return a file with the packets of another, in another order or fewer of them, without coding anything again.

    Decoded samples stay the same: those of the whole file or, where layers or resolutions are dropped, those of
    ``decode(data, layers=...)`` or ``decode(data, reduce=...)``. The boxes of a JP2 file are kept. Where resolutions
    are dropped, the image header, the resolution boxes and the GeoTIFF tags are those of the smaller picture. Boxes
    that point into the old codestream are removed.

    Parameters
    ----------
    data : bytes, path, binary file object or URL
        A JP2 file or a codestream of any encoder, complete and undamaged. It is read as a whole.
    progression : {"LRCP", "RLCP", "RPCL", "PCRL", "CPRL"}, optional
        Order of the packets of all tiles; progression order changes (POC) are removed. Default: as it is.
    tile_parts : str, optional
        Where a new tile-part begins: letters of ``"R"`` (resolution), ``"L"`` (layer) and ``"C"`` (component). The
        first tile-parts of all tiles are followed by the second ones, and so on. ``""``: one tile-part for each tile.
        Default: as they are, if the packets keep their order; else one for each tile.
    layers : int, optional
        Number of quality layers to keep, from the lowest. Default: all.
    resolutions : int, optional
        Number of resolutions to keep, from the lowest; as many as ``info(data).levels + 1``. Default: all.
    plt, tlm : bool, optional
        Whether to write packet lengths (PLT) and tile-part lengths (TLM). Default: if the file has them.

    Returns
    -------
    bytes
        A JP2 file or a codestream, as `data`.

    Raises
    ------
    OptionError
        If an option is out of range, or a tile would have more than 255 tile-parts.
    UnsupportedError
        If resolutions cannot be dropped: of a learned picture, or where tiles are not divisible. If the file is of the
        neural profile, which has no packets, or has several codestreams.
    CodestreamError
        If `data` is not JPEG 2000, or is damaged or truncated.
    LimitError
        If it has too many precincts, packets or tile-parts.
    """
    source = open_source(data)
    if open_payload(PartialCodestream(source)) is not None:
        raise UnsupportedError("a file of the neural profile has no packets to move")
    whole = source.whole()
    codestream = find_codestream(whole)
    header = read_main_header(codestream)
    levels = header.common_levels
    if progression is not None and progression not in PROGRESSIONS:
        raise OptionError(f"the progression is one of {', '.join(PROGRESSIONS)}, not {progression!r}")
    check_divisions(tile_parts)
    if layers is not None:
        layers = whole_number("layers", layers, 1, header.layers, ", the number of layers in this file")
    discard = 0
    if resolutions is not None:
        most = levels + 1
        discard = most - whole_number(
            "resolutions", resolutions, 1, most, ", the number that all components have"
        )
    new = repack_codestream(
        codestream,
        Repacking(
            HeaderChange(
                None if progression is None else PROGRESSIONS.index(progression),
                None if layers == header.layers else layers,
                discard,
            ),
            tile_parts,
            None if plt is None else truth_value("plt", plt),
            None if tlm is None else truth_value("tlm", tlm),
        ),
    )
    area = header.area
    (down, across), scale = map(min, zip(*header.subsampling, strict=True)), 1 << discard
    origin = -(area.y0 // down) % scale, -(area.x0 // across) % scale
    return repacked(whole, new, area.resolution(discard).shape, origin, discard)
