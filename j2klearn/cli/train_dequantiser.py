"""``j2klearn train-dequantiser``: train a de-quantisation network, and add it to a model."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from ..errors import ModelError, OptionError
from .arguments import Commands
from .training_arguments import add_data

__all__ = ["add_parser"]


def add_parser(commands: Commands[argparse.ArgumentParser], help: str) -> None:
    """Add the command to those of the command line."""
    parser = commands.add_parser(
        "train-dequantiser",
        help=help,
        description="Encode training pictures with a model, and train a network that removes the quantisation noise "
        "from the decoded pictures. OUT, the model with that network, is written every few hundred steps. The same "
        "folder receives a log and a checkpoint of each network (STEM.luma.csv and STEM.luma.pt, STEM.chroma.csv and "
        "STEM.chroma.pt, where STEM is the name of OUT without its suffix).",
        epilog="example:  j2klearn train-dequantiser hybrid97-9c-compact --data pictures/ --out model.safetensors",
    )
    parser.add_argument("model", metavar="MODEL", help="name of an installed model, or a model file")
    add_data(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="model file to write")
    parser.add_argument("--resume", action="store_true", help="continue from the checkpoints next to OUT")
    parser.add_argument(
        "--guided",
        action="store_true",
        help="encode the pictures in colour, and train a larger network for luma and one for chroma, which reads luma "
        "too",
    )
    parser.add_argument(
        "--entropy",
        metavar="MODEL",
        help="needs --guided: also train on the same number of patches encoded with this entropy model, for use in the "
        "neural profile",
    )
    parser.add_argument(
        "--start",
        metavar="MODEL",
        help="start from the de-quantisation network of this model, which has the same size or is smaller: the network "
        "for luma from its weights, that for chroma from two copies of them",
    )
    parser.add_argument(
        "--steps",
        type=int,
        metavar="N",
        help="training steps (default: 28000; with --guided, 7000 for each network)",
    )
    parser.add_argument(
        "--width",
        type=int,
        metavar="N",
        help="channels of the network (default: 32; with --guided, 64, and as many in the network for chroma)",
    )
    parser.add_argument(
        "--pairs",
        type=int,
        metavar="N",
        help="pairs of convolutions in the network, 1 to 4 (default: 2; with --guided, 3, and 2 in the network for "
        "chroma)",
    )
    parser.add_argument(
        "--chroma-width", type=int, metavar="N", help="channels of the network for chroma, if it has others"
    )
    parser.add_argument(
        "--chroma-pairs", type=int, metavar="N", help="pairs of convolutions in it, if it has others"
    )
    parser.add_argument(
        "--side",
        type=int,
        choices=(2, 4),
        help="samples on each side of a position, all of which are channels of the network (default: 2; with --guided, "
        "for both networks)",
    )
    parser.add_argument(
        "--chroma-side",
        type=int,
        choices=(2, 4),
        help="the same of the network for chroma, if it has another: with 4, as many channels take a third of the "
        "operations",
    )
    parser.add_argument(
        "--chroma-only",
        action="store_true",
        help="needs --guided and --start: train only the network for chroma, and keep the other one",
    )
    parser.add_argument(
        "--patches", type=int, metavar="N", help="number of patches to train with (default: all)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of the random numbers (default: %(default)s)"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="number of PyTorch threads")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    import numpy as np
    import torch

    from ..models.config import check_config
    from ..models.registry import resolve
    from ..neural.registry import resolve_entropy
    from ..training.data import Patches
    from ..training.dequantisation.decoded import code, code_neural
    from ..training.dequantisation.train import GUIDED, DequantisationSettings, train
    from ..training.subband_patches import read_patches

    for name in ("threads", "steps", "patches", "width", "pairs", "chroma_width", "chroma_pairs"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise OptionError(f"--{name.replace('_', '-')} is at least 1, not {value}")
    for name in ("entropy", "chroma_width", "chroma_pairs", "chroma_side", "chroma_only"):
        if getattr(options, name) and not options.guided:
            raise OptionError(f"--{name.replace('_', '-')} needs --guided")
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    settings = replace(GUIDED if options.guided else DequantisationSettings(), seed=options.seed)
    if options.steps is not None:
        settings = replace(settings, steps=options.steps)
    for name in ("width", "pairs", "side"):
        if (value := getattr(options, name)) is not None:
            both = {name: value, f"chroma_{name}": value} if options.guided else {name: value}
            settings = replace(settings, **both)
    for name in ("chroma_width", "chroma_pairs", "chroma_side"):
        if (value := getattr(options, name)) is not None:
            settings = replace(settings, **{name: value})
    model, start = resolve(options.model), None if options.start is None else resolve(options.start)
    rng = np.random.default_rng(settings.seed)
    try:
        check_config({**model.config, "dequantiser": settings.config})  # before pictures are coded
    except ModelError as error:
        raise OptionError(f"these sizes are not possible: {error}") from None
    if options.guided:
        patches = read_patches(options.data, count=options.patches)
    else:
        patches = Patches(options.data).patches[: options.patches]
    data = code(patches, model, settings.bpp, settings.layers, rng)
    if options.entropy is not None:
        data = data.joined(code_neural(patches, resolve_entropy(options.entropy), rng))
    train(
        data,
        options.out,
        model,
        settings,
        start=start,
        chroma_only=options.chroma_only,
        resume=options.resume,
    )
    print(f"{options.out}: {options.out.stat().st_size} bytes")
