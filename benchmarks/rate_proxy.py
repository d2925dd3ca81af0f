"""The rate proxy of training, compared with the bytes that OpenJPEG's tier-1 and tier-2 produce.

    python benchmarks/rate_proxy.py report PICTURES... [--model NAME|FILE|none] [--json FILE]
    python benchmarks/rate_proxy.py fit --data FOLDER [--json j2klearn/ebcot/rate_proxy.json]

`report` codes every picture with eight quantiser steps. It prints, per picture, the mean absolute error of the
predicted bytes at 0.1 to 2 bpp, for the model's subbands and for those of the 9/7. `fit` computes the constants that
come with the package, from mosaics of training pictures of 512 x 768. Every other mosaic uses the model, the rest the
9/7.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from j2klearn.benchmark.environment import made_by
from j2klearn.benchmark.run import find_pictures
from j2klearn.ebcot.rate_proxy import RateProxy
from j2klearn.models.model import Model
from j2klearn.models.registry import DEFAULT_MODEL, resolve
from j2klearn.training.data import Patches
from j2klearn.training.transform.calibration import Sample, errors, fit, samples

RATES = (0.1, 2.0)
_STEPS = np.geomspace(5, 120, 8).tolist()


def luma(path: Path) -> NDArray[np.float32]:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L"), np.float32) - 128


def report(files: list[Path], model: Model | None, proxy: RateProxy) -> dict[str, list[float]]:
    """Return the relative errors of each picture at 0.1 to 2 bpp, and print their means."""
    found: dict[str, list[float]] = {}
    rates: list[float] = []
    for path in files:
        taken = [s for s in samples(luma(path), _STEPS, model) if RATES[0] <= s.bpp <= RATES[1]]
        relative = errors(proxy, taken)
        found[path.stem] = [round(float(error), 5) for error in relative]
        rates += [s.bpp for s in taken]
        print(f"{path.stem:<24} {len(taken)} files   mean |error| {100 * np.abs(relative).mean():5.2f} %")
    every = np.concatenate([np.array(errors_of) for errors_of in found.values()])
    print(
        f"{'all':<24} {len(every)} files   mean |error| {100 * np.abs(every).mean():5.2f} %   "
        f"mean error {100 * every.mean():+.2f} %   largest {100 * np.abs(every).max():.2f} %   "
        f"{min(rates):.2f} to {max(rates):.2f} bpp"
    )
    return found


def mosaics(folder: Path, count: int, model: Model | None, seed: int) -> list[Sample]:
    """Return samples of mosaics of training patches, with quantiser steps drawn log-uniformly."""
    patches = Patches(folder).patches
    generator = np.random.default_rng(seed)
    taken: list[Sample] = []
    for index in tqdm(range(count), desc="coding", unit=" mosaics"):
        chosen = patches[generator.choice(len(patches), 6, replace=False)].reshape(2, 3, 256, 256)
        picture = chosen.transpose(0, 2, 1, 3).reshape(512, 768).astype(np.float32) - 128
        steps = np.exp(generator.uniform(np.log(4), np.log(128), 6)).tolist()
        taken += samples(picture, steps, model if index % 2 else None)
    return taken


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        help="learned transform, or none for the 9/7 alone (default: %(default)s)",
    )
    shared.add_argument("--json", type=Path, help="write the result to this file")
    reporting = commands.add_parser("report", parents=[shared])
    reporting.add_argument("pictures", type=Path, nargs="+", help="pictures, or folders of pictures")
    fitting = commands.add_parser("fit", parents=[shared])
    fitting.add_argument("--data", type=Path, required=True, help="folder of training pictures")
    fitting.add_argument("--mosaics", type=int, default=100, help="number of mosaics (default: %(default)s)")
    fitting.add_argument("--epochs", type=int, default=8, help="passes over them (default: %(default)s)")
    fitting.add_argument("--rate", type=float, default=0.03, help="learning rate (default: %(default)s)")
    fitting.add_argument(
        "--seed", type=int, default=0, help="seed of everything random (default: %(default)s)"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = None if options.model == "none" else resolve(options.model)
    words = [Path(word).name for word in sys.argv[1:]]  # names without folders
    made = made_by(" ".join(["python", "benchmarks/rate_proxy.py", *words]))
    if options.command == "fit":
        proxy = RateProxy({})
        taken = mosaics(options.data, options.mosaics, model, options.seed)

        def print_epoch(epoch: int, error: float) -> None:
            print(f"epoch {epoch}: mean |error| {100 * error:.2f} %", flush=True)

        fit(proxy, taken, options.epochs, options.rate, options.seed, print_epoch)
        result = {**made, "constants": proxy.constants()}
    else:
        files = find_pictures(options.pictures)
        result = {**made, "learned": report(files, model, RateProxy())} if model else {**made}
        result["9-7"] = report(files, None, RateProxy())
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
