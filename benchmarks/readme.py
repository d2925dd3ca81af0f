"""Write the figures of the README and of the pages in docs, from the files in benchmarks/results.

    python benchmarks/readme.py            # write them into the pages
    python benchmarks/readme.py --check    # write nothing; exit status 1 if a page is out of date

A page marks the place of a figure by two comments. The text between them is generated: a table or a sentence, and the
commands that made the results.

    <!-- figures: NAME -->
    <!-- end of figures -->

The plots (`benchmarks/plots.py`) are drawn too. So is the picture of the README (`benchmarks/equal_bytes.py`), if it
was made with another model than the default one.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import plots

from j2klearn.metrics.bd_rate import Curve, bd_rate
from j2klearn.models.registry import DEFAULT_MODEL, shipped

HERE = Path(__file__).parent
ROOT = HERE.parent
_MARKS = re.compile(r"(<!-- figures: (\S+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)

#: Suites of the table, in its order.
_SUITES = (
    "kodak-luma",
    "kodak-rgb",
    "kodak-single-rate",
    "cid22-validation-luma",
    "kodak-8-bit",
    "kodak-12-bit",
    "kodak-16-bit",
)

#: Results of the table of profiles.
_PROFILES = (
    "kodak-rgb",
    "kodak-neural",
    "lossless-kodak",
    "neural-lossless",
    "neural-speed",
    "other-readers-kodak",
)


#: Pictures by their name in results.
_PICTURES = {"kodak": "Kodak", "cid22-validation": "CID22 validation"}

_TEXT_WIDTH = 118  # characters per line of text
_COMMAND_WIDTH = 116  # characters per line of a command

Result = dict[str, Any]


def pages() -> list[Path]:
    """Return the pages that have figures: the README, and those in docs."""
    every = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in every if _MARKS.search(page.read_text())]


def result(name: str) -> Result:
    """Return the stored results of a benchmark."""
    loaded: Result = json.loads((HERE / "results" / f"{name}.json").read_text())
    return loaded


def _table(rows: list[list[str]]) -> str:
    head, *rest = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *rest]) + "\n"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f} %"


def _of_default(found: Result, metric: str = "psnr") -> Result:
    """Return a suite's comparison of its first learned codec, the default model, with the 9/7."""
    model = next(codec["name"] for codec in found["codecs"] if codec["kind"] == "learned")
    deltas: list[Result] = found["deltas"]
    return next(delta for delta in deltas if delta["codec"] == model and delta["metric"] == metric)


def _neural(found: Result, metric: str) -> Result:
    """Return a suite's comparison of the neural profile with the 9/7."""
    against: Result = found["against"]["context97"]["9-7"][metric]
    return against


def _lossless(found: Result, name: str = "neural") -> float:
    """Return the difference in size of lossless files to those of the 5/3, in per cent."""
    totals = found["totals"]
    return float(100 * (totals[name] / totals["OpenJPEG 5/3"] - 1))


def lossless(*found: Result) -> str:
    """Return the table of lossless files: sizes, times, and the PSNR of lower layers and of other readers."""
    rows = [
        [
            *("pictures", "learned", "worst", "JPEG XL", "neural profile", "learned for"),
            *("time to write, to read", "with two threads", "layers", "other readers"),
        ]
    ]
    for one in found:
        for kind, name in (("rgb", "RGB"), ("luma", "luma")):
            own, layers = one[kind], "-"
            if 2 * own["learned"] > own["pictures"]:
                layers = " ".join(f"{db:+.1f}" for db in own["dB of layers"]) + " dB"
            rows.append(
                [
                    f"{one['name']}, {name}",
                    _percent(own["change %"]),
                    _percent(own["largest change %"]),
                    _percent(own["JPEG XL %"]),
                    _percent(own.get("neural %")),
                    f"{own['learned']} of {own['pictures']}",
                    *(
                        f"{own[f'encode time, {threads} threads']:.1f}, {own[f'decode time, {threads} threads']:.1f}"
                        for threads in (1, 2)
                    ),
                    layers,
                    f"{own['other readers dB']:.0f} dB"
                    if layers != "-" and "other readers dB" in own
                    else "-",
                ]
            )
    return _table(rows)


