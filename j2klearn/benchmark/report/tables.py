"""The results of a benchmark as text for a terminal."""

from __future__ import annotations

from typing import Any

from ...core.text_table import text_table

__all__ = ["curve_table", "delta_table", "speed_table", "summary"]

_UNITS = {"psnr": "dB", "ssim": "SSIM", "ms-ssim": "MS-SSIM", "ssimulacra2": "SSIMULACRA2", "psnr-y": "dB"}


def _number(value: float | None, form: str, otherwise: str = "-") -> str:
    return otherwise if value is None else format(value, form)


def curve_table(results: dict[str, Any]) -> str:
    """Return a table of rates and PSNRs of every codec, averaged over the pictures."""
    curves = {name: curve for name, curve in results["curves"].items() if "psnr" in curve}
    titles = {codec["name"]: codec["name"] for codec in results["codecs"]}
    points = max((len(curve["bpp"]) for curve in curves.values()), default=0)
    rows = [["point", *(head for name in curves for head in (f"{titles[name]} bpp", "dB"))]]
    for point in range(points):
        cells = [str(point + 1)]
        for curve in curves.values():
            there = point < len(curve["bpp"])
            cells += [f"{curve['bpp'][point]:.3f}", f"{curve['psnr'][point]:.2f}"] if there else ["", ""]
        rows.append(cells)
    return text_table(rows)


def delta_table(results: dict[str, Any]) -> str:
    """Return a table of the BD-rates of every codec and metric against the anchor."""
    anchor = results["protocol"]["anchor"]
    rows = [
        [
            "codec",
            "metric",
            f"BD-rate vs {anchor}",
            "95 % interval",
            "mean of pictures",
            "BD",
            "better on",
            "least gain at equal bytes",
        ]
    ]
    for delta in results["deltas"]:
        interval, least = delta["interval"], delta["least_gain"]
        unit = _UNITS[delta["metric"]]
        rows.append(
            [
                delta["codec"],
                delta["metric"],
                _number(delta["bd_rate"], "+.2f") + " %",
                "-" if interval is None else f"{interval[0]:+.2f} to {interval[1]:+.2f} %",
                "-" if delta["mean"] is None else f"{delta['mean']:+.2f} %",
                _number(delta["bd_metric"], "+.2f" if unit == "dB" else "+.4f") + f" {unit}",
                f"{delta['better_on']} of {delta['of']}" if delta["of"] else "-",
                "-" if least is None else f"{least['value']:+.3f} {unit}, {least['picture']}",
            ]
        )
    return text_table(rows)


def worst_table(results: dict[str, Any]) -> str:
    """Return a table of the pictures on which learned codecs gain least."""
    rows = [["least gain", "picture", "BD-rate"]]
    learned = {codec["name"] for codec in results["codecs"] if codec["kind"] == "learned"}
    for delta in results["deltas"]:
        if delta["metric"] == "psnr" and delta["codec"] in learned:
            rows += [
                [delta["codec"], name, f"{delta['per_picture'][name]:+.2f} %"] for name in delta["worst"]
            ]
    return text_table(rows)


def speed_table(speed: dict[str, Any]) -> str:
    """Return a table of times, ratios and memory of every case."""
    rows = [
        [
            "codec",
            "MP",
            "threads",
            "work",
            "s",
            "spread",
            "MP/s",
            f"x {speed['anchor']}",
            "peak MiB",
            "stages",
        ]
    ]
    for case in speed["cases"]:
        for work in ("encode", "decode"):
            part = case[work]
            stages = ", ".join(f"{name} {share:.0%}" for name, share in part["stages"].items())
            low, high = part["spread_s"]
            rows.append(
                [
                    case["codec"],
                    f"{case['megapixels']:.2f}",
                    str(case["threads"]),
                    work,
                    f"{part['median_s']:.3f}",
                    f"{low:.3f} to {high:.3f}",
                    f"{part['mp_per_s']:.2f}",
                    _number(part["ratio"], ".2f"),
                    _number(None if part["peak_bytes"] is None else part["peak_bytes"] / 2**20, ".0f"),
                    stages,
                ]
            )
    return text_table(rows)


def summary(results: dict[str, Any]) -> str:
    """Return the text that is printed at the end of a run: the protocol and all tables."""
    protocol = results["protocol"]
    parts = [f"{len(results['pictures'])} pictures. {protocol['text']}"]
    if any("psnr" in curve for curve in results["curves"].values()):
        parts.append(curve_table(results))
    if results["deltas"]:
        parts.append(delta_table(results))
    if any(codec["kind"] == "learned" for codec in results["codecs"]):
        parts.append(worst_table(results))
    if results["speed"]:
        parts.append(speed_table(results["speed"]))
    return "\n\n".join(parts)
