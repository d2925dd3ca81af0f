"""``j2klearn train-dequantiser``: give a model a network for learned de-quantisation."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from ..errors import OptionError

__all__ = ["add_parser"]


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to those of the command line."""
    parser = commands.add_parser(
        "train-dequantiser",
        help="train learned de-quantisation for a model",
        description="Code training pictures with a model and the real coder, and train the network that takes the "
        "quantisation noise off what is decoded. OUT is written every few hundred steps.",
        epilog="example:  j2klearn train-dequantiser hybrid97-9c-compact --data pictures/ --out model.safetensors",
    )
    parser.add_argument("model", metavar="MODEL", help="name or file of the model")
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="folder of pictures, or of tar files"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="model file to write")
    parser.add_argument("--steps", type=int, metavar="N", help="steps (default: 28000)")
    parser.add_argument("--patches", type=int, metavar="N", help="how many patches (default: all)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: %(default)s")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of PyTorch")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    import torch

    from ..registry import resolve
    from .dequantisation import DequantisationSettings, code, patches_of, train

    for name in ("threads", "steps", "patches"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise OptionError(f"--{name} is at least 1, not {value}")
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    settings = DequantisationSettings(seed=options.seed)
    if options.steps is not None:
        settings = replace(settings, steps=options.steps)
    model = resolve(options.model)
    train(code(patches_of(options.data, options.patches), model, settings), options.out, model, settings)
    print(f"{options.out}: {options.out.stat().st_size} bytes")