def profiles(
    rgb: Result, neural: Result, exact: Result, lossless: Result, speed: Result, readers: Result
) -> str:
    """Return the table from which a user chooses a profile."""
    seconds = {case["what"]: case for case in speed["cases"] if case["threads"] == 1}
    columns = ("OpenJPEG 9/7, 0.75 bpp", "learned, EBCOT, 0.75 bpp", "neural, quality 30")
    ebcot, small = _of_default(rgb)["bd_rate"], _neural(neural, "psnr")["bd_rate"]
    sizes = [f"{100 + rate:.0f} %" for rate in (0, ebcot, small)]
    exactly = [f"{100 + change:.0f} %" for change in (0, exact["rgb"]["change %"], _lossless(lossless))]
    times = [f"{seconds[each]['encode']:.2f} s; {seconds[each]['decode']:.2f} s" for each in columns]
    approximation = f"an approximation ({readers['mean_psnr']:.0f} dB at {readers['bpp']:g} bpp)"
    rows = [
        ["", "ordinary JPEG 2000", "EBCOT profile (default)", "neural profile"],
        ["choose it if", "all programs must show the picture", "in doubt", "nothing but size counts"],
        ["how to write it", "`encode(..., model=None)`", "`encode(...)`", '`encode(..., profile="neural")`'],
        ["size at equal PSNR; lossless", *map("; ".join, zip(sizes, exactly, strict=True))],
        ["time to write; to read", *times],
        ["j2klearn shows", *["the picture"] * 3],
        ["other programs show", "the picture", approximation, "a small preview"],
        ["under `j2klearn run` they show", "the picture", "the picture", "a small preview"],
    ]
    return _table(rows)


def equal_bytes(found: Result) -> str:
    """Return the picture of equal bytes, and what the two files have."""
    size, quality = found["bytes"], found["psnr"]
    picture = (
        "![The same part of a photograph: the original, coded by OpenJPEG, and coded by j2klearn]"
        "(docs/pictures/equal-bytes.png)"
    )
    text = (
        f"Two files of equal size, {found['bpp']:g} bits per pixel: {size['ordinary']:,} and {size['learned']:,} "
        f"bytes, with a PSNR of {quality['ordinary']:.1f} dB and {quality['learned']:.1f} dB. Photograph: NASA."
    )
    return f"{picture}\n\n{textwrap.fill(text, _TEXT_WIDTH)}\n"


def measured_by(*found: Result) -> str:
    """Return what stands above the commands of the figures of the README."""
    return "These commands measure the figures of the README. `PICTURES` is the folder of the pictures.\n"


#: What each model is for.
_PURPOSES = {
    "hybrid97-16p7-guided": "photographs",
    "hybrid97-8p7-dq": "photographs, where reading has to be quick",
    "hybrid97-32p9-guided": "photographs, where reading may be slow",
    "hybrid97-16p7-dq": "the default of an earlier version, with a smaller network for chroma",
    "hybrid97-9c-compact-guided": "the larger model of earlier versions",
    "hybrid97-9c-compact-dq": "the first default",
    "hybrid97-16p7": "research: no de-quantisation",
    "hybrid97-9c-compact": "research: no de-quantisation",
    "hybrid53-9c-compact": "research: the transform on the 5/3",
}


def models(times: Result, *suites: Result) -> str:
    """Return the table from which a user chooses a model."""
    gains: dict[str, list[float | None]] = {}
    for at, found in enumerate(suites):
        place = "rgb" if found["protocol"]["channels"] == "rgb" else "luma"
        for codec in found["codecs"]:
            if codec["kind"] == "learned":
                rates = gains.setdefault(codec["name"], [None, None])
                delta = next(
                    d for d in found["deltas"] if d["codec"] == codec["name"] and d["metric"] == "psnr"
                )
                column = ("luma", "rgb").index(place)
                rates[column] = delta["bd_rate"] if rates[column] is None or not at else rates[column]
    rows = [["model", "for", "BD-rate, luma", "BD-rate, RGB", "time to write", "time to read"]]
    for case in times["cases"]:
        name = case["model"]
        spent = [f"{case[f'{what}_ratio']:.1f} x" for what in ("encode", "decode")]
        if name == "9-7":
            rows.append(["`model=None`", "ordinary JPEG 2000", "0", "0", *spent])
            continue
        title = f"`{name}`" + (", the default" if name == DEFAULT_MODEL else "")
        rows.append([title, _PURPOSES[name], *map(_percent, gains.get(name, [None, None])), *spent])
    return _table(rows)


