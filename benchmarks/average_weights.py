"""Average the weights of two transforms of one configuration.

    python benchmarks/average_weights.py ONE OTHER --share S --out FILE

ONE and OTHER are model files or names of models, in floating point. FILE gets (1 - S) times the weights of ONE plus S
times those of OTHER. That makes sense if one of them began with the weights of the other.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from j2klearn.models.model import Model
from j2klearn.models.registry import resolve


def average(one: Model, other: Model, share: float, name: str) -> Model:
    """Return the model with the average weights of two models."""
    if one.integer or one.config != other.config or one.dequantises:
        raise SystemExit(
            "the models must have the same configuration, without de-quantisation, in floating point"
        )
    structure, second = one.build(), other.build()
    for weight, added in zip(structure.parameters(), second.parameters(), strict=True):
        weight.data.copy_((1 - share) * weight.data + share * added.data)
    card = {"name": name, "average_of": {one.id.hex(): 1 - share, other.id.hex(): share}}
    return Model.of(structure, one.config, card)


def main() -> None:
    """Average the models of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("one", metavar="ONE")
    parser.add_argument("other", metavar="OTHER")
    parser.add_argument("--share", type=float, default=0.5, metavar="S", help="of OTHER (default: 0.5)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    options = parser.parse_args()
    model = average(resolve(options.one), resolve(options.other), options.share, options.out.stem)
    options.out.write_bytes(model.to_bytes())
    print(f"{options.out}: id {model.id.hex()}")


if __name__ == "__main__":
    main()
