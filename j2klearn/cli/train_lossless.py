"""``j2klearn train-lossless``: train a reversible model."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import OptionError
from .arguments import Commands
from .training_arguments import add_data

__all__ = ["add_parser"]


def add_parser(commands: Commands[argparse.ArgumentParser], help: str) -> None:
    """Add the command to those of the command line."""
    parser = commands.add_parser(
        "train-lossless",
        help=help,
        description="Train the model of lossless files: predictions of the details of the non-separable 5/3, for least "
        "bits. The pictures are reduced and get noise, as most collections were compressed before. OUT receives the "
        "model, OUT with the suffix .pt the checkpoint, and with .csv the log.",
        epilog="example:  j2klearn train-lossless --data pictures/ --out lossless.safetensors",
    )
    add_data(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="model file to write")
    parser.add_argument("--resume", action="store_true", help="continue from the checkpoint beside OUT")
    parser.add_argument(
        "--start",
        default="hybrid53-9c-compact",
        metavar="NAME|FILE",
        help="float model whose low-to-high step is the first operator, or reversible model to train further "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--steps", type=int, default=12000, metavar="N", help="number of steps (default: %(default)s)"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="number of PyTorch threads")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    import torch

    from ..models.registry import resolve
    from ..training.lossless.cells import Cells
    from ..training.lossless.start import begun, continued
    from ..training.lossless.trainer import Trainer

    for name in ("steps", "threads"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise OptionError(f"--{name} is at least 1, not {value}")
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    model = resolve(options.start)
    if model.reversible:
        start = continued(model.reversible_engine.l2h)
    else:
        step = getattr(model.build(), "l2h", None)
        if step is None:
            raise OptionError(f"the model {options.start} has no low-to-high step")
        start = begun(step.state_dict())
    trainer = Trainer(Cells(options.data), options.out, options.steps, start)
    if options.resume:
        trainer.resume()
    trainer.run()
    model = trainer.write()
    print(f"{options.out}: {options.out.stat().st_size} bytes, id {model.id.hex()}")