def efforts(found: Result) -> str:
    """Return the table of efforts."""
    does = {1: "compares with the 9/7 and the 5/3", 2: "also fits the coefficients to the decoder"}
    rows = [
        ["`effort=`", "what the encoder does", "BD-rate against `effort=0`", "seconds per megapixel"],
        ["0", "one coding; drawings are compared with the 9/7 and the 5/3", "0", "-"],
    ]
    for row in found["efforts"]:
        spent = row["seconds_per_megapixel"]
        seconds = f"{spent:.0f}" if spent > 10 else f"{spent:.1f}"
        rows.append([str(row["effort"]), does[row["effort"]], _percent(row["bd_rate"]), seconds])
    return _table(rows)


def who_sees(found: Result) -> str:
    """Return the table of what programs show."""
    approximation = f"approximation, {found['mean_psnr']:.0f} dB"
    full, preview, no = "full quality", "preview", "not possible"
    through = "GDAL, Pillow, glymur, ImageMagick, libvips, OpenJPEG's own commands"
    rows = [
        ["program", "ordinary file", "learned file", "learned file, under `j2klearn run`", "neural file"],
        ["j2klearn: Python, command line, its Pillow plugin, its `Jp2k`", full, full, "-", full],
        [f"Linux programs that use OpenJPEG: {through}", full, approximation, full, preview],
        ["FFmpeg with `-c:v libopenjpeg`", full, approximation, full, preview],
        ["programs with another decoder (Kakadu, Grok, FFmpeg's own)", full, approximation, no, preview],
        ["all programs on macOS and Windows but j2klearn", full, approximation, no, preview],
    ]
    return _table(rows)


def summary(*found: Result) -> str:
    """Return the table of the README: one BD-rate for each set of pictures."""
    *suites, neural, lossless = found
    rows = [["pictures", "profile", "compared with", "BD-rate", "smaller on"]]
    for suite in suites:
        delta = _of_default(suite)
        saved, better = _percent(delta["bd_rate"]), f"{delta['better_on']} of {delta['of']}"
        rows.append([suite["suite"], "EBCOT", "9/7", saved, better])
    delta = _neural(neural, "psnr")
    better = f"{delta['better_on']} of {delta['of']}"
    rows.append(["Kodak, RGB", "neural", "9/7", _percent(delta["bd_rate"]), better])
    rows.append(
        ["Kodak, RGB, lossless", "neural", "5/3", f"{_percent(_lossless(lossless))} (all bytes)", "-"]
    )
    return _table(rows)


def coding(*suites: Result) -> str:
    """Return the table of BD-rates of the default model."""
    titles = {"ssim": "SSIM", "ms-ssim": "MS-SSIM", "ssimulacra2": "SSIMULACRA2"}
    measured = {metric for found in suites for metric in found["protocol"]["metrics"]}
    shown = [metric for metric in titles if metric in measured]
    rows = [["pictures", "PSNR", "95 % interval", *(titles[metric] for metric in shown), "better on"]]
    for found in suites:
        first = _of_default(found)
        interval = "-" if first["interval"] is None else "{:+.1f} to {:+.1f} %".format(*first["interval"])
        rates = [
            _percent(_of_default(found, metric)["bd_rate"]) if metric in found["protocol"]["metrics"] else "-"
            for metric in shown
        ]
        better = f"{first['better_on']} of {first['of']}"
        rows.append([found["suite"], _percent(first["bd_rate"]), interval, *rates, better])
    return _table(rows)


def other_models(*suites: Result) -> str:
    """Return the BD-rates of the shipped models, of luma and of colour."""
    gains: dict[str, dict[str, str]] = {}
    for found in suites:
        title = found["suite"].removesuffix(", other models")
        learned = {codec["name"] for codec in found["codecs"] if codec["kind"] == "learned"}
        for delta in found["deltas"]:
            if delta["codec"] in learned and delta["metric"] == "psnr":
                gains.setdefault(delta["codec"], {})[title] = _percent(delta["bd_rate"])
    titles = list(dict.fromkeys(title for row in gains.values() for title in row))
    rows = [["model", *titles]]
    for name, row in gains.items():
        label = f"`{name}`" + (", the default" if name == DEFAULT_MODEL else "")
        rows.append([label, *(row.get(title, "-") for title in titles)])
    return _table(rows)


