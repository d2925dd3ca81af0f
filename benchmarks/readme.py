"""The figures of the README and of the pages in docs, from benchmarks/results.

python benchmarks/readme.py            # write them into the pages
python benchmarks/readme.py --check    # only tell whether they are there; exit status 1 if not
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from j2klearn.metrics.bd_rate import Curve, bd_rate
from j2klearn.models.registry import DEFAULT_MODEL

HERE = Path(__file__).parent
PAGES = (
    HERE.parent / "README.md",
    *(HERE.parent / "docs" / f"{name}.md" for name in ("access", "arrays", "batch", "training")),
)
_MARKS = re.compile(r"(<!-- figures: (\S+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)

#: Suites of the table, in its order.
_SUITES = (
    "kodak-luma",
    "kodak-rgb",
    "kodak-single-rate",
    "cid22-validation-luma",
    "kodak-16-bit",
    "kodak-12-bit",
)

_GUIDED = "hybrid97-9c-compact-guided"


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
    for suite in _SUITES:
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


def _of_default(found: dict[str, Any], metric: str = "psnr") -> dict[str, Any]:
    """Return what a suite says of the default model against the 9/7."""
    model = next(codec["name"] for codec in found["codecs"] if codec["kind"] == "learned")
    deltas: list[dict[str, Any]] = found["deltas"]
    return next(delta for delta in deltas if delta["codec"] == model and delta["metric"] == metric)


def guided() -> str:
    """Return what the larger model saves, beside the default one."""
    rows = [["pictures", "the larger model", "the default"]]
    for name in ("kodak-luma", "kodak-rgb"):
        found = result(f"{name}-guided")
        of = {delta["codec"]: _percent(delta["bd_rate"]) for delta in found["deltas"]}
        rows.append([found["suite"].removesuffix(", the larger model"), of[_GUIDED], of[DEFAULT_MODEL]])
    return _table(rows)


def least_gain() -> str:
    """Return by how much the averaged curve is above the 9/7's at the rate where it is least."""
    gains = []
    for name in _SUITES:
        curves = result(name)["curves"]
        pairs = zip(curves[DEFAULT_MODEL]["psnr"], curves["9-7"]["psnr"], strict=True)
        gains += [mine - other for mine, other in pairs]
    return f"In each row the mean PSNR is above the 9/7's at all ten rates, by {min(gains):.2f} dB or more.\n"


def damage() -> str:
    """Return how far files are below the 9/7 where a learned transform could do harm."""
    screens, burnt = (_of_default(result(f"{name}-luma")) for name in ("screenshots", "overexposed"))
    least = [delta["least_gain"]["value"] for delta in (screens, burnt)]
    return (
        f"At equal bytes, at any of ten rates, the file is at worst {least[0]:+.2f} dB against the 9/7 on "
        f"{len(screens['per_picture'])} screenshots, and {least[1]:+.2f} dB on Kodak with burnt-out highlights "
        "(luma).\n"
    )


def effort() -> str:
    """Return what effort 2 gives."""
    found = result("effort")
    row = next(row for row in found["efforts"] if row["effort"] == 2)
    return (
        f"{row['bd_rate']:+.1f} % ({row['bd_metric']:+.2f} dB) on {len(found['pictures'])} pictures of CID22 "
        "validation (luma, one file per rate, 0.25 to 1 bpp), at "
        f"{row['seconds_per_megapixel']:.0f} s per megapixel and rate on "
        "one core.\n"
    )


def parts() -> str:
    """Return what parts of the codec are worth."""
    found = result("parts")
    rows = [["part", "BD-rate", "PSNR"]]
    rows += [[p["part"], _percent(p["bd_rate"]), f"{p['bd_metric']:+.2f} dB"] for p in found["parts"]]
    return _table(rows)


def _rate(found: dict[str, Any], anchor: str, codec: str) -> float | None:
    curves = [found["curves"].get(name, {}) for name in (anchor, codec)]
    if not all("psnr" in curve for curve in curves):
        return None
    return bd_rate(*(Curve.of(curve["bpp"], curve["psnr"]) for curve in curves))


