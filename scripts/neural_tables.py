"""Make ``j2klearn/neural/integer/tables.safetensors``: the tables behind the integer mixtures
(``j2klearn/neural/entropy/mixture.py``), the features of the context networks
(``j2klearn/neural/context/features.py``), and their LSTMs (``j2klearn/neural/cross/integer_network.py``).

The tables are part of the file format. They were computed once and come with the package. Decimal arithmetic with 60
digits gives the same values on every machine:

    python scripts/neural_tables.py
"""

from __future__ import annotations

import sys
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from pathlib import Path

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

TABLES = Path(__file__).parents[1] / "j2klearn" / "neural" / "integer" / "tables.safetensors"

PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")
REACH = 18  # scales; further out the logistic function is 0 or 1 in 24 bits
LOGITS = 768  # entries in steps of 1/64; further out a weight is below 2^-17
COMPRESSED = 4096  # entries of the companding curve, in steps of 1/16
GATES = [Decimal(i) / 256 for i in range(-2048, 2048)]  # arguments of the LSTMs' gates
LOG_SCALES = range(-256, 641)  # 64 times the natural logarithm of a scale


def rounded(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_HALF_EVEN))


def logistic(x: Decimal) -> Decimal:
    return 1 / (1 + (-x).exp())


def gaussian(x: Decimal) -> Decimal:
    """Return Phi(x) = 1/2 + phi(x) (x + x^3 / 3 + x^5 / (3 5) + ...) (Marsaglia 2004). All terms have one sign."""
    if abs(x) > 9:
        return Decimal(x > 0)
    term = total = x
    n = 1
    while abs(term) > Decimal("1e-50"):
        n += 2
        term *= x * x / n
        total += term
    return Decimal("0.5") + total * (-x * x / 2).exp() / (2 * PI).sqrt()


def tanh(x: Decimal) -> Decimal:
    return 2 * logistic(2 * x) - 1


def asinh(x: Decimal) -> Decimal:
    return (x + (x * x + 1).sqrt()).ln()


def make() -> dict[str, NDArray[np.int32] | NDArray[np.int64]]:
    with localcontext() as context:
        context.prec = 60
        places = [Decimal(i) / 64 for i in range(-REACH * 64, REACH * 64 + 1)]
        scales = [(Decimal(i) / 64).exp() for i in LOG_SCALES]
        return {
            "exponential": np.array(
                [rounded((-Decimal(i) / 64).exp() * 2**15) for i in range(LOGITS)], np.int32
            ),
            "reciprocal": np.array([rounded(2**25 / s) for s in scales], np.int32),
            "logistic.cumulative": np.array([rounded(2**24 * logistic(x)) for x in places], np.int32),
            "logistic.variance": np.array([rounded(s * s * PI * PI / 3 * 1024) for s in scales], np.int64),
            "gaussian.cumulative": np.array([rounded(2**24 * gaussian(x)) for x in places], np.int32),
            "gaussian.variance": np.array([rounded(s * s * 1024) for s in scales], np.int64),
            "asinh": np.array([rounded(64 * asinh(Decimal(i) / 16)) for i in range(COMPRESSED)], np.int32),
            "sigmoid": np.array([rounded(2**12 * logistic(x)) for x in GATES], np.int32),
            "tanh": np.array([rounded(2**11 * tanh(x)) for x in GATES], np.int32),
            "octaves": np.array([rounded(64 * Decimal(2).ln() * i) for i in range(64)], np.int32),
        }


def main() -> int:
    TABLES.write_bytes(safetensors.numpy.save(make()))
    print(f"{TABLES.name}: {TABLES.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
