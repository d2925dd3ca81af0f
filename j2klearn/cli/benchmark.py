"""``j2klearn benchmark``: its options, and the order of its work."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..ebcot.effort import EFFORTS
from ..errors import InputError, OptionError
from .arguments import Commands

if TYPE_CHECKING:
    from ..benchmark.run import Run

__all__ = ["add_parser", "run"]

_EPILOG = """examples:
  j2klearn benchmark photos/ --out bench                       the shipped model against OpenJPEG's 9/7
  j2klearn benchmark kodak/ --out bench --channels rgb --codecs default,9-7,5-3,jxl,avif
  j2klearn benchmark kodak/ --out bench --codecs default,my-model.safetensors,9-7
  j2klearn benchmark scan.tif --out bench --speed --speed-sizes 0.25,1,4,12,64

A stopped run goes on where it was when it is started again. Exit status: 0 done,
1 pictures were skipped, 2 wrong usage.
"""


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not numbers with commas between them") from None


def _words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def add_parser(commands: Commands[argparse.ArgumentParser], help: str) -> None:
    """Add the command to those of the command line."""
    parser = commands.add_parser(
        "benchmark",
        help=help,
        description="Measure learned transforms against JPEG 2000, and others, on your own pictures: rate-distortion "
        "curves from real bytes, BD-rates with confidence intervals, speed and memory. Writes results.json, "
        "results.csv, curves in CompressAI's schema and report.html, one page that needs no network.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "pictures", type=Path, nargs="+", metavar="IMAGES", help="pictures, or folders of pictures"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument(
        "--codecs",
        type=_words,
        default=("default", "9-7"),
        metavar="A,B",
        help="default (the shipped default model), other models by name or file, 9-7 and 5-3 (OpenJPEG through the "
        "same shim), opj-9-7 and opj-5-3 (OpenJPEG's programs), pillow, jxl, avif, webp, jpeg (default: default,9-7)",
    )
    parser.add_argument(
        "--anchor",
        default="9-7",
        metavar="CODEC",
        help="what the others are compared with (default: %(default)s)",
    )
    parser.add_argument(
        "--protocol",
        choices=("scalable", "single"),
        default="scalable",
        help="scalable: one file per picture, lower rates by dropping layers; single: one file per rate "
        "(default: %(default)s)",
    )
    parser.add_argument("--channels", choices=("luma", "rgb"), default="luma", help="(default: %(default)s)")
    parser.add_argument(
        "--rates", type=_numbers, metavar="B,B", help="bits per pixel (default: 0.1 to 1.0 by 0.1)"
    )
    parser.add_argument(
        "--metrics", type=_words, metavar="M,M", help="psnr, ssim, ms-ssim (default: these), psnr-y"
    )
    parser.add_argument(
        "--bit-depth", type=int, metavar="N", help="bits in use of 16-bit samples (default: 16)"
    )
    parser.add_argument(
        "--no-fallback",
        dest="fallback",
        action="store_false",
        help="measure learned transforms on drawings too, where a wavelet of JPEG 2000 would be chosen",
    )
    parser.add_argument(
        "--effort", type=int, default=0, choices=EFFORTS, help="of learned transforms (default: %(default)s)"
    )
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: one per processor)")
    parser.add_argument("--fresh", action="store_true", help="measure anew what the folder has already")
    parser.add_argument(
        "--published",
        type=Path,
        metavar="FILE",
        help="published curves of these pictures, CompressAI's JSON schema",
    )
    parser.add_argument(
        "--published-codecs", type=_words, default=(), metavar="A,B", help="which of them (default: all)"
    )
    parser.add_argument(
        "--crops", type=int, default=3, metavar="N", help="pictures to show (default: %(default)s)"
    )
    parser.add_argument("--crop-rate", type=float, metavar="B", help="bits per pixel of what is shown")
    parser.add_argument(
        "--speed", action="store_true", help="measure time and memory too, on the first picture"
    )
    parser.add_argument(
        "--speed-sizes",
        type=_numbers,
        default=(12.0,),
        metavar="MP,MP",
        help="megapixels, the picture mirrored or cut to each (default: 12)",
    )
    parser.add_argument(
        "--speed-threads", type=_numbers, default=(), metavar="N,N", help="(default: all processors)"
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="of timing (default: %(default)s)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the benchmark; return the exit status."""
    try:
        import bjontegaard  # noqa: F401
        import jinja2  # noqa: F401
        import plotly  # noqa: F401
        import pytorch_msssim  # noqa: F401
    except ImportError as error:
        raise OptionError(f"the benchmark needs {error.name}: pip install 'j2klearn[benchmark]'") from None
    from ..benchmark import crops, results
    from ..benchmark.codecs.registry import find_codec
    from ..benchmark.published import read_published
    from ..benchmark.report.page import write_report
    from ..benchmark.report.tables import summary
    from ..benchmark.run import find_pictures, measure_all
    from ..benchmark.store import Store

    protocol = _protocol(options)
    codecs = [find_codec(name) for name in options.codecs]
    if options.anchor not in [codec.name for codec in codecs]:
        raise OptionError(
            f"the anchor {options.anchor!r} is not among the codecs {', '.join(options.codecs)}"
        )
    published = []
    if options.published:
        if protocol.channels != "rgb":
            raise OptionError("published curves are PSNR over RGB: use --channels rgb")
        published = read_published(options.published, options.published_codecs)
    files = find_pictures(options.pictures)
    for codec in codecs:
        if codec.missing:
            print(f"left out: {codec.title}: {codec.missing}", file=sys.stderr)
    store = Store(options.out, protocol, fresh=options.fresh)
    done = measure_all(files, options.codecs, protocol, store, workers=options.workers)
    if not done.pictures:
        raise InputError(f"none of the {len(files)} pictures can be read: {done.skipped[0]['reason']}")
    command = _command(options)
    document = results.document(done, protocol, options.anchor, command, published=published)
    crops.remove(store)
    if options.crops > 0:
        rate = options.crop_rate or crops.default_rate(protocol)
        names = crops.choose(document, options.crops)
        document["crops"] = crops.cut(done, names, protocol, rate, store)
    if options.speed:
        document["speed"] = _speed(options, done, protocol)
    store.write("results.json", document)
    store.write("results.csv", results.csv_table(document))
    for codec in done.codecs:
        if codec.name in document["curves"]:
            store.write(f"curves/{codec.name}.json", results.interchange(document, codec.name))
    page = write_report(document, options.out)
    print(summary(document))
    print(f"\n{page}")
    return _tell_skipped(done)