def least_gain(*suites: Result) -> str:
    """Return the smallest distance of the averaged curve above that of the 9/7."""
    gains = []
    for found in suites:
        curves = found["curves"]
        pairs = zip(curves[DEFAULT_MODEL]["psnr"], curves["9-7"]["psnr"], strict=True)
        gains += [mine - other for mine, other in pairs]
    return (
        "In every row of the table above, the mean PSNR is higher than that of the 9/7 at all ten rates: by "
        f"{min(gains):.2f} dB or more.\n"
    )


def damage(*suites: Result) -> str:
    """Return the worst results on pictures where a learned transform could be worse than the 9/7."""
    screens, burnt = map(_of_default, suites)
    least = [delta["least_gain"]["value"] for delta in (screens, burnt)]
    return (
        "The worst of all pictures and ten rates, at equal bytes against the 9/7 (luma): "
        f"{least[0]:+.2f} dB on {len(screens['per_picture'])} screenshots, {least[1]:+.2f} dB on Kodak with "
        "burnt-out highlights.\n"
    )


def effort(found: Result) -> str:
    """Return the gain and the time of effort 2."""
    row = next(row for row in found["efforts"] if row["effort"] == 2)
    return (
        f"`effort=2` against `effort=0`: {row['bd_rate']:+.1f} % ({row['bd_metric']:+.2f} dB) on "
        f"{len(found['pictures'])} pictures of CID22 validation (luma, one file per rate, 0.25 to 1 bpp). It takes "
        f"{row['seconds_per_megapixel']:.0f} s per megapixel and rate on one core.\n"
    )


def tuning(*suites: Result) -> str:
    """Return the BD-rates of ``tune="visual"`` against ``tune="psnr"``."""
    rows = [["pictures", "transform", "PSNR", "MS-SSIM", "MS-SSIM of luma", "SSIMULACRA2", "better on"]]
    for found in suites:
        by_codec: dict[str, dict[str, Result]] = {}
        for row in found["rows"]:
            by_codec.setdefault(row["codec"], {})[row["metric"]] = row
        for codec, rates in by_codec.items():
            seen = rates["ssimulacra2"]
            metrics = ("psnr", "ms-ssim", "ms-ssim-y", "ssimulacra2")
            rows.append(
                [
                    f"{_PICTURES[found['name']]}, the first {len(found['pictures'])}",
                    found["model"] if codec == "default" else codec,
                    *(_percent(rates[metric]["bd_rate"]) for metric in metrics),
                    f"{seen['better_on']} of {seen['of']}",
                ]
            )
    return _table(rows)


def parts(found: Result) -> str:
    """Return the gains of parts of the codec."""
    rows = [["part", "BD-rate", "PSNR"]]
    rows += [[p["part"], _percent(p["bd_rate"]), f"{p['bd_metric']:+.2f} dB"] for p in found["parts"]]
    return _table(rows)


def _rate(found: Result, anchor: str, codec: str, metric: str = "psnr") -> float | None:
    curves = [found["curves"].get(name, {}) for name in (anchor, codec)]
    if not all(metric in curve for curve in curves):
        return None
    return bd_rate(*(Curve.of(curve["bpp"], curve[metric]) for curve in curves))


def _paper(metric: str, anchor: str, name: str) -> str:
    """Return the span of a configuration over the test sets of P1's Table II; nothing if it is not there."""
    table = json.loads((HERE / "paper" / "table2.json").read_text(encoding="utf-8"))[metric][anchor]
    values = [each[name] for each in table.values() if name in each]
    return f"{min(values):+.1f} to {max(values):+.1f} %" if values else ""


def _study_names(found: Result) -> list[str]:
    return [codec["name"] for codec in found["codecs"] if codec["kind"] == "learned"]


def study(*found: Result) -> str:
    """Return the trained rows of P1's Table II by metric, on both sets, next to the paper's."""
    metrics = {"psnr": "PSNR", "ssim": "SSIM", "ms-ssim": "MS-SSIM"}
    head = ["configuration", "against"]
    for title in metrics.values():
        head += [f"{title}: Kodak, CID22", "P1"]
    rows = [head]
    for name in _study_names(found[0]):
        for anchor in ("9-7", "5-3"):
            row = [f"`{name}`", anchor.replace("-", "/")]
            for metric in metrics:
                ours = [_rate(one, anchor, name, metric) for one in found]
                row += [", ".join("-" if rate is None else f"{rate:+.1f}" for rate in ours) + " %"]
                row += [_paper(metric, anchor, name)]
            rows.append(row)
    return _table(rows)


