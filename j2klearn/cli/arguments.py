"""Options that several commands share, and how their words are read."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..api.options import PROFILES, EncodeOptions
from ..core.limits import MAX_PIXELS
from ..core.targets import DEFAULT_RATIO
from ..ebcot.effort import EFFORTS
from ..ebcot.layout import PROGRESSIONS
from ..models.registry import DEFAULT_MODEL

__all__ = [
    "Commands",
    "coding_of",
    "coding_parser",
    "is_raw",
    "limits_parser",
    "numbers",
    "pixel_limit",
    "pixels_parser",
    "region",
    "source",
]

#: The subparsers of the command line, to which a command adds its own.
Commands = argparse._SubParsersAction


def numbers(text: str) -> list[float]:
    """Read one number, or several with commas between them."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number, or numbers with commas between them"
        ) from None


def region(text: str) -> tuple[int, int, int, int]:
    """Read a region, ``Y0,X0,Y1,X1``."""
    try:
        y0, x0, y1, x1 = (int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not Y0,X0,Y1,X1") from None
    return y0, x0, y1, x1


def pixel_limit(text: str) -> int | None:
    """Read a number of pixels; 0 is no limit."""
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of pixels") from None
    return value or None


def _single(values: list[float] | None) -> float | list[float] | None:
    return values[0] if values is not None and len(values) == 1 else values


def is_raw(path: Path) -> bool:
    """Return whether a file of that name is a bare codestream rather than a JP2 file."""
    return path.suffix.lower() in (".j2k", ".j2c", ".jpc")


def source(text: str) -> str | Path:
    """Read the path or the URL of a file."""
    return text if "://" in text else Path(text)


def coding_of(options: argparse.Namespace) -> EncodeOptions:
    """Return the options of `encode` that the command line asks for."""
    return EncodeOptions(
        bpp=_single(options.bpp),
        ratio=_single(options.ratio),
        psnr=_single(options.psnr),
        quality=options.quality,
        lossless=options.lossless,
        layers=options.layers,
        profile=options.profile,
        model=None if options.model == "none" else options.model,
        embed_model=options.embed_model,
        fallback=not options.no_fallback,
        effort=options.effort,
        bit_depth=options.bit_depth,
        levels=options.levels,
        tile_size=options.tile,
        progression=options.progression,
        plt=options.plt or None,
        tlm=options.tlm or None,
        threads=options.threads,
        max_pixels=options.max_pixels,
    )


def pixels_parser() -> argparse.ArgumentParser:
    """Return the limit of pixels."""
    pixels = argparse.ArgumentParser(add_help=False)
    pixels.add_argument(
        "--max-pixels",
        type=pixel_limit,
        default=MAX_PIXELS,
        metavar="N",
        help="refuse pictures of more pixels (default: %(default)s; 0: no limit)",
    )
    return pixels


def limits_parser() -> argparse.ArgumentParser:
    """Return the limits of pixels and of threads."""
    limits = argparse.ArgumentParser(add_help=False, parents=[pixels_parser()])
    limits.add_argument("--threads", type=int, metavar="N", help="threads (default: all processors)")
    return limits


def coding_parser() -> argparse.ArgumentParser:
    """Return the options of all commands that code."""
    coding = argparse.ArgumentParser(add_help=False)
    rate = coding.add_mutually_exclusive_group()
    several = "; several, with commas, give one per layer"
    rate.add_argument("--bpp", type=numbers, metavar="B", help="bits per pixel of the whole file" + several)
    rate.add_argument(
        "--ratio", type=numbers, metavar="R", help=f"compression ratio (default: {DEFAULT_RATIO:g}){several}"
    )
    rate.add_argument("--psnr", type=numbers, metavar="DB", help="PSNR in dB" + several)
    rate.add_argument(
        "--quality",
        type=float,
        metavar="Q",
        help="0 to 100, with --profile neural: the quickest way to a file",
    )
    rate.add_argument(
        "--lossless", action="store_true", help="without loss; with --model none, or --profile neural"
    )
    coding.add_argument(
        "--profile",
        choices=PROFILES,
        default="ebcot",
        help="ebcot: files that every reader decodes; neural: the fewest bytes, for j2klearn alone, others see a "
        "preview (default: %(default)s)",
    )
    coding.add_argument("--layers", type=int, default=1, metavar="N", help="quality layers (default: 1)")
    coding.add_argument(
        "--model",
        default="auto",
        metavar="NAME|FILE",
        help="learned transform: a name that `j2klearn models` prints, a model file, or none for ordinary JPEG 2000 "
        f"(default: {DEFAULT_MODEL}, or one of the neural profile)",
    )
    coding.add_argument("--embed-model", action="store_true", help="put the weights into the file")
    coding.add_argument(
        "--no-fallback", action="store_true", help="keep the model for drawings too, without measuring"
    )
    coding.add_argument(
        "--effort",
        type=int,
        default=0,
        choices=EFFORTS,
        help="time for better files: 1 measures which transform every picture wants, 2 also fits the coefficients to "
        "what decoders make of them, which takes long (default: %(default)s)",
    )
    coding.add_argument(
        "--bit-depth", type=int, metavar="N", help="bits in use of 16-bit samples (default: 16)"
    )
    coding.add_argument(
        "--levels", type=int, metavar="N", help="decomposition levels (default: 5, or what fits)"
    )
    coding.add_argument("--tile", type=int, metavar="N", help="side of tiles (default: one tile)")
    coding.add_argument(
        "--progression",
        type=str.upper,
        choices=PROGRESSIONS,
        help="packet order (default: RPCL with tiles, else LRCP)",
    )
    coding.add_argument(
        "--plt", action="store_true", help="write PLT marker segments (with tiles they are written anyway)"
    )
    coding.add_argument("--tlm", action="store_true", help="write TLM marker segments (likewise)")
    return coding