def compact() -> str:
    """Return the table of the models without de-quantisation."""
    suites = [result(f"{name}-compact") for name in ("kodak-luma", "cid22-validation-luma")]
    rows = [
        ["", *(f"{place}, against the {anchor}" for place in ("Kodak", "CID22") for anchor in ("9/7", "5/3"))]
    ]
    for name in ("hybrid97-9c-compact", "hybrid53-9c-compact"):
        rates = [_percent(_rate(found, anchor, name)) for found in suites for anchor in ("9-7", "5-3")]
        rows.append([f"`{name}`", *rates])
    return _table(rows)


def ablation() -> str:
    """Return our ablation beside the paper's Table II."""
    found = result("ablation")
    paper = json.loads((HERE / "paper" / "table2.json").read_text())["psnr"]
    rows = [
        [
            "configuration",
            "J / J(base) at the end",
            "against the 5/3",
            "against the 9/7",
            "P1 against the 5/3",
            "P1 against the 9/7",
        ]
    ]
    for name, stages in found["training"].items():
        rates = [
            "-" if (rate := _rate(found, anchor, name)) is None else f"{rate:+.1f} %"
            for anchor in ("5-3", "9-7")
        ]
        theirs = []
        for anchor in ("5-3", "9-7"):
            values = [each[name] for each in paper[anchor].values() if name in each]
            theirs.append(f"{min(values):+.1f} to {max(values):+.1f} %" if values else "")
        rows.append([f"`{name}`", f"{stages['end-to-end'][1]:.3f}", *rates, *theirs])
    return _table(rows)


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


def _table(rows: list[list[str]]) -> str:
    head, *rest = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *rest]) + "\n"


def access_bytes() -> str:
    """Return what parts of a file cost, of a file object and of a URL."""
    found = result("access-bytes")
    parts: dict[str, dict[str, Any]] = {}
    for case in found["parts"]:
        parts.setdefault(case["part"], {})[case["file"]] = case
    files = list(next(iter(parts.values())))
    rows = [["", *files]]
    for part, cases in parts.items():
        for start, label in (("", part), ("url_", "of a URL")):
            shares = [
                f"{100 * case[start + 'bytes'] / case['size']:.2f} %, {case[start + 'requests']} requests"
                for case in cases.values()
            ]
            rows.append([label, *shares])
    size = found["parts"][0]["size"] / 1e6
    share = 100 * found["layers_bpp"][0] / found["layers_bpp"][-1]
    side = found["side"]
    head = f"A picture of {side} x {side}, {size:.1f} MB. The first layer has {share:g} % of the bytes.\n\n"
    return head + _table(rows)


def access_regions() -> str:
    """Return the time of regions by their side."""
    found = result("access-regions")
    cases = found["regions"]
    rows = [["side of the region", *(str(case["size"]) for case in cases)]]
    for side, key in ((found["side"], "seconds"), (2048, "seconds_small_file")):
        times = [f"{case[key]:.2f} s" if key in case else "" for case in cases]
        rows.append([f"of {side} x {side}", *times])
    return _table(rows)


def access_large() -> str:
    """Return time and memory of large pictures."""
    rows = [["", "written", "read back, block by block", "peak memory", "PSNR"]]
    for case in result("access-large")["cases"]:
        seconds = [f"{case[f'{what}_seconds_per_megapixel']:.2f} s/MP" for what in ("write", "read")]
        side = f"{case['side']} x {case['side']}"
        rows.append([side, *seconds, f"{case['peak_gib']:.2f} GiB", f"{case['psnr']:.2f} dB"])
    return _table(rows)


def access_borders() -> str:
    """Return what the squared error near the borders of tiles is over that further inside."""
    found: dict[str, list[float]] = {}
    for case in result("access-borders")["cases"]:
        found.setdefault(case["kind"], []).append(case["tiled_db"] - case["untiled_db"])
    spans = [f"{kind} from {min(some):+.2f} to {max(some):+.2f} dB" for kind, some in found.items()]
    return f"{', '.join(spans)}.\n"


