"""``python -m j2klearn.training CONFIG --data DIR --out DIR``: train a model."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from ..errors import J2KError
from .data import Patches
from .trainer import Trainer


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m j2klearn.training", description="Train a learned transform."
    )
    parser.add_argument("config", type=Path, help="training configuration, a TOML file")
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of pictures, or of tar files of pictures"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for the checkpoint, the log and the model"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from the checkpoint in the output folder"
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of PyTorch")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    try:
        trainer = Trainer(options.config, Patches(options.data), options.out)
        if options.resume:
            trainer.resume()
        trainer.run()
    except J2KError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
