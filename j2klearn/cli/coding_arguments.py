"""The options of commands that encode, and the functions that parse their values.

They are apart from those of other commands, which start in less time without the modules that encode.
"""

from __future__ import annotations

import argparse
from typing import Any

from ..api.options import PROFILES, EncodeOptions
from ..api.presets import presets
from ..core.limits import MAX_PIXELS
from ..core.targets import DEFAULT_RATIO
from ..ebcot.effort import EFFORTS
from ..ebcot.layout import PROGRESSIONS
from ..ebcot.visual_weights import TUNES
from ..models.registry import DEFAULT_MODEL
from .arguments import division, engine_parser

__all__ = ["MODE_SWITCHES", "coding_given", "coding_of", "coding_parser"]

#: Bits of the code-block style by name (T.800 Table A.19).
MODE_SWITCHES = {"bypass": 1, "reset": 2, "termall": 4, "causal": 8, "erterm": 16, "segsym": 32}


def _rates(text: str) -> list[float | None]:
    """Parse one number, or several separated by commas, of which the last may be ``lossless``, which returns None."""
    first, comma, last = text.rpartition(",")
    return [*_numbers(first), None] if comma and last.strip() == "lossless" else [*_numbers(text)]


def _numbers(text: str) -> list[float]:
    """Parse one number, or several separated by commas."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a number nor a list of numbers separated by commas"
        ) from None


def _scalar_if_single(values: list[Any] | None) -> Any:
    return values[0] if values is not None and len(values) == 1 else values


def _size(text: str) -> tuple[int, int]:
    """Parse a size, ``N`` or ``HxW``."""
    try:
        height, _, width = text.lower().partition("x")
        return int(height), int(width or height)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size N or HxW") from None


def _sizes(text: str) -> list[tuple[int, int]]:
    """Parse sizes that are separated by commas."""
    return [_size(part) for part in text.split(",")]


def _mode_switches(text: str) -> int:
    """Parse a code-block style: its number, or names of `MODE_SWITCHES` separated by commas."""
    if text.isdecimal():
        return int(text)
    try:
        return sum({MODE_SWITCHES[name] for name in text.lower().split(",")})
    except KeyError as error:
        names = ", ".join(MODE_SWITCHES)
        raise argparse.ArgumentTypeError(f"{error.args[0]!r} is none of {names}") from None


def coding_given(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options of `encode` that the user typed, by name; see `coding_parser`."""
    given = {
        "bpp": _scalar_if_single(options.bpp),
        "ratio": _scalar_if_single(options.ratio),
        "psnr": _scalar_if_single(options.psnr),
        "quality": options.quality,
        "lossless": options.lossless or None,
        "layers": options.layers,
        "profile": options.profile,
        "embed_model": options.embed_model or None,
        "fallback": False if options.no_fallback else None,
        "effort": options.effort,
        "tune": options.tune,
        "engine": options.engine,
        "bit_depth": options.bit_depth,
        "levels": options.levels,
        "tile_size": options.tile,
        "codeblock_size": options.codeblock,
        "precincts": options.precincts,
        "progression": options.progression,
        "mode_switches": options.mode_switches,
        "sop": options.sop,
        "eph": options.eph,
        "plt": options.plt,
        "tlm": options.tlm,
        "tile_parts": options.tile_parts,
        "preset": options.preset,
        "threads": options.threads,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if options.model is not None:
        given["model"] = None if options.model == "none" else options.model
    if options.max_pixels != MAX_PIXELS:
        given["max_pixels"] = options.max_pixels
    return given


def coding_of(options: argparse.Namespace) -> EncodeOptions:
    """Return the options of `encode`: those that the user typed, completed by those of the preset."""
    return EncodeOptions.of(coding_given(options))


def coding_parser() -> argparse.ArgumentParser:
    """Return a parent parser with the options of every command that encodes."""
    coding = argparse.ArgumentParser(add_help=False, parents=[engine_parser()])
    rate = coding.add_mutually_exclusive_group()
    several = "; for one target per quality layer, separate numbers by commas"
    exact = ", the last one may be 'lossless'"
    rate.add_argument(
        "--bpp", type=_rates, metavar="B", help="size of the file in bits per pixel" + several + exact
    )
    rate.add_argument(
        "--ratio",
        type=_rates,
        metavar="R",
        help=f"compression ratio, the size of the samples over the size of the file (default: {DEFAULT_RATIO:g})"
        + several,
    )
    rate.add_argument(
        "--psnr", type=_numbers, metavar="DB", help="PSNR of the decoded picture in dB" + several
    )
    rate.add_argument(
        "--quality",
        type=float,
        metavar="Q",
        help="quality from 0 to 100, for --profile neural only; faster than --bpp, --ratio and --psnr, which search",
    )
    rate.add_argument(
        "--lossless",
        action="store_true",
        help="lossless coding, with the learned transform or the 5-3, whichever makes the smaller file",
    )
    coding.add_argument(
        "--preset",
        choices=presets,
        help="options of a published recipe; options that are typed replace those of the recipe: archive (lossless "
        "master), access and iiif (image servers), ndnp (newspapers, Library of Congress), bodleian (lossless master), "
        "preview (small, for j2klearn)",
    )
    coding.add_argument(
        "--profile",
        choices=PROFILES,
        help="ebcot: every JPEG 2000 reader decodes the file; neural: the smallest files, but slower to code, and only "
        "j2klearn decodes them: other readers show a small preview (default: ebcot)",
    )
    coding.add_argument("--layers", type=int, metavar="N", help="number of quality layers (default: 1)")
    coding.add_argument(
        "--model",
        metavar="NAME|FILE",
        help="learned transform: a name that `j2klearn models` prints, the path of a model file, or none for ordinary "
        f"JPEG 2000 (default: {DEFAULT_MODEL}; with --profile neural, the default entropy model)",
    )
    coding.add_argument(
        "--embed-model",
        action="store_true",
        help="store the weights of the model in the file, so that it can be decoded where the model is not installed",
    )
    coding.add_argument(
        "--no-fallback",
        action="store_true",
        help="always use the learned transform; by default, a picture that looks drawn (screens, graphics) is coded "
        "with the 9-7 and 5-3 wavelets too, and the best file is kept",
    )
    coding.add_argument(
        "--effort",
        type=int,
        choices=EFFORTS,
        help="spend more time for a better file: 1 tries the ordinary wavelets on every picture and keeps the best "
        "file, 2 also optimises the coefficients, which takes over a minute per megapixel (default: 0)",
    )
    coding.add_argument(
        "--tune",
        choices=TUNES,
        help="what a file of the size asked for is tuned for: psnr, the smallest squared error; visual, quality as "
        "people see it, for --bpp and --ratio (default: psnr)",
    )
    coding.add_argument(
        "--bit-depth",
        type=int,
        metavar="N",
        help="significant bits per sample of 16-bit pictures (default: what the file says)",
    )
    coding.add_argument(
        "--levels",
        type=int,
        metavar="N",
        help="decomposition levels (default: 5, or fewer for small pictures or tiles)",
    )
    coding.add_argument(
        "--tile",
        type=int,
        metavar="N",
        help="height and width of tiles in pixels (default: the whole picture is one tile)",
    )
    coding.add_argument(
        "--progression",
        type=str.upper,
        choices=PROGRESSIONS,
        help="order of the packets (default: RPCL with --tile, else LRCP)",
    )
    coding.add_argument(
        "--codeblock",
        type=_size,
        metavar="N|HxW",
        help="height and width of code-blocks, powers of two (default: 64)",
    )
    coding.add_argument(
        "--precincts",
        type=_sizes,
        metavar="N|HxW,...",
        help="heights and widths of precincts, powers of two, from the highest resolution on; the last one holds for "
        "all further resolutions (default: the largest)",
    )
    coding.add_argument(
        "--mode-switches",
        type=_mode_switches,
        metavar="NAME,...",
        help=f"code-block style: names of {', '.join(MODE_SWITCHES)}, or their sum (default: none)",
    )
    coding.add_argument(
        "--tile-parts",
        type=division,
        metavar="R|L|C|none",
        help="begin a tile-part with each resolution (R), layer (L) or component (C), or several letters; none: one "
        "tile-part for each tile (default: with --tile, by resolution in RPCL, and by layer too in RLCP)",
    )
    for name, what in (
        ("plt", "packet lengths (PLT), which readers of regions use; with --tile, on by default"),
        ("tlm", "tile-part lengths (TLM), which readers of tiles use; with --tile, on by default"),
        ("sop", "a marker segment (SOP) before each packet"),
        ("eph", "a marker (EPH) after each packet header"),
    ):
        coding.add_argument(f"--{name}", action=argparse.BooleanOptionalAction, help=f"write {what}")
    return coding