def _protocol(options: argparse.Namespace) -> Any:
    from ..benchmark.protocol import RATES, Protocol
    from ..metrics.suite import METRICS

    return Protocol(
        name=options.protocol,
        channels=options.channels,
        rates=options.rates or RATES,
        metrics=options.metrics or METRICS,
        bit_depth=options.bit_depth,
        fallback=options.fallback,
        effort=options.effort,
    )


def _command(options: argparse.Namespace) -> str:
    """Return what was typed, folders and files by their names alone."""
    words: Sequence[str] = sys.argv[1:] if "benchmark" in sys.argv[1:2] else ["benchmark", "..."]
    return shlex.join(["j2klearn", *(Path(word).name if "/" in word else word for word in words)])


def _speed(options: argparse.Namespace, done: Run, protocol: Any) -> dict[str, Any]:
    from ..benchmark import speed
    from ..benchmark.codecs.registry import find_codec
    from ..benchmark.measure import prepare
    from ..io.pictures import read_picture

    first = done.pictures[0]
    names = [
        name for name in options.codecs if find_codec(name).kind != "peer" and not find_codec(name).missing
    ]
    return speed.measure(
        names,
        prepare(read_picture(first.path), protocol),
        options.anchor,
        sizes=options.speed_sizes,
        threads=[int(count) for count in options.speed_threads],
        rounds=options.rounds,
        bit_depth=first.bits,
    )


def _tell_skipped(done: Run) -> int:
    for entry in done.skipped:
        print(f"skipped: {entry['picture']}: {entry['reason']}", file=sys.stderr)
    if done.skipped:
        print(f"{len(done.skipped)} skipped", file=sys.stderr)
    return 1 if done.skipped else 0
