"""The command line: finds the command, runs it, and turns what goes wrong into one line and an exit status."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module

from .._version import __version__
from ..errors import J2KError, OptionError, TruncatedWarning

__all__ = ["main"]

#: The commands, with the module of each and what ``--help`` says of it. A module is imported when its command runs.
_COMMANDS = {
    "encode": ("encode", "write a picture as JPEG 2000"),
    "convert": ("convert", "convert picture files or folders to JP2, with their metadata"),
    "encode-batch": (
        "encode_batch",
        "write a folder or a list of pictures as JPEG 2000, by several processes or on a Dask cluster",
    ),
    "decode": ("decode", "read a JPEG 2000 file"),
    "info": ("info", "say what a JPEG 2000 file is"),
    "benchmark": ("benchmark", "measure codecs on your own pictures"),
    "models": ("list_models", "list the installed models"),
    "structures": ("structures", "list the learned structures and what they cost"),
    "train": ("train", "train a learned transform"),
    "train-dequantiser": ("train_dequantiser", "train learned de-quantisation for a model"),
    "train-context": ("train_context", "train an entropy model of the neural profile"),
}


def _parser(command: str | None) -> argparse.ArgumentParser:
    """Return the parser of the command line, with the options of one command."""
    parser = argparse.ArgumentParser(
        prog="j2klearn",
        description="JPEG 2000 with a learned wavelet: files open in every JPEG 2000 reader, and read with j2klearn "
        "they have the same quality for fewer bits.",
        epilog="Each command has --help.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, help_) in _COMMANDS.items():
        if name == command:
            import_module(f".{module}", __package__).add_parser(commands, help_)
        else:
            commands.add_parser(name, help=help_, add_help=False)
    return parser


@contextlib.contextmanager
def _sigterm_is_ctrl_c() -> Iterator[None]:
    """Handle SIGTERM, which ends jobs of batch systems, as Ctrl-C: no broken file is left."""
    if threading.current_thread() is not threading.main_thread():  # others cannot set handlers
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0 done, 1 failed, 2 wrong usage."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    options = _parser(next((word for word in words if not word.startswith("-")), None)).parse_args(words)
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
