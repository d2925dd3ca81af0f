"""``j2klearn train-context``: train an entropy model of the neural profile."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from ..errors import OptionError

__all__ = ["add_parser"]

_PATCH = 256
_LEVELS = 7  # of training: what a quarter of a patch has


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to those of the command line."""
    parser = commands.add_parser(
        "train-context",
        help="train an entropy model of the neural profile",
        description="Decompose training pictures with the transform that CONFIG names, and train the two context "
        "networks: that of luma, then that of chroma. The folder OUT receives the model (model.safetensors), logs "
        "(first.csv, second.csv) and the states (first.pt, second.pt).",
        epilog="example:  j2klearn train-context context97 --data pictures/ --out run/",
    )
    parser.add_argument(
        "config", metavar="CONFIG", help="a TOML file, or the name of one that comes with the package"
    )
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="folder of pictures, or of tar files"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    parser.add_argument("--resume", action="store_true", help="go on from the states in OUT")
    parser.add_argument(
        "--part",
        choices=("first", "second"),
        help="train this network alone; the other one is as it is in OUT",
    )
    parser.add_argument("--steps", type=int, metavar="N", help="steps of each (default: as CONFIG says)")
    parser.add_argument("--patches", type=int, metavar="N", help="how many patches (default: all)")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of PyTorch")
    parser.set_defaults(run=_run)


def _config(name: str) -> Path:
    path = Path(name)
    shipped = Path(__file__).parent / "context_configs" / f"{name}.toml"
    return shipped if not path.is_file() and shipped.is_file() else path


def _run(options: argparse.Namespace) -> None:
    import torch

    from ..pictures import write_whole
    from .context_data import SubbandPatches, read_patches
    from .context_settings import read_context_config
    from .context_trainer import PARTS, ContextTrainer, assembled

    for name in ("threads", "steps", "patches"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise OptionError(f"--{name} is at least 1, not {value}")
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    path = _config(options.config)
    config, settings = read_context_config(path)
    if options.steps is not None:
        settings = replace(settings, first_steps=options.steps, second_steps=options.steps)
    transform = config["transform"] if isinstance(config["transform"], str) else config["transform"]["name"]
    patches = read_patches(options.data, _PATCH, options.patches)
    pictures = SubbandPatches(patches, transform, _LEVELS, config.get("learned_levels", 5))
    trainers = [ContextTrainer(part, config, settings, pictures, options.out) for part in PARTS]
    for trainer in trainers:
        wanted = options.part in (None, trainer.part)
        if options.resume or not wanted:
            trainer.resume()
        if wanted:
            trainer.run()
    model = assembled(config, path.stem, trainers)
    out = options.out / "model.safetensors"
    write_whole(out, model.to_bytes())
    print(f"{out}: {out.stat().st_size} bytes")