def compact(*suites: Result) -> str:
    """Return the table of the models without de-quantisation."""
    rows = [
        ["", *(f"{place}, against the {anchor}" for place in ("Kodak", "CID22") for anchor in ("9/7", "5/3"))]
    ]
    for name in ("hybrid97-9c-compact", "hybrid53-9c-compact"):
        rates = [_percent(_rate(found, anchor, name)) for found in suites for anchor in ("9-7", "5-3")]
        rows.append([f"`{name}`", *rates])
    return _table(rows)


def ablation(found: Result) -> str:
    """Return our short ablation next to the paper's Table II, without the rows that were trained longer."""
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
    trained = _study_names(result("study-kodak"))
    for name, stages in found["training"].items():
        if name in trained:
            continue
        rates = [_rate(found, anchor, name) for anchor in ("5-3", "9-7")]
        shown = ["-" if rate is None else f"{rate:+.1f} %" for rate in rates]
        theirs = [_paper("psnr", anchor, name) for anchor in ("5-3", "9-7")]
        rows.append([f"`{name}`", f"{stages['end-to-end'][1]:.3f}", *shown, *theirs])
    return _table(rows)


def speed(found: Result) -> str:
    """Return the table of times and memory by the size of the picture."""
    rows = [["megapixels", "threads", "encoding", "decoding", "memory"]]
    for case in found["speed"]["cases"]:
        if case["codec"] == "9-7":
            continue
        both = [case["encode"], case["decode"]]
        float32 = case["megapixels"] * 1e6 * case["components"] * 4
        memory = max(part["peak_bytes"] for part in both)
        times = [f"{part['ratio']:.1f} x ({part['mp_per_s']:.1f} MP/s)" for part in both]
        size = f"{memory / 2**20:.0f} MiB, {memory / float32:.1f} x float32"
        rows.append([f"{case['megapixels']:.3g}", str(case["threads"]), *times, size])
    return _table(rows)


def readers(found: Result) -> str:
    """Return the quality of files in an ordinary reader."""
    return (
        f"Its PSNR is {found['mean_psnr']:.1f} dB on average and {found['worst_psnr']:.1f} dB at worst, at "
        f"{found['bpp']:g} bpp on Kodak (RGB, read by Pillow).\n"
    )


def carriers(found: Result) -> str:
    """Return what other readers see, against the gain, at parts of the strength of the learned steps."""
    rows = [["high to low", "low to high", "BD-rate", "other readers, mean", "worst"]]
    for row in found["rows"]:
        strengths = [f"{row[step]:g}" for step in ("h2l", "l2h")]
        shown = [f"{row[f'carrier_{what}']:.1f} dB" for what in ("mean", "worst")]
        rows.append([*strengths, _percent(row["bd_rate"]), *shown])
    return _table(rows)


def access_bytes(found: Result) -> str:
    """Return the bytes and requests of parts of a file, read from a file object and from a URL."""
    cases_of: dict[str, Result] = {}
    for case in found["parts"]:
        cases_of.setdefault(case["part"], {})[case["file"]] = case
    files = list(next(iter(cases_of.values())))
    rows = [["", *files]]
    for part, cases in cases_of.items():
        for start, label in (("", part), ("url_", "the same from a URL")):
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


def access_streams(found: Result) -> str:
    """Return what repacked files of others gain: sums of all files, and how many have less than before."""
    streams = found["streams"]
    done = [each for each in streams if "exact" in each]
    rows = [["", "before", "after", "less in", "more in"]]
    for key, label in (
        ("size", "bytes of the files"),
        ("region_bytes", "bytes for a region"),
        ("region_requests", "requests for a region"),
        ("half_bytes", "bytes for half the resolution"),
        ("half_requests", "requests for half the resolution"),
    ):
        before, after = (sum(each[key][at] for each in done) for at in (0, 1))
        less, more = (sum(sign * (each[key][1] - each[key][0]) > 0 for each in done) for sign in (-1, 1))
        rows.append([label, f"{before:,}", f"{after:,}", f"{less} files", f"{more} files"])
    exact = sum(each["exact"] for each in done)
    head = f"{len(streams)} files, {len(done)} repacked, {exact} exact: all resolutions, and the first layer.\n\n"
    return head + _table(rows)


def access_regions(found: Result) -> str:
    """Return the times of decoding regions, by their side."""
    cases = found["regions"]
    rows = [["side of the region", *(str(case["size"]) for case in cases)]]
    for side, key in ((found["side"], "seconds"), (2048, "seconds_small_file")):
        times = [f"{case[key]:.2f} s" if key in case else "" for case in cases]
        rows.append([f"picture of {side} x {side}", *times])
    return _table(rows)


