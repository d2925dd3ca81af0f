"""``j2klearn train``: train a learned transform."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import OptionError
from .arguments import Commands
from .training_arguments import add_config, add_data

__all__ = ["add_parser"]


def add_parser(commands: Commands[argparse.ArgumentParser], help: str) -> None:
    """Add the command to those of the command line."""
    parser = commands.add_parser(
        "train",
        help=help,
        description="Train a learned transform. The folder OUT receives the model (model.safetensors), the log "
        "(log.csv) and the checkpoint; with --validation also the best model (best.safetensors) and the BD-rates "
        "(validation.csv).",
        epilog="to train on several processors or GPUs:  torchrun --nproc-per-node 2 -m j2klearn.cli train CONFIG ...",
    )
    add_config(parser)
    add_data(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    parser.add_argument("--resume", action="store_true", help="continue from the checkpoint in OUT")
    parser.add_argument(
        "--start",
        metavar="NAME|FILE",
        help="start from the weights of this model, which has the same configuration, except that its base wavelet may "
        "differ",
    )
    parser.add_argument(
        "--steps",
        type=int,
        metavar="N",
        help="total number of training steps of all stages (default: that of the configuration)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="replace a setting of the configuration, for example crop=128; may be repeated",
    )
    parser.add_argument("--validation", type=Path, metavar="DIR", help="folder of validation pictures")
    parser.add_argument(
        "--pictures",
        type=int,
        default=8,
        metavar="N",
        help="number of validation pictures to use (default: %(default)s)",
    )
    parser.add_argument(
        "--device",
        choices=("cpu", "cuda"),
        default="",
        help="device to train on (default: cuda if available, else cpu)",
    )
    parser.add_argument("--threads", type=int, metavar="N", help="number of PyTorch threads")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    import torch

    from ..models.registry import resolve
    from ..training.data import Patches
    from ..training.processes import started
    from ..training.settings import parse_changes, read_config
    from ..training.shipped import TRANSFORM, find_config
    from ..training.transform.trainer import Trainer
    from ..training.transform.validation import Validation

    if options.threads is not None:
        if options.threads < 1:
            raise OptionError(f"--threads is at least 1, not {options.threads}")
        torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    config = find_config(options.config, TRANSFORM)
    changes = parse_changes(options.set)
    _, settings = read_config(config, changes)  # so that its errors are raised before pictures are read
    if options.steps is not None:
        settings.in_steps(options.steps)
    start = resolve(options.start) if options.start else None
    with started(options.device) as processes:
        validation = None
        if options.validation is not None and processes.first:
            validation = Validation(options.validation, options.pictures)
        trainer = Trainer(
            config,
            Patches(options.data, quiet=not processes.first),
            options.out,
            processes=processes,
            start=start,
            validation=validation,
            steps=options.steps,
            changes=changes,
        )
        if options.resume:
            trainer.resume()
        trainer.run()
