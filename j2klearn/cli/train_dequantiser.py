"""``j2klearn train-dequantiser``: give a model a network for learned de-quantisation."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from ..errors import OptionError
from .arguments import Commands

__all__ = ["add_parser"]


def add_parser(commands: Commands[argparse.ArgumentParser], help: str) -> None:
    """Add the command to those of the command line."""
    parser = commands.add_parser(
        "train-dequantiser",
        help=help,
        description="Code training pictures with a model and the real coder, and train the network that takes the "
        "quantisation noise off what is decoded. OUT is written every few hundred steps; beside it each network's log "
        "(STEM.luma.csv, STEM.chroma.csv) and state (STEM.luma.pt, STEM.chroma.pt).",
        epilog="example:  j2klearn train-dequantiser hybrid97-9c-compact --data pictures/ --out model.safetensors",
    )
    parser.add_argument("model", metavar="MODEL", help="name or file of the model")
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="folder of pictures, or of tar files"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="model file to write")
    parser.add_argument("--resume", action="store_true", help="go on from the states beside OUT")
    parser.add_argument(
        "--guided",
        action="store_true",
        help="a larger network for luma, and one for chroma that sees luma too; pictures are coded in colour",
    )
    parser.add_argument(
        "--entropy",
        metavar="MODEL",
        help="with --guided: as many patches coded with this entropy model, for the neural profile",
    )
    parser.add_argument(
        "--start",
        metavar="MODEL",
        help="a model whose network, of the same size or smaller, luma begins with, and chroma with two",
    )
    parser.add_argument(
        "--steps", type=int, metavar="N", help="steps (default: 28000; with --guided 7000 of each network)"
    )
    parser.add_argument("--patches", type=int, metavar="N", help="how many patches (default: all)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: %(default)s")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of PyTorch")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    import numpy as np
    import torch

    from ..models.registry import resolve
    from ..neural.registry import resolve_entropy
    from ..training.data import Patches
    from ..training.dequantisation.decoded import code, code_neural
    from ..training.dequantisation.train import GUIDED, DequantisationSettings, train
    from ..training.subband_patches import read_patches

    for name in ("threads", "steps", "patches"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise OptionError(f"--{name} is at least 1, not {value}")
    if options.entropy is not None and not options.guided:
        raise OptionError("--entropy goes with --guided")
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    settings = replace(GUIDED if options.guided else DequantisationSettings(), seed=options.seed)
    if options.steps is not None:
        settings = replace(settings, steps=options.steps)
    model, start = resolve(options.model), None if options.start is None else resolve(options.start)
    rng = np.random.default_rng(settings.seed)
    if options.guided:
        patches = read_patches(options.data, count=options.patches)
    else:
        patches = Patches(options.data).patches[: options.patches]
    data = code(patches, model, settings.bpp, settings.layers, rng)
    if options.entropy is not None:
        data = data.joined(code_neural(patches, resolve_entropy(options.entropy), rng))
    train(data, options.out, model, settings, start=start, resume=options.resume)
    print(f"{options.out}: {options.out.stat().st_size} bytes")
