"""The figures of the README, from benchmarks/results.

python benchmarks/readme.py            # write them into the README
python benchmarks/readme.py --check    # only tell whether they are there; exit status 1 if not
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
_MARKS = re.compile(r"(<!-- figures: (\S+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)

#: Suites of the table, in its order.
_TABLE = (
    "kodak-luma",
    "kodak-rgb",
    "kodak-single-rate",
    "cid22-validation-luma",
    "kodak-16-bit",
)


def result(suite: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((HERE / "results" / f"{suite}.json").read_text())
    return loaded


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f} %"


def coding() -> str:
    """Return the table of BD-rates of the default model."""
    lines = [
        "| pictures | PSNR | 95 % interval | SSIM | MS-SSIM | better on |",
        "|---|---|---|---|---|---|",
    ]
    for suite in _TABLE:
        found = result(suite)
        model = next(codec["name"] for codec in found["codecs"] if codec["kind"] == "learned")
        by_metric = {delta["metric"]: delta for delta in found["deltas"] if delta["codec"] == model}
        first = by_metric["psnr"]
        interval = "-" if first["interval"] is None else "{:+.1f} to {:+.1f} %".format(*first["interval"])
        cells = [found["suite"], _percent(first["bd_rate"]), interval]
        cells += [_percent(by_metric[metric]["bd_rate"]) for metric in ("ssim", "ms-ssim")]
        cells.append(f"{first['better_on']} of {first['of']}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def speed() -> str:
    """Return the table of times at 12 megapixels."""
    found = result("speed")
    cases = [case for case in found["speed"]["cases"] if case["codec"] != "9-7"]
    lines = ["| megapixels | threads | encoding | decoding | memory |", "|---|---|---|---|---|"]
    for case in cases:
        both = [case["encode"], case["decode"]]
        float32 = case["megapixels"] * 1e6 * case["components"] * 4
        memory = max(part["peak_bytes"] for part in both)
        times = [f"{part['ratio']:.1f} x ({part['mp_per_s']:.1f} MP/s)" for part in both]
        size = f"{case['megapixels']:.3g}"
        lines.append(
            f"| {size} | {case['threads']} | {times[0]} | {times[1]} | "
            f"{memory / 2**20:.0f} MiB, {memory / float32:.1f} x float32 |"
        )
    return "\n".join(lines) + "\n"


def readers() -> str:
    """Return the sentence on what an ordinary reader sees."""
    found = result("other-readers-kodak")
    return (
        f"{found['mean_psnr']:.1f} dB on average and {found['worst_psnr']:.1f} dB at worst at {found['bpp']:g} bpp on "
        "Kodak (RGB, read by Pillow).\n"
    )


_FIGURES = {"coding": coding, "speed": speed, "readers": readers}


def rendered(text: str) -> str:
    """Return a README with the figures of the results in their places."""
    return _MARKS.sub(lambda match: f"{match[1]}{_FIGURES[match[2]]()}{match[3]}", text)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    text = README.read_text()
    new = rendered(text)
    if options.check:
        return int(new != text)
    README.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
