"""``j2klearn quantise``: make an integer model from a float one, and measure what is lost."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, OptionError
from .arguments import Commands
from .training_arguments import add_data

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..dequantisation.twin.network import AnyTwin
    from ..models.model import Model
    from ..training.data import PictureFile

__all__ = ["add_parser"]

#: Pictures are cropped to this many rows and columns, in the middle.
_SIDE = 512

#: Pictures that calibrate a network for de-quantisation have this many rows and columns, and are coded at these rates.
_NOISY_SIDE, _NOISY_RATES = 256, (0.1, 0.25, 0.5, 1.0, 2.0)

#: Bits per pixel at which the loss is measured.
_RATES = (0.25, 0.5, 1.0, 2.0)


def add_parser(commands: Commands[argparse.ArgumentParser], help: str) -> None:
    """Add the command to those of the command line."""
    parser = commands.add_parser(
        "quantise",
        help=help,
        description="Make an integer model from a float model with the structure 'hybrid'. Readers compute it in "
        "native code, without PyTorch, with the same result on every machine. The scales of its integers are chosen on "
        "the pictures. The loss is printed: the difference of predictions in 8-bit grey levels, and the difference of "
        "the PSNR of the pictures coded by both models at some rates. A network for de-quantisation is quantised "
        "too, unless it is that of iWave++, which is left out.",
        epilog="example:  j2klearn quantise model.safetensors --data pictures/ --out integer.safetensors",
    )
    parser.add_argument("model", metavar="MODEL", help="name of an installed model, or a model file")
    add_data(parser)
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="model file to write (default: measure only)"
    )
    parser.add_argument(
        "--pictures",
        type=int,
        default=8,
        metavar="N",
        help="number of pictures to calibrate with, spread over the folder (default: %(default)s)",
    )
    parser.add_argument(
        "--measure",
        type=int,
        default=2,
        metavar="N",
        help="number of further pictures to code for the PSNR; 0 for none (default: %(default)s)",
    )
    parser.set_defaults(run=_run)


def _pictures(folder: Path) -> list[PictureFile]:
    from ..training.data import files

    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder of pictures")
    found = list(files(folder))
    if not found:
        raise InputError(f"there are no pictures in {folder}")
    return found


def _samples(picture: PictureFile) -> NDArray[np.uint8]:
    """Return the middle of a picture file in RGB, at most `_SIDE` rows and columns."""
    rgb = np.asarray(picture.image())
    top, left = (max(0, (side - _SIDE) // 2) for side in rgb.shape[:2])
    return np.ascontiguousarray(rgb[top : top + _SIDE, left : left + _SIDE])


def _dequantiser(model: Model, pictures: list[PictureFile]) -> AnyTwin:
    """Return the network for de-quantisation in integers, calibrated with the pictures coded at several rates."""
    from ..dequantisation.twin.quantise import quantise_dequantiser
    from ..training.dequantisation.decoded import code

    parts = [_samples(picture) for picture in pictures]
    side = min(_NOISY_SIDE, *(min(part.shape[:2]) for part in parts))
    patches = np.stack([part[:side, :side] for part in parts])
    coded = code(patches, model, _NOISY_RATES, len(_NOISY_RATES), np.random.default_rng(0))
    samples = [
        (planes.astype(np.float32), noises) for planes, noises in zip(coded.decoded, coded.noise, strict=True)
    ]
    return quantise_dequantiser(model.float_dequantiser(), samples)


def _quantised(model: Model, pictures: list[PictureFile], name: str) -> Model:
    from tqdm import tqdm

    from ..core.picture import Picture
    from ..models.integer import packed
    from ..models.model import Model
    from ..transform.colour import planes
    from ..transform.gains import measure
    from ..transform.integer.quantise import quantise

    def parts() -> Iterator[NDArray[np.float32]]:
        for picture in pictures:
            yield planes(Picture(_samples(picture)))

    structure = model.build()
    with tqdm(total=len(pictures), desc="calibrating", unit=" pictures", disable=None, leave=False) as bar:
        twins, losses = quantise(structure, parts(), bar.update)
    gains = () if model.matched else measure(structure)
    network = None
    if model.dequantises:
        network = _dequantiser(model, pictures), model.id
    config, tensors = packed(twins, twin_of=model.transform_id, gains=gains, dequantiser=network)
    print("differences of predictions, in 8-bit grey levels:")
    for step, loss in losses.items():
        decibels = 20 * np.log10(loss.signal / loss.rms) if loss.rms else np.inf
        print(
            f"  {step}: rms {loss.rms:.4f}, at most {loss.largest:.3f}; "
            f"predictions have rms {loss.signal:.3f}, {decibels:.1f} dB more"
        )
    card: dict[str, Any] = {"name": name, "twin_of": model.name, "pictures": len(pictures)}
    return Model(config, tensors, card)


def _measure(model: Model, twin: Model, pictures: list[PictureFile]) -> None:
    """Print the PSNR of both models, and of files of the float model that the integer model reads."""
    from ..api.decode import decode
    from ..api.encode import encode
    from ..metrics.psnr import psnr

    print(f"PSNR of {len(pictures)} pictures in dB:")
    print(
        f"  {'bpp':>5} {'float':>8} {'integer':>8} {'difference':>10} {'of sizes':>9} "
        f"{'float files read in integers':>29}"
    )
    plain = model.using("torch")
    for bpp in _RATES:
        rows, sizes = [], []
        for picture in pictures:
            rgb = _samples(picture)
            of_float = encode(rgb, bpp=bpp, model=plain, engine="torch", fallback=False)
            of_twin = encode(rgb, bpp=bpp, model=twin, fallback=False)
            sizes.append((len(of_float), len(of_twin)))
            rows.append(
                [
                    psnr(rgb, decode(of_float, model=plain, engine="torch"), 8),
                    psnr(rgb, decode(of_twin, model=twin), 8),
                    psnr(rgb, decode(of_float, model=plain.twinned(twin), engine="native"), 8),
                ]
            )
        before, after, mixed = np.mean(rows, 0)
        float_size, twin_size = np.sum(sizes, 0)
        print(
            f"  {bpp:>5} {before:>8.3f} {after:>8.3f} {after - before:>+10.3f} {twin_size / float_size - 1:>+9.2%} "
            f"{mixed - before:>+29.3f}"
        )


def _run(options: argparse.Namespace) -> None:
    from ..io.atomic import write_by
    from ..models.model import Model
    from ..models.registry import resolve

    if options.pictures < 1:
        raise OptionError(f"--pictures is at least 1, not {options.pictures}")
    if options.measure < 0:
        raise OptionError(f"--measure is at least 0, not {options.measure}")
    model = resolve(options.model)
    if model.integer:
        raise OptionError(f"{model.name} is an integer model already")
    if model.dequantises and model.config["dequantiser"].get("kind") == "residual":
        own = {key: value for key, value in model.tensors.items() if not key.startswith("dequantiser.")}
        config = {key: value for key, value in model.config.items() if key != "dequantiser"}
        model = Model(config, own, model.card)
    found = _pictures(options.data)
    count = min(len(found), options.pictures + options.measure)
    chosen = [found[at * len(found) // count] for at in range(count)]
    name = options.out.stem if options.out else f"{model.name} in integers"
    twin = _quantised(model, chosen[: options.pictures], name)
    if options.out:
        write_by(options.out, lambda path: path.write_bytes(twin.to_bytes()))
        print(f"{options.out}: {options.out.stat().st_size} bytes, id {twin.id.hex()}")
    if chosen[options.pictures :]:
        _measure(model, twin, chosen[options.pictures :])