def access_large(found: Result) -> str:
    """Return time and memory of large pictures."""
    rows = [["", "written", "read back, block by block", "peak memory", "PSNR"]]
    for case in found["cases"]:
        seconds = [f"{case[f'{what}_seconds_per_megapixel']:.2f} s/MP" for what in ("write", "read")]
        side = f"{case['side']} x {case['side']}"
        rows.append([side, *seconds, f"{case['peak_gib']:.2f} GiB", f"{case['psnr']:.2f} dB"])
    return _table(rows)


def access_borders(found: Result) -> str:
    """Return the ratio of the squared error near the borders of tiles to that further inside."""
    by_kind: dict[str, list[float]] = {}
    for case in found["cases"]:
        by_kind.setdefault(case["kind"], []).append(case["tiled_db"] - case["untiled_db"])
    spans = [f"{kind} from {min(some):+.2f} to {max(some):+.2f} dB" for kind, some in by_kind.items()]
    return f"Difference to a file without tiles: {', '.join(spans)}.\n"


def arrays(found: Result) -> str:
    """Return the results of dask on a large file, and of a volume in Zarr."""
    rows = [["dask's mean over", "bytes", "peak memory", "same mean as numpy"]]
    for case in found["large"]:
        same = abs(case["mean"] - case["numpy_mean"]) < 1e-9 * case["numpy_mean"]
        memory = f"{case['peak_bytes'] / 2**20:.0f} MiB"
        rows.append([case["name"], f"{case['bytes'] / 1e6:.1f} MB", memory, "yes" if same else "no"])
    first = _table(rows)
    volume = found["volume"]
    rows = [["Zarr", "compression", "read back"]]
    for case in volume["cases"]:
        ratio = math.prod(volume["shape"]) * np.dtype(volume["dtype"]).itemsize / case["bytes"]
        quality = "exact" if case["lossless"] else f"{case['psnr']:.2f} dB"
        rows.append([case["name"], f"{ratio:.2f} : 1", quality])
    return f"{first}\n{_table(rows)}"


def batch(found: Result) -> str:
    """Return the speed of a collection by the number of processes."""
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


def neural_coding(found: Result) -> str:
    """Return the BD-rates of the neural profile against the codecs of its suite, and against published curves."""
    model = "context97"
    learned = next(
        codec["name"] for codec in found["codecs"] if codec["kind"] == "learned" and codec["name"] != model
    )
    rows = [["against", "PSNR of RGB", "PSNR of luma", "mean of the pictures, RGB", "luma", "better on"]]
    for anchor, title in {"9-7": "OpenJPEG's 9/7", learned: f"the EBCOT profile, `{learned}`"}.items():
        both = [found["against"][model][anchor][metric] for metric in ("psnr", "psnr-y")]
        rates = [_percent(each[key]) for key in ("bd_rate", "mean") for each in both]
        rows.append([title, *rates, f"{both[0]['better_on']} of {both[0]['of']}"])
    for anchor, title in {"published-hm": "HM, published", "published-vtm": "VTM, published"}.items():
        rows.append([title, _percent(found["against_published"][model][anchor]), "-", "-", "-", "-"])
    return _table(rows)


