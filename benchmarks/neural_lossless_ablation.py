"""An ablation of the lossless neural profile with equal budgets: chroma with luma as context, and without.

    python benchmarks/neural_lossless_ablation.py --data TRAIN --pictures PICTURES [--steps N] [--patches N] [--first N]

Two entropy models of the same size share luma's network. They are trained with the same number of steps on the same
pictures, and compared by the bytes of all files. Writes benchmarks/results/neural-lossless-ablation.json.
"""

from __future__ import annotations

import json
import sys

from neural_ablation import HERE, command_of, options_of, runs_of, train
from tqdm import tqdm

from j2klearn import encode
from j2klearn.benchmark.environment import made_by
from j2klearn.benchmark.run import find_pictures
from j2klearn.io.pictures import read_picture

CONFIGS = ("context53-unconditioned", "context53")


def main() -> int:
    options = options_of(__doc__).parse_args()
    models = [train(name, options, runs_of(options)) for name in CONFIGS]
    pictures = find_pictures([options.pictures])[: options.first]
    sizes = dict.fromkeys(CONFIGS, 0)
    for path in tqdm(pictures, desc="coding", unit=" pictures", disable=None):
        image = read_picture(path)
        for name, model in zip(CONFIGS, models, strict=True):
            sizes[name] += len(encode(image, profile="neural", lossless=True, model=model))
    print(
        f"chroma with luma as context: {100 * (sizes[CONFIGS[1]] / sizes[CONFIGS[0]] - 1):+.2f} % of all bytes"
    )
    command = command_of("neural_lossless_ablation.py", options)
    document = {**made_by(command), "pictures": [path.name for path in pictures], "bytes": sizes}
    path = HERE / "results" / "neural-lossless-ablation.json"
    path.write_text(json.dumps(document | {"steps": options.steps}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
