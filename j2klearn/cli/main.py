"""The command line: ``j2klearn encode | convert | decode | info | models``, and more from modules of their own."""

from __future__ import annotations

import argparse
import contextlib
import math
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from .. import __version__
from ..api.convert import add_parser as add_convert
from ..api.options import EncodeOptions
from ..core.limits import MAX_PIXELS
from ..errors import J2KError, OptionError, TruncatedWarning
from .benchmark import add_parser as add_benchmark
from .encode_batch import add_parser as add_batch
from .structures import add_parser as add_structures
from .train import add_parser as add_train
from .train_context import add_parser as add_train_context
from .train_dequantiser import add_parser as add_train_dequantiser

if TYPE_CHECKING:
    from collections.abc import Callable

    from tqdm import tqdm

__all__ = ["main"]

# Work that is over sooner than this shows no progress bar.
_PATIENCE = 1.0


class _Bar:
    """A progress bar on standard error, from the second second on and on a terminal alone."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._bar: tqdm[NoReturn] | None = None

    def __call__(self, share: float, stage: str) -> None:
        if self._bar is None and sys.stderr.isatty() and time.monotonic() - self._start > _PATIENCE:
            from tqdm import tqdm

            self._bar = tqdm(total=100, bar_format="{desc:<10} {bar} {n:.0f}% {elapsed}", leave=False)
        if self._bar is not None:
            self._bar.set_description_str(stage, refresh=False)
            self._bar.update(100 * share - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number, or numbers with commas between them"
        ) from None


def _region(text: str) -> tuple[int, int, int, int]:
    try:
        y0, x0, y1, x1 = (int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not Y0,X0,Y1,X1") from None
    return y0, x0, y1, x1


def _pixel_limit(text: str) -> int | None:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of pixels") from None
    return value or None


def _single(values: list[float] | None) -> float | list[float] | None:
    return values[0] if values is not None and len(values) == 1 else values


def _coding(options: argparse.Namespace) -> EncodeOptions:
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


def _encode(options: argparse.Namespace) -> None:
    from ..api.encode import encode_with
    from ..api.encode_file import encode_file_with
    from ..io import memory_map
    from ..io.atomic import write_whole
    from ..io.pictures import read_picture

    coding = replace(_coding(options), jp2=not _is_raw(options.output))
    image = memory_map.open_array(options.input) if not coding.neural and coding.psnr is None else None
    bar = _Bar()
    try:
        if image is not None and math.prod(image.shape[:2]) >= memory_map.LARGE:
            size = encode_file_with(image, options.output, replace(coding, progress=bar))
        else:
            image = read_picture(options.input)
            data = encode_with(image, replace(coding, progress=bar))
            write_whole(options.output, data)
            size = len(data)
    finally:
        bar.close()
    print(f"{options.output}: {size} bytes, {8 * size / math.prod(image.shape[:2]):.3f} bpp")


def _is_raw(path: Path) -> bool:
    return path.suffix.lower() in (".j2k", ".j2c", ".jpc")


def _source(text: str) -> str | Path:
    return text if "://" in text else Path(text)


def _decode(options: argparse.Namespace) -> None:
    from ..api.picture_file import open as open_picture
    from ..core.limits import check_pixels
    from ..io import memory_map
    from ..io.atomic import write_by
    from ..io.pictures import write_picture

    bar = _Bar()
    try:
        picture = open_picture(
            options.input, model=options.model, threads=options.threads, max_pixels=options.max_pixels
        )
        reduce = min(options.reduce, picture.levels)
        height, width = (-(-side >> reduce) for side in picture.shape[:2])
        if options.region is None and height * width >= memory_map.LARGE:
            check_pixels(height, width, options.max_pixels)
            shape = (height, width, *picture.shape[2:])

            def write(path: Path) -> None:
                out = memory_map.make_array(path, options.output.suffix, shape, picture.dtype)
                picture.copy_to(out, reduce=options.reduce, layers=options.layers, progress=bar)
                out.flush()

            write_by(options.output, write)
        else:
            image = picture.read(options.region, reduce=options.reduce, layers=options.layers, progress=bar)
            height, width = image.shape[:2]
            write_picture(options.output, image)
    finally:
        bar.close()
    print(f"{options.output}: {width} x {height}")


def _info(options: argparse.Namespace) -> None:
    from .outline import outline

    print(outline(options.input, full=options.full))


def _models(options: argparse.Namespace) -> None:
    from ..models.registry import DEFAULT_MODEL, shipped
    from ..neural.encode import DEFAULT_LOSSLESS, DEFAULT_LOSSY
    from ..neural.registry import shipped_entropy

    for name, model in shipped().items():
        default = ", the default" if name == DEFAULT_MODEL else ""
        print(f"{name}{default}: {model.parameters} weights on the {model.config['base']}")
        print(f"    id {model.id.hex()}")
    for name, entropy_model in shipped_entropy().items():
        transform = entropy_model.config["transform"]
        default = ", a default" if name in (DEFAULT_LOSSY, DEFAULT_LOSSLESS) else ""
        called = transform if isinstance(transform, str) else transform["name"]
        print(f"{name}{default}: for the neural profile, on the transform {called}")
        print(f"    id {entropy_model.id.hex()}")


def _coding_parser() -> argparse.ArgumentParser:
    """Return the options of all commands that code."""
    from ..api.options import PROFILES
    from ..core.targets import DEFAULT_RATIO
    from ..ebcot.effort import EFFORTS
    from ..ebcot.layout import PROGRESSIONS
    from ..models.registry import DEFAULT_MODEL

    coding = argparse.ArgumentParser(add_help=False)
    rate = coding.add_mutually_exclusive_group()
    several = "; several, with commas, give one per layer"
    rate.add_argument("--bpp", type=_numbers, metavar="B", help="bits per pixel of the whole file" + several)
    rate.add_argument(
        "--ratio", type=_numbers, metavar="R", help=f"compression ratio (default: {DEFAULT_RATIO:g}){several}"
    )
    rate.add_argument("--psnr", type=_numbers, metavar="DB", help="PSNR in dB" + several)
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="j2klearn",
        description="JPEG 2000 with a learned wavelet: files open in every JPEG 2000 reader, and read with j2klearn "
        "they have the same quality for fewer bits.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    pixels = argparse.ArgumentParser(add_help=False)
    pixels.add_argument(
        "--max-pixels",
        type=_pixel_limit,
        default=MAX_PIXELS,
        metavar="N",
        help="refuse pictures of more pixels (default: %(default)s; 0: no limit)",
    )
    limits = argparse.ArgumentParser(add_help=False, parents=[pixels])
    limits.add_argument("--threads", type=int, metavar="N", help="threads (default: all processors)")

    coding = _coding_parser()
    encode = commands.add_parser(
        "encode",
        parents=[limits, coding],
        help="write a picture as JPEG 2000",
        description="Write a picture (any format that Pillow reads, and TIFF of more components) as JPEG 2000 with a "
        "learned wavelet. Suffix .j2k, .j2c or .jpc writes the bare codestream, any other a JP2 file.",
        epilog="examples:  j2klearn encode photo.png photo.jp2 --bpp 1    "
        "j2klearn encode scan.tif scan.jp2 --psnr 42 --layers 6    "
        "j2klearn encode photo.png photo.jp2 --profile neural --quality 30    "
        "j2klearn encode scan.tif scan.jp2 --lossless --model none",
    )
    encode.add_argument("input", type=Path, metavar="IN", help="picture")
    encode.add_argument("output", type=Path, metavar="OUT", help="JPEG 2000 file to write")
    encode.set_defaults(run=_encode)
    add_convert(commands, [limits, coding], _coding)
    add_batch(commands, [pixels, coding], _coding)

    decode = commands.add_parser(
        "decode",
        parents=[limits],
        help="read a JPEG 2000 file",
        description="Read a JPEG 2000 file, learned or ordinary, and write it in the format of OUT's suffix.",
        epilog="example:  j2klearn decode scan.jp2 corner.png --region 0,0,512,512 --reduce 1",
    )
    decode.add_argument("input", type=_source, metavar="IN", help="JPEG 2000 file, or URL of one")
    decode.add_argument("output", type=Path, metavar="OUT", help="picture to write")
    decode.add_argument(
        "--reduce", type=int, default=0, metavar="N", help="leave out the N highest resolutions"
    )
    decode.add_argument("--layers", type=int, default=0, metavar="N", help="decode N quality layers (0: all)")
    decode.add_argument(
        "--region", type=_region, metavar="Y0,X0,Y1,X1", help="part to decode, in full-resolution pixels"
    )
    decode.add_argument(
        "--model", metavar="NAME|FILE", help="model to read the file with, if it is not installed"
    )
    decode.set_defaults(run=_decode)

    info = commands.add_parser("info", help="say what a JPEG 2000 file is")
    info.add_argument("input", type=_source, metavar="FILE", help="JPEG 2000 file, or URL of one")
    info.add_argument(
        "--full", action="store_true", help="print all that boxes and main header hold, as jp2dump does"
    )
    info.set_defaults(run=_info)

    add_benchmark(commands)

    models = commands.add_parser("models", help="list the installed models")
    models.set_defaults(run=_models)
    add_structures(commands)
    add_train(commands)
    add_train_dequantiser(commands)
    add_train_context(commands)
    return parser


@contextlib.contextmanager
def _sigterm_is_ctrl_c() -> Iterator[None]:
    """Let what ends a job of a batch system end it as cleanly as Ctrl-C does: without a broken file."""
    if threading.current_thread() is not threading.main_thread():  # where signals cannot be seen to
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0 done, 1 failed, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int | None] = options.run
    with warnings.catch_warnings():
        warnings.simplefilter("always", TruncatedWarning)
        warnings.showwarning = lambda message, *rest, **more: print(f"warning: {message}", file=sys.stderr)
        try:
            with _sigterm_is_ctrl_c():
                return run(options) or 0
        except OptionError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        except J2KError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("error: interrupted", file=sys.stderr)
            return 1
        except MemoryError:
            print("error: there is not enough memory for this picture", file=sys.stderr)
            return 1


if __name__ == "__main__":
    sys.exit(main())