def neural_ablation(found: Result) -> str:
    """Return the gain of conditioning chroma on luma, and of the learned transform under one context model."""
    curves = found["curves"]
    pairs = {
        "chroma conditioned on luma, against chroma that is not": (
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


def neural_conditioning(*studies: Result) -> str:
    """Return the gain of other components as inputs of chroma, after a longer training, on two sets of pictures."""
    rows = [
        [
            "inputs of the chroma network",
            "pictures",
            "PSNR of RGB",
            "PSNR of luma",
            "mean of the pictures, RGB",
            "best picture",
            "worst picture",
        ]
    ]
    details, predicted = "details of earlier components", "details and predictions"
    for found, model, what, place in zip(
        studies,
        ("context97-small", "context97-small", "context97-predicted", "context97-predicted"),
        (details, details, predicted, predicted),
        ("Kodak", "CID22", "Kodak", "CID22"),
        strict=True,
    ):
        delta, luma = (
            next(d for d in found["deltas"] if d["codec"] == model and d["metric"] == metric)
            for metric in ("psnr", "psnr-y")
        )
        single = [value for value in delta["per_picture"].values() if value is not None]
        rates = [delta["bd_rate"], luma["bd_rate"], delta["mean"], min(single), max(single)]
        rows.append([what, f"{place}, {len(found['pictures'])}", *map(_percent, rates)])
    return _table(rows)


def neural_lossless(found: Result) -> str:
    """Return the sizes of lossless files."""
    names = [name for name in found["totals"] if name != "OpenJPEG 5/3"]
    sizes = [f"{_percent(_lossless(found, name))} ({name})" for name in names]
    return f"Lossless, all bytes against OpenJPEG's 5/3: {', '.join(sizes)}.\n"


def neural_exact(found: Result) -> str:
    """Return how many files decode to the same subbands, and their size against the cross-entropy."""
    files = found["files"]
    over = max(row["segments"] / row["cross_entropy"] - 1 for row in files)
    head = [row["bytes"] - row["segments"] for row in files]
    same = sum(row["same"] and row["exact"] for row in files)
    return (
        f"{same} of {len(files)} files decode to the same subbands in another process with another number of "
        f"threads. Their coded coefficients take at most {100 * over:.2f} % more than the cross-entropy of the model. "
        f"Headers, preview and boxes take {min(head)} to {max(head)} bytes.\n"
    )


def neural_speed(found: Result) -> str:
    """Return times and multiply-accumulates of the neural profile."""
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


def rate_proxy(found: Result) -> str:
    """Return the errors of the rate proxy for the size of all packets."""
    rows = [["subbands of", "files", "mean absolute error", "largest error"]]
    for name, title in (("learned", "`hybrid97-9c-compact`"), ("9-7", "the 9/7")):
        errors = [abs(error) for picture in found[name].values() for error in picture]
        mean, worst = (100 * value for value in (sum(errors) / len(errors), max(errors)))
        rows.append([title, str(len(errors)), f"{mean:.1f} %", f"{worst:.1f} %"])
    return _table(rows)


def training_speed(found: Result) -> str:
    """Return the patches per second of native lifting steps in training, beside PyTorch's."""
    sides = f"{found['batch']} patches of {found['crop']} x {found['crop']}"
    rows = [[f"{sides} a step, {found['instructions']}", "PyTorch", "native", "ratio"]]
    for case in found["cases"]:
        speeds = [f"{case[way]:.1f}" for way in ("pytorch", "native")]
        rows.append([f"`{case['config']}`", *speeds, f"{case['ratio']:.2f}"])
    return _table(rows)


def machines(*every: Result) -> str:
    """Return the machine and the versions of the results."""
    cores = sorted({str(found["machine"]["cores"]) for found in every})
    processors = sorted({found["machine"]["processor"] for found in every})
    versions = []
    for key, title in (("j2klearn", "j2klearn"), ("openjpeg", "OpenJPEG"), ("torch", "PyTorch")):
        of_package = sorted({found["versions"][key] for found in every if key in found["versions"]})
        versions.append(f"{title} {' or '.join(of_package)}")
    return (
        f"Machine of all results: {' or '.join(processors)}, {' or '.join(cores)} cores. "
        f"Versions: {', '.join(versions)}.\n"
    )


@dataclass(frozen=True)
class Figure:
    """A block of a page.

    Attributes
    ----------
    text : callable
        Makes the text from the results.
    results : tuple of str
        Names of the results.
    commands : bool
        Append the commands that made the results. If false, another block of the page has them.
    commands_of : tuple of str
        Results of other blocks whose commands are appended here.
    """

    text: Callable[..., str]
    results: tuple[str, ...]
    commands: bool = True
    commands_of: tuple[str, ...] = ()

    def block(self) -> str:
        """Return the text, and the commands that made the results."""
        found = [result(name) for name in self.results]
        text = self.text(*found)
        return f"{text}\n{_commands([*found, *map(result, self.commands_of)])}" if self.commands else text


def _commands(found: list[Result]) -> str:
    """Return the commands of results, once each, as a code block."""
    lines = []
    for command in dict.fromkeys(each["command"] for each in found):
        first, *rest = textwrap.wrap(command, _COMMAND_WIDTH, break_long_words=False, break_on_hyphens=False)
        lines.append(" \\\n        ".join([first, *rest]))
    return "".join(f"    {line}\n" for line in lines)


FIGURES = {
    "profiles": Figure(profiles, _PROFILES, commands=False),
    "equal-bytes": Figure(equal_bytes, ("equal-bytes",), commands=False),
    "measured-by": Figure(measured_by, ("equal-bytes", *_PROFILES)),
    "summary": Figure(
        summary,
        ("kodak-luma", "kodak-rgb", "cid22-validation-luma", "kodak-neural", "neural-lossless"),
        commands_of=("lossless-kodak", "lossless-cid22", "access-bytes"),
    ),
    "models": Figure(
        models,
        (
            "model-times",
            "kodak-luma",
            "kodak-rgb",
            "kodak-luma-models",
            "kodak-rgb-models",
            "kodak-luma-compact",
        ),
    ),
    "efforts": Figure(efforts, ("effort",)),
    "who-sees": Figure(who_sees, ("other-readers-kodak",)),
    "coding": Figure(coding, _SUITES),
    "lossless": Figure(
        lossless,
        ("lossless-kodak", "lossless-cid22", "lossless-screen", "lossless-kodak-12"),
    ),
    "least-gain": Figure(least_gain, _SUITES, commands=False),
    "other-models": Figure(
        other_models,
        (
            *("kodak-luma", "kodak-rgb", "cid22-validation-luma"),
            *("kodak-luma-models", "kodak-rgb-models", "cid22-validation-luma-models"),
        ),
    ),
    "damage": Figure(damage, ("screenshots-luma", "overexposed-luma")),
    "effort": Figure(effort, ("effort",)),
    "tuning": Figure(tuning, tuple(sorted(path.stem for path in (HERE / "results").glob("tuning-*.json")))),
    "compact": Figure(compact, ("kodak-luma-compact", "cid22-validation-luma-compact")),
    "study": Figure(study, ("study-kodak", "study-cid22")),
    "ablation": Figure(ablation, ("ablation",)),
    "parts": Figure(parts, ("parts",)),
    "training-speed": Figure(training_speed, ("training-speed",)),
    "rate-proxy": Figure(rate_proxy, ("rate-proxy-kodak",)),
    "neural-coding": Figure(neural_coding, ("kodak-neural",)),
    "neural-ablation": Figure(neural_ablation, ("neural-ablation",)),
    "neural-conditioning": Figure(
        neural_conditioning,
        (
            "neural-conditioning",
            "neural-conditioning-cid22",
            "neural-prediction",
            "neural-prediction-cid22",
        ),
    ),
    "neural-lossless": Figure(neural_lossless, ("neural-lossless",)),
    "neural-exact": Figure(neural_exact, ("neural-exact",)),
    "neural-speed": Figure(neural_speed, ("neural-speed",)),
    "speed": Figure(speed, ("speed",)),
    "readers": Figure(readers, ("other-readers-kodak",)),
    "carriers": Figure(carriers, ("carrier-kodak",)),
    "access-bytes": Figure(access_bytes, ("access-bytes",)),
    "access-repacked": Figure(access_bytes, ("access-repacked",)),
    "access-streams": Figure(access_streams, ("access-streams",)),
    "access-regions": Figure(access_regions, ("access-regions",)),
    "access-large": Figure(access_large, ("access-large",)),
    "access-borders": Figure(access_borders, ("access-borders",)),
    "arrays": Figure(arrays, ("arrays",)),
    "batch": Figure(batch, ("batch",)),
    "machines": Figure(
        machines, tuple(sorted(path.stem for path in (HERE / "results").glob("*.json"))), commands=False
    ),
}


def named(text: str) -> list[str]:
    """Return the names of the figures on a page."""
    return [match[2] for match in _MARKS.finditer(text)]


def rendered(text: str) -> str:
    """Return the text of a page with its figures generated from the results."""
    return _MARKS.sub(lambda match: f"{match[1]}{FIGURES[match[2]].block()}{match[3]}", text)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    stale = result("equal-bytes")["model_id"] != shipped()[DEFAULT_MODEL].id.hex()
    if stale and not options.check:
        import equal_bytes as picture  # imports the coder, which --check does not need

        picture.measure()
    old = {page: page.read_text() for page in pages()}
    new = {page: rendered(text) for page, text in old.items()}
    if options.check:
        return int(new != old or stale or bool(plots.out_of_date()))
    for page, text in new.items():
        page.write_text(text)
    plots.draw_all(ROOT / plots.FOLDER)
    return 0


if __name__ == "__main__":
    sys.exit(main())
