"""``j2klearn train-context``: train an entropy model for the neural profile."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from ..errors import OptionError
from .arguments import Commands
from .training_arguments import add_config, add_data

__all__ = ["add_parser"]

_PATCH_SIDE = 256  # pixels
_TRAINING_LEVELS = 7  # decomposition levels of a patch


def add_parser(commands: Commands[argparse.ArgumentParser], help: str) -> None:
    """Add the command to those of the command line."""
    parser = commands.add_parser(
        "train-context",
        help=help,
        description="Train an entropy model: first the networks for luma, then those for chroma. CONFIG sets the "
        "kind of model. For the kind 'context' (the default), the transform is fixed; for the kind "
        "'cross-component', the transform is trained together with the networks for luma. The folder OUT receives "
        "the model (model.safetensors), the transform if it was trained, and for each part a log (PART.csv) and a "
        "checkpoint (PART.pt).",
        epilog="example:  j2klearn train-context context97 --data pictures/ --out run/",
    )
    add_config(parser)
    add_data(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    parser.add_argument("--resume", action="store_true", help="continue from the checkpoints in OUT")
    parser.add_argument(
        "--part",
        choices=("first", "second", "luma", "chroma"),
        help="train only this part: first or second for the kind context, luma or chroma for the kind cross-component; "
        "the other part is read from OUT",
    )
    parser.add_argument(
        "--start",
        type=Path,
        metavar="DIR",
        help="start from the weights of the run in DIR; for the kind context, its networks may be smaller; for the "
        "kind cross-component, only the networks for luma are used",
    )
    parser.add_argument(
        "--steps", type=int, metavar="N", help="training steps of each part (default: that of CONFIG)"
    )
    parser.add_argument(
        "--batch", type=int, metavar="N", help="crops per training step (default: that of CONFIG)"
    )
    parser.add_argument(
        "--subsampled",
        type=float,
        metavar="SHARE",
        help="for the kind context: share of the training pictures, 0 to 1, whose chroma is first subsampled and "
        "interpolated (default: that of CONFIG)",
    )
    parser.add_argument(
        "--patches", type=int, metavar="N", help="number of patches to train with (default: all)"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="number of PyTorch threads")
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), default="cpu", help="device to train on (default: %(default)s)"
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    import torch

    from ..training.processes import check_device
    from ..training.settings import read_tables
    from ..training.shipped import CONTEXT, find_config

    for name in ("threads", "steps", "batch", "patches"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise OptionError(f"--{name} is at least 1, not {value}")
    check_device(options.device)
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    path = find_config(options.config, CONTEXT)
    kind = read_tables(path)[0].get("kind", "context")
    parts = {"context": ("first", "second"), "cross-component": ("luma", "chroma")}
    if kind not in parts:
        raise OptionError(f"the kind of model in {path} is one of {', '.join(parts)}, not {kind!r}")
    if options.part not in (None, *parts[kind]):
        raise OptionError(f"the parts of this configuration are {' and '.join(parts[kind])}")
    if kind == "context":
        _run_context(options, path)
    elif options.subsampled is not None:
        raise OptionError("--subsampled needs a configuration of the kind 'context'")
    else:
        _run_cross_component(options, path)


def _run_context(options: argparse.Namespace, path: Path) -> None:
    from ..io.atomic import write_whole
    from ..training.context.settings import read_context_config
    from ..training.context.trainer import PARTS, ContextTrainer, assembled
    from ..training.subband_patches import SubbandPatches, read_patches
    from ..training.subsampling import subsampled

    config, settings = read_context_config(path)
    if options.steps is not None:
        settings = replace(settings, first_steps=options.steps, second_steps=options.steps)
    if options.batch is not None:
        settings = replace(settings, batch=options.batch)
    if options.subsampled is not None:
        settings = replace(settings, subsampled=options.subsampled)
    transform = config["transform"] if isinstance(config["transform"], str) else config["transform"]["name"]
    patches = read_patches(options.data, _PATCH_SIDE, options.patches)
    patches = subsampled(patches, settings.subsampled, settings.seed)
    learned_levels = config.get("learned_levels", 5)
    pictures = SubbandPatches(patches, transform, _TRAINING_LEVELS, learned_levels, options.device)
    trainers = [ContextTrainer(part, config, settings, pictures, options.out) for part in PARTS]
    for trainer in trainers:
        wanted = options.part in (None, trainer.part)
        resumed = (options.resume or not wanted) and trainer.resume()
        if options.start is not None and not resumed:
            trainer.start(options.start)
        if wanted:
            trainer.run()
    model = assembled(config, path.stem, trainers)
    out = options.out / "model.safetensors"
    write_whole(out, model.to_bytes())
    print(f"{out}: {out.stat().st_size} bytes")


def _run_cross_component(options: argparse.Namespace, path: Path) -> None:
    from ..io.atomic import write_whole
    from ..training.cross.settings import read_cross_config
    from ..training.cross.trainer import PHASES, CrossTrainer, assembled
    from ..training.subband_patches import read_patches

    config = read_cross_config(path)
    if options.steps is not None:
        settings = replace(config.settings, luma_steps=options.steps, chroma_steps=options.steps)
        config = config._replace(settings=settings)
    if options.batch is not None:
        config = config._replace(settings=replace(config.settings, batch=options.batch))
    patches = read_patches(options.data, max(_PATCH_SIDE, config.settings.crop), options.patches)
    luma, chroma = (CrossTrainer(phase, config, patches, options.out, options.device) for phase in PHASES)
    for trainer in (luma, chroma):
        wanted = options.part in (None, trainer.phase)
        resumed = (options.resume or not wanted) and trainer.resume()
        if trainer is luma and options.start is not None and not resumed:
            luma.start_from(options.start)
        if trainer is chroma and not resumed:
            chroma.follow(luma)
        if wanted:
            trainer.run()
    transform, model = assembled(config, path.stem, luma, chroma)
    outputs = {"model": model.to_bytes()}
    if transform is not None:
        outputs[transform.name] = transform.to_bytes()
    for name, data in outputs.items():
        out = options.out / f"{name}.safetensors"
        write_whole(out, data)
        print(f"{out}: {len(data)} bytes")
