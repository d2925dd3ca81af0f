"""``j2klearn encode-batch``: its options, its progress, and what it says in the end."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arguments import Commands, coding_of, coding_parser, pixels_parser

if TYPE_CHECKING:
    from tqdm import tqdm

    from ..batch.jobs import Sources
    from ..batch.summary import Summary

__all__ = ["add_parser"]

_DESCRIPTION = """\
Code all pictures of a folder (TIFF, JPEG, PNG, in folders below it too), or those
of a list, to JP2. ICC profile, EXIF, XMP, resolution and GeoTIFF tags are kept.
The work is done by processes of this machine, one thread each, or with --scheduler
by the workers of a Dask cluster.
"""

_EPILOG = """\
names:
  scans/a/b.tif of the folder scans becomes DST/a/b.jp2. Pictures of a list keep the
  folders that they have below --root; those from elsewhere keep their name alone.
  If two pictures would become one file, nothing is coded: see --keep-suffix, --root.

a run that was stopped:
  Type the same command again. DST/encode-batch.jsonl has one line for each file
  written. A picture is skipped if its file is there, made with the same options
  from the same path, size and time of modification; else it is coded, and what is
  in the place of its file is replaced. --force codes all again. A file is there
  whole or not at all, however a run ends: Ctrl-C, a full disk, a power cut.

failures:
  A picture that cannot be read does not stop the others. One on which a worker
  process is killed is tried once more, when nothing else is left to do. Failures
  are listed in the end. A full disk stops the run: what was written stays.

clusters (pip install 'j2klearn[cluster]'):
  dask scheduler                                   on one machine
  dask worker tcp://host:8786 --nthreads 1         on others, one for each processor
  They need this version of j2klearn, and SRC and DST at the same paths. When a
  worker is lost, the others do its pictures.

examples:
  j2klearn encode-batch scans/ jp2/ --ratio 15
  find maps -name '*.tif' | j2klearn encode-batch - jp2/ --psnr 42 --processes 8
  j2klearn encode-batch list.txt /data/jp2 --root /data --scheduler tcp://host:8786

exit status: 0 done, 1 pictures failed or the run was stopped, 2 wrong usage
"""


class _Bar:
    """Pictures done, pictures and megapixels per second; on a terminal alone."""

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
        sources = read_list(sys.stdin.buffer.read(), "the standard input")
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
                **coding_of(options).given(),
            )
        finally:  # whatever has stopped it
            shown.close()
            if bar.summary is not None and bar.summary.total:
                _tell(bar.summary)
    return 1 if bar.summary is not None and bar.summary.failures else 0


def _tell(summary: Summary) -> None:
    for failure in summary.failures:
        said = (
            failure.reason if str(failure.source) in failure.reason else f"{failure.source}: {failure.reason}"
        )
        print(f"failed: {said}", file=sys.stderr)
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
        help="a folder; or a text file of paths, one a line; or - for such a list on standard input",
    )
    parser.add_argument("target", type=Path, metavar="DST", help="folder for the JP2 files")
    workers = parser.add_mutually_exclusive_group()
    workers.add_argument(
        "--processes", type=int, metavar="N", help="worker processes (default: one per processor)"
    )
    workers.add_argument("--scheduler", metavar="ADDRESS", help="work on the Dask cluster of this scheduler")
    parser.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help="pictures of a list keep the folders that they have below this one (default: the current folder)",
    )
    parser.add_argument(
        "--keep-suffix", action="store_true", help="write photo.tif.jp2, not photo.jp2, for photo.tif"
    )
    parser.add_argument("--force", action="store_true", help="code again what has been done")
    parser.set_defaults(run=_run, threads=1)
