"""``j2klearn benchmark``: the options, and the steps of a benchmark run."""

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

_DESCRIPTION = """\
Compare learned transforms with JPEG 2000 and other codecs on your own pictures:
rate-distortion curves from the sizes of real files, BD-rates with confidence
intervals, speed and memory. The results are results.json, results.csv, curves in
CompressAI's JSON schema, and report.html, a page that opens offline.
"""

_EPILOG = """examples:
  j2klearn benchmark photos/ --out bench                       compare the default model with OpenJPEG's 9/7
  j2klearn benchmark kodak/ --out bench --channels rgb --codecs default,9-7,5-3,jxl,avif
  j2klearn benchmark kodak/ --out bench --codecs default,my-model.safetensors,9-7
  j2klearn benchmark scan.tif --out bench --speed --speed-sizes 0.25,1,4,12,64

To resume a run that was stopped, type the same command again.

exit status: 0 done, 1 pictures were skipped, 2 wrong usage
"""


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers separated by commas") from None


def _words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def add_parser(commands: Commands[argparse.ArgumentParser], help: str) -> None:
    """Add the command to those of the command line."""
    parser = commands.add_parser(
        "benchmark",
        help=help,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "pictures", type=Path, nargs="+", metavar="IMAGES", help="picture files, or folders of them"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument(
        "--codecs",
        type=_words,
        default=("default", "9-7"),
        metavar="A,B",
        help="codecs to compare: default (the default model), the name or file of another model, 9-7 and 5-3 "
        "(ordinary JPEG 2000, coded by j2klearn), opj-9-7 and opj-5-3 (ordinary JPEG 2000, coded by OpenJPEG's "
        "programs), pillow, jxl, avif, webp, jpeg (default: default,9-7)",
    )
    parser.add_argument(
        "--anchor",
        default="9-7",
        metavar="CODEC",
        help="codec that the others are compared with (default: %(default)s)",
    )
    parser.add_argument(
        "--protocol",
        choices=("scalable", "single"),
        default="scalable",
        help="scalable: code one file per picture, and drop layers for the lower rates; single: code one file per rate "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--channels",
        choices=("luma", "rgb"),
        default="luma",
        help="what to code and to measure of each picture (default: %(default)s)",
    )
    parser.add_argument(
        "--rates",
        type=_numbers,
        metavar="B,B",
        help="rates in bits per pixel (default: 0.1 to 1.0 in steps of 0.1)",
    )
    parser.add_argument(
        "--metrics",
        type=_words,
        metavar="M,M",
        help="metrics, of psnr, ssim, ms-ssim, ssimulacra2 and psnr-y (default: all but psnr-y)",
    )
    parser.add_argument(
        "--bit-depth",
        type=int,
        metavar="N",
        help="significant bits per sample of 16-bit pictures (default: what the file says)",
    )
    parser.add_argument(
        "--no-fallback",
        dest="fallback",
        action="store_false",
        help="always use the learned transform; by default, an ordinary wavelet is used for a picture that looks drawn "
        "(screens, graphics) if its file is better",
    )
    parser.add_argument(
        "--effort",
        type=int,
        default=0,
        choices=EFFORTS,
        help="effort of encoding with learned transforms, see `j2klearn encode --help` (default: %(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="number of worker processes; 0 measures in this process (default: one per processor)",
    )
    parser.add_argument(
        "--fresh", action="store_true", help="ignore earlier results in the folder, and measure again"
    )
    parser.add_argument(
        "--published",
        type=Path,
        metavar="FILE",
        help="published curves for these pictures, in CompressAI's JSON schema, to show with the measured ones",
    )
    parser.add_argument(
        "--published-codecs",
        type=_words,
        default=(),
        metavar="A,B",
        help="which of the published curves to show (default: all)",
    )
    parser.add_argument(
        "--crops",
        type=int,
        default=3,
        metavar="N",
        help="number of pictures shown as crops in the report (default: %(default)s)",
    )
    parser.add_argument("--crop-rate", type=float, metavar="B", help="rate of the crops in bits per pixel")
    parser.add_argument(
        "--speed", action="store_true", help="also measure time and memory, on the first picture"
    )
    parser.add_argument(
        "--speed-sizes",
        type=_numbers,
        default=(12.0,),
        metavar="MP,MP",
        help="sizes in megapixels; the picture is cut or extended by mirroring to each (default: 12)",
    )
    parser.add_argument(
        "--speed-threads",
        type=_numbers,
        default=(),
        metavar="N,N",
        help="numbers of threads (default: one per processor)",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=5,
        metavar="N",
        help="how often each time is measured (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the benchmark.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed options of `add_parser`.

    Returns
    -------
    int
        The exit status: 0 done, 1 pictures were skipped.

    Raises
    ------
    OptionError
        If a package that the benchmark needs is missing, or options contradict each other.
    InputError
        If none of the pictures can be read.
    """
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
            print(f"codec left out: {codec.title}: {codec.missing}", file=sys.stderr)
    store = Store(options.out, protocol, fresh=options.fresh)
    done = measure_all(files, options.codecs, protocol, store, workers=options.workers)
    if not done.pictures:
        raise InputError(
            f"none of the {len(files)} pictures can be read; the first: {done.skipped[0]['reason']}"
        )
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
    return _report_skipped(done)


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
    """Return the command line for the report, with the folders of paths removed."""
    words: Sequence[str] = sys.argv[1:] if "benchmark" in sys.argv[1:2] else ["benchmark", "..."]
    return shlex.join(["j2klearn", *(Path(word).name if "/" in word else word for word in words)])


def _speed(options: argparse.Namespace, done: Run, protocol: Any) -> dict[str, Any]:
    from ..benchmark import speed
    from ..benchmark.codecs.registry import find_codec
    from ..benchmark.measure import prepare, read

    first = done.pictures[0]
    names = [
        name for name in options.codecs if find_codec(name).kind != "peer" and not find_codec(name).missing
    ]
    return speed.measure(
        names,
        prepare(read(first.path, protocol)[0], protocol),
        options.anchor,
        sizes=options.speed_sizes,
        threads=[int(count) for count in options.speed_threads],
        rounds=options.rounds,
        bit_depth=first.bits,
    )


def _report_skipped(done: Run) -> int:
    for entry in done.skipped:
        print(f"skipped: {entry['picture']}: {entry['reason']}", file=sys.stderr)
    if done.skipped:
        print(f"{len(done.skipped)} skipped", file=sys.stderr)
    return 1 if done.skipped else 0
