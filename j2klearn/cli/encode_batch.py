"""``j2klearn encode-batch``: the options, the progress bar, and the summary at the end."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arguments import Commands, pixels_parser
from .coding_arguments import coding_given, coding_parser

if TYPE_CHECKING:
    from tqdm import tqdm

    from ..batch.jobs import Sources
    from ..batch.summary import Summary

__all__ = ["add_parser"]

_DESCRIPTION = """\
Encode all pictures in a folder and its subfolders (TIFF, JPEG, PNG), or all
pictures of a list, as JP2. The ICC profile, EXIF, XMP, IPTC, resolution and GeoTIFF
tags are kept. The pictures are encoded by processes on this machine, with one thread
each, or with --scheduler by the workers of a Dask cluster.
"""

_EPILOG = """\
names of the files:
  If SRC is the folder scans, scans/a/b.tif becomes DST/a/b.jp2. If SRC is a list, a
  picture below the folder --root keeps its subfolders, and any other picture keeps
  only its name. If two pictures would be written to the same file, nothing is
  encoded: use --keep-suffix or --root.

to resume a run that was stopped:
  Type the same command again. DST/encode-batch.jsonl has one line for each file that
  was written. A picture is skipped if its JP2 file exists and was made with the same
  options from a picture of the same path, size and modification time. All other
  pictures are encoded, and replace the file that is there. --force encodes all
  pictures again. No JP2 file is ever partial, whether a run ends by Ctrl-C, a full
  disk or a power cut. A temporary file that a killed run left is removed by the next.

failures:
  If a picture cannot be read, the others are still encoded. If a worker process dies
  while it encodes a picture, that picture is tried once more after all others.
  Failures and warnings are listed at the end. A full disk stops the run; the files
  written so far stay.

clusters (pip install 'j2klearn[cluster]'):
  dask scheduler                                   on one machine
  dask worker tcp://host:8786 --nthreads 1         on the others, one per processor
  Each machine needs the same version of j2klearn, and SRC and DST at the same paths.
  If a worker is lost, the other workers encode its pictures.

examples:
  j2klearn encode-batch scans/ jp2/ --ratio 15
  find maps -name '*.tif' | j2klearn encode-batch - jp2/ --psnr 42 --processes 8
  j2klearn encode-batch list.txt /data/jp2 --root /data --scheduler tcp://host:8786

exit status: 0 done, 1 pictures failed or the run was stopped, 2 wrong usage
"""


class _Bar:
    """A progress bar with pictures done, pictures per second and megapixels per second."""

    def __init__(self, shown: tqdm[Any]) -> None:
        self._shown = shown
        self.summary: Summary | None = None

    def __call__(self, summary: Summary) -> None:
        self.summary = summary
        self._shown.total = summary.total
        postfix = f"{summary.rate:.2f} MP/s"
        if summary.failures:
            postfix += f", {len(summary.failures)} failed"
        self._shown.set_postfix_str(postfix, refresh=False)
        self._shown.update(summary.done - self._shown.n)


def _run(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from ..batch.jobs import read_list
    from ..batch.run import encode_batch

    sources: Sources = options.source
    if options.source == "-":
        sources = read_list(sys.stdin.buffer.read(), "standard input")
    with tqdm(desc="coding", unit=" pictures", disable=None) as shown:
        bar = _Bar(shown)
        try:
            encode_batch(
                sources,
                options.target,
                processes=options.processes,
                scheduler=options.scheduler,
                root=options.root,
                keep_suffix=options.keep_suffix,
                force=options.force,
                progress=bar,
                **coding_given(options),
            )
        finally:  # a run that was stopped has a summary too
            shown.close()
            if bar.summary is not None and bar.summary.total:
                _print_summary(bar.summary)
    return 1 if bar.summary is not None and bar.summary.failures else 0


def _print_summary(summary: Summary) -> None:
    for kind, told in (("failed", summary.failures), ("warning", summary.remarks)):
        for source, text in told:
            named = str(source) in text
            print(f"{kind}: {text}" if named else f"{kind}: {source}: {text}", file=sys.stderr)
    print(summary)


def add_parser(commands: Commands[argparse.ArgumentParser], help: str) -> None:
    """Add the command to those of the command line."""
    parser = commands.add_parser(
        "encode-batch",
        parents=[pixels_parser(), coding_parser()],
        help=help,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "source",
        metavar="SRC",
        help="a folder of pictures; a text file with one path per line; or - to read such a list from standard input",
    )
    parser.add_argument("target", type=Path, metavar="DST", help="folder to write the JP2 files to")
    workers = parser.add_mutually_exclusive_group()
    workers.add_argument(
        "--processes", type=int, metavar="N", help="number of worker processes (default: one per processor)"
    )
    workers.add_argument("--scheduler", metavar="ADDRESS", help="use the Dask cluster of this scheduler")
    parser.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help="folder below which pictures of a list keep their subfolders (default: the current folder)",
    )
    parser.add_argument(
        "--keep-suffix", action="store_true", help="write photo.tif as photo.tif.jp2, not as photo.jp2"
    )
    parser.add_argument("--force", action="store_true", help="encode all pictures again")
    parser.set_defaults(run=_run, threads=1)
