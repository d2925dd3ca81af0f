"""The command line: find the command, run it, and report an error as one line and an exit status."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module

from .._version import __version__
from ..errors import J2KError, J2KWarning, OptionError

__all__ = ["main"]

#: The module and the help text of each command. A module is imported only when its command runs.
_COMMANDS = {
    "encode": ("encode", "encode a picture as JPEG 2000"),
    "convert": ("convert", "convert picture files or folders to JP2 and keep their metadata"),
    "encode-batch": (
        "encode_batch",
        "encode a folder or a list of pictures with several processes or a Dask cluster",
    ),
    "decode": ("decode", "decode a JPEG 2000 file to a picture file"),
    "repack": ("repack", "move or drop the packets of a JPEG 2000 file, without coding it again"),
    "info": ("info", "print the properties and the structure of a JPEG 2000 file"),
    "run": ("run", "run another program so that it decodes learned files at full quality"),
    "install-openjp2": ("install_openjp2", "copy the library for other programs into a folder"),
    "benchmark": ("benchmark", "compare codecs on your own pictures"),
    "models": ("list_models", "list the installed models"),
    "structures": ("structures", "list the structures of learned transforms, with their size and cost"),
    "quantise": ("quantise", "make an integer model, which the native engine computes, from a float one"),
    "train": ("train", "train a learned transform"),
    "train-lossless": ("train_lossless", "train a reversible model for lossless files"),
    "train-dequantiser": ("train_dequantiser", "train a de-quantisation network for a model"),
    "train-context": ("train_context", "train an entropy model for the neural profile"),
}


def _parser(command: str | None) -> argparse.ArgumentParser:
    """Return the parser of the command line, with the options of `command` only."""
    parser = argparse.ArgumentParser(
        prog="j2klearn",
        description="JPEG 2000 with a learned wavelet transform. The files open in every JPEG 2000 reader; decoded "
        "with j2klearn, they need fewer bits for the same quality.",
        epilog="For the options of a command: j2klearn COMMAND --help",
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
    """Handle SIGTERM, with which batch systems end a job, like Ctrl-C, so that no partial file remains."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread can set handlers
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _shown_once() -> Callable[..., None]:
    """Return a function that prints a warning as one line, and each text once: blocks of a picture repeat them."""
    said: set[str] = set()

    def show(message: Warning | str, *rest: object, **more: object) -> None:
        text = " ".join(str(message).split())
        if text not in said:
            said.add(text)
            print(f"warning: {text}", file=sys.stderr)

    return show


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after the name of the program. Default: those of the process.

    Returns
    -------
    int
        The exit status: 0 success, 1 failure, 2 wrong usage.

    Raises
    ------
    SystemExit
        With status 2 if argparse rejects the arguments, with status 0 after ``--help`` and ``--version``.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    options = _parser(next((word for word in words if not word.startswith("-")), None)).parse_args(words)
    options.words = words
    run: Callable[[argparse.Namespace], int | None] = options.run
    with warnings.catch_warnings():
        warnings.simplefilter("always", J2KWarning)
        warnings.showwarning = _shown_once()
        try:
            with _sigterm_is_ctrl_c():
                status = run(options) or 0
                sys.stdout.flush()
                return status
        except BrokenPipeError:  # the reader of standard output has ended, as `head` does
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except OptionError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        except J2KError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            print("error: this command needs PyTorch, which is not installed", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("error: interrupted", file=sys.stderr)
            return 1
        except MemoryError:
            print("error: there is not enough memory for this picture", file=sys.stderr)
            return 1