def arrays() -> str:
    """Return dask's means over a large file, and a volume in Zarr."""
    found = result("arrays")
    rows = [["dask's mean over", "bytes", "peak memory", "is numpy's"]]
    for case in found["large"]:
        same = abs(case["mean"] - case["numpy_mean"]) < 1e-9 * case["numpy_mean"]
        memory = f"{case['peak_bytes'] / 2**20:.0f} MiB"
        rows.append(
            [
                case["name"],
                f"{case['bytes'] / 1e6:.1f} MB",
                memory,
                "yes" if same else "no",
            ]
        )
    first = _table(rows)
    volume = found["volume"]
    rows = [["Zarr", "compression", "read back"]]
    for case in volume["cases"]:
        ratio = math.prod(volume["shape"]) * np.dtype(volume["dtype"]).itemsize / case["bytes"]
        rows.append(
            [case["name"], f"{ratio:.2f} : 1", "exact" if case["lossless"] else f"{case['psnr']:.2f} dB"]
        )
    return f"{first}\n{_table(rows)}"


def batch() -> str:
    """Return how a collection scales."""
    found = result("batch")
    pixels, rounds = found["megapixels"], found["counted"]
    one, two = (median(each[count] for each in rounds) for count in ("one", "two"))
    ratios = ", ".join(f"{each['one'] / each['two']:.2f}" for each in rounds)
    rows = [
        ["", "time", "speed"],
        ["one by one, in one process", *_speed(pixels, found["sequential_s"])],
        ["`--processes 1`", *_speed(pixels, one)],
        ["`--processes 2`", *_speed(pixels, two)],
        ["two Dask workers, one of them killed", *_speed(pixels, found["cluster_s"])],
    ]
    equal = "All files of all runs are equal" if found["equal"] else "Files of the runs differ"
    once = "each is written once" if found["once"] else "some are written twice"
    return (
        f"{_table(rows)}\nTwo processes are {found['scaling']:.2f} times as fast as one (median of the quiet "
        f"rounds: {ratios}).\n{equal}; {once}.\n"
    )


def _speed(megapixels: float, seconds: float) -> list[str]:
    return [f"{seconds:.1f} s", f"{megapixels / seconds:.2f} MP/s"]


def neural_coding() -> str:
    """Return the BD-rates of the neural profile against all that its suite has measured, and published curves."""
    found, model = result("kodak-neural"), "context97"
    learned = next(
        codec["name"] for codec in found["codecs"] if codec["kind"] == "learned" and codec["name"] != model
    )
    rows = [["against", "PSNR of RGB", "PSNR of luma", "mean of the pictures, RGB", "luma", "better on"]]
    for anchor, title in {"9-7": "OpenJPEG's 9/7", learned: "the default model, EBCOT"}.items():
        both = [found["against"][model][anchor][metric] for metric in ("psnr", "psnr-y")]
        rates = [_percent(each[key]) for key in ("bd_rate", "mean") for each in both]
        rows.append([title, *rates, f"{both[0]['better_on']} of {both[0]['of']}"])
    for anchor, title in {"published-hm": "HM, published", "published-vtm": "VTM, published"}.items():
        rows.append([title, _percent(found["against_published"][model][anchor]), "-", "-", "-", "-"])
    return _table(rows)


def neural_ablation() -> str:
    """Return what luma's knowledge is worth to chroma, and the transform to the context model."""
    found = result("neural-ablation")
    curves = found["curves"]
    pairs = {
        "chroma that knows luma, against chroma that does not": (
            "context97-unconditioned",
            "context97-small",
        ),
        "the learned transform, against the 9/7": ("context-base97", "context97-small"),
    }
    rows = [["all else equal", "PSNR of RGB", "PSNR of luma"]]
    for title, pair in pairs.items():
        rates = [
            bd_rate(*(Curve.of(curves[name]["bpp"], curves[name][metric]) for name in pair))
            for metric in ("psnr", "psnr-y")
        ]
        rows.append([title, *map(_percent, rates)])
    return _table(rows)


def neural_conditioning() -> str:
    """Return what other components are worth to chroma after a longer training, on two sets of pictures."""
    head = [
        "chroma gets",
        "pictures",
        "PSNR of RGB",
        "PSNR of luma",
        "mean of the pictures, RGB",
        "from",
        "to",
    ]
    rows = [head]
    for study, model, what, place in (
        ("conditioning", "context97-small", "details", "Kodak"),
        ("conditioning-cid22", "context97-small", "details", "CID22"),
        ("prediction", "context97-predicted", "details, and what they foretell", "Kodak"),
        ("prediction-cid22", "context97-predicted", "details, and what they foretell", "CID22"),
    ):
        found = result(f"neural-{study}")
        delta, luma = (
            next(d for d in found["deltas"] if d["codec"] == model and d["metric"] == metric)
            for metric in ("psnr", "psnr-y")
        )
        single = [value for value in delta["per_picture"].values() if value is not None]
        rates = [delta["bd_rate"], luma["bd_rate"], delta["mean"], min(single), max(single)]
        rows.append([what, f"{place}, {len(found['pictures'])}", *map(_percent, rates)])
    return _table(rows)


def neural_lossless() -> str:
    """Return the sizes of lossless files."""
    totals = result("neural-lossless")["totals"]
    base = totals["OpenJPEG 5/3"]
    sizes = [f"{100 * (size / base - 1):+.2f} % ({name})" for name, size in totals.items() if size != base]
    return f"Lossless, all bytes against OpenJPEG's 5/3: {', '.join(sizes)}.\n"


def neural_exact() -> str:
    """Return how many files decode to the same subbands, and their size against the cross-entropy."""
    files = result("neural-exact")["files"]
    over = max(row["segments"] / row["cross_entropy"] - 1 for row in files)
    head = [row["bytes"] - row["segments"] for row in files]
    same = sum(row["same"] and row["exact"] for row in files)
    return (
        f"Of {len(files)} files {same} decode to the same subbands in another process with other threads; their coded "
        f"coefficients are {100 * over:.2f} % above the model's cross-entropy at most, and headers, preview and boxes "
        f"are {min(head)} to {max(head)} bytes.\n"
    )


def neural_speed() -> str:
    """Return seconds and multiply-accumulates."""
    found = result("neural-speed")
    rows = [["768 x 512 RGB", "threads", "encoding", "decoding"]]
    rows += [
        [case["what"], str(case["threads"]), f"{case['encode']:.2f} s", f"{case['decode']:.2f} s"]
        for case in found["cases"]
    ]
    cost = found["models"]["context97"]
    return (
        f"{_table(rows)}\n`context97` has {cost['weights']:,} weights and takes {cost['rgb'] / 1000:.1f} "
        "thousand multiply-accumulates per pixel of RGB.\n"
    )


_FIGURES = {
    "coding": coding,
    "least-gain": least_gain,
    "guided": guided,
    "damage": damage,
    "effort": effort,
    "compact": compact,
    "ablation": ablation,
    "parts": parts,
    "neural-coding": neural_coding,
    "neural-ablation": neural_ablation,
    "neural-conditioning": neural_conditioning,
    "neural-lossless": neural_lossless,
    "neural-exact": neural_exact,
    "neural-speed": neural_speed,
    "speed": speed,
    "readers": readers,
    "access-bytes": access_bytes,
    "access-regions": access_regions,
    "access-large": access_large,
    "access-borders": access_borders,
    "arrays": arrays,
    "batch": batch,
}


def rendered(text: str) -> str:
    """Return a page with the figures of the results in their places."""
    return _MARKS.sub(lambda match: f"{match[1]}{_FIGURES[match[2]]()}{match[3]}", text)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    old = {page: page.read_text() for page in PAGES}
    new = {page: rendered(text) for page, text in old.items()}
    if options.check:
        return int(new != old)
    for page, text in new.items():
        page.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
