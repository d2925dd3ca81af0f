"""Figures of the report as plotly takes them: plain data and layout.

``meta`` is for the page's script: colours are names of custom properties of the style sheet, filled in for light or for
dark, and titles are not escaped yet.
"""

from __future__ import annotations

import html
import math
from bisect import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

__all__ = ["DECIBELS", "Scale", "Style", "codec_styles", "curve", "metric_name", "per_picture", "sweep"]

Figure = dict[str, Any]

_METRICS = {"psnr": "PSNR", "ssim": "SSIM", "ms-ssim": "MS-SSIM", "psnr-y": "PSNR of luma"}

#: Metrics that are in dB as they are.
DECIBELS = ("psnr", "psnr-y")

_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x", "star", "triangle-down", "cross")
_LEARNED_COLOURS, _OTHER_COLOURS = 3, 7
_MOST_NAMED_BARS = 60
_LONGEST_NAME = 18
_SAME_RATE = 1.02  # real files miss their rate by this factor at most, where it matters


class Scale(Enum):
    """What is drawn over the rate: the metric, the metric in dB, or by how many dB it exceeds the anchor's."""

    MEASURED = "measured"
    DECIBELS = "decibels"
    GAIN = "gain"


@dataclass(frozen=True)
class Style:
    """How the curves of a codec look: a custom property's name, a marker, a width, and whether it is dashed."""

    colour: str
    symbol: str
    width: float
    dashed: bool


def codec_styles(codecs: Sequence[Mapping[str, Any]], anchor: str) -> dict[str, Style]:
    """Give every codec a style of its own: learned ones and the anchor stand out."""
    styles = {}
    learned = others = 0
    for index, codec in enumerate(codecs):
        if codec["kind"] == "learned":
            colour = f"learned-{learned % _LEARNED_COLOURS}"
            learned += 1
        elif codec["name"] == anchor:
            colour = "anchor"
        else:
            colour = f"other-{others % _OTHER_COLOURS}"
            others += 1
        stands_out = codec["kind"] == "learned" or codec["name"] == anchor
        styles[codec["name"]] = Style(
            colour=colour,
            symbol=_SYMBOLS[index % len(_SYMBOLS)],
            width=2.5 if stands_out else 1.5,
            dashed=codec["kind"] == "published",
        )
    return styles


def metric_name(metric: str) -> str:
    """Return a metric as it is written."""
    return _METRICS.get(metric, metric.upper())


def curve(results: Mapping[str, Any], metric: str, styles: Mapping[str, Style], scale: Scale) -> Figure:
    """Draw the averaged rate-distortion curves of one metric; without traces where there is nothing to draw."""
    decibels = metric in DECIBELS or scale is not Scale.MEASURED
    digits, unit = (".2f", " dB") if decibels else (".4f", "")
    curves = {
        codec["name"]: _averages(results, codec["name"], metric, decibels) for codec in results["codecs"]
    }
    reference = curves.get(results["protocol"]["anchor"], [])
    traces = []
    for codec in results["codecs"]:
        points = curves[codec["name"]]
        if scale is Scale.GAIN:
            points = _gains(points, reference)
        if points:
            hover = f"%{{fullData.name}}<br>%{{x:.3f}} bpp, %{{y:{digits}}}{unit}<extra></extra>"
            traces.append(_line(codec["title"], points, styles[codec["name"]]) | {"hovertemplate": hover})
    # Published curves often run on far beyond the rates that were measured.
    end = 1.05 * max(results["protocol"]["rates"], default=math.inf)
    seen = [y for trace in traces for x, y in zip(trace["x"], trace["y"], strict=True) if x <= end]
    layout: dict[str, Any] = {"xaxis": {"title": {"text": "bits per pixel"}}, "yaxis": {}}
    if seen and math.isfinite(end):
        layout["xaxis"]["range"] = [0, end]
        layout["yaxis"]["range"] = _padded(min(seen), max(seen))
    return {"data": traces, "layout": layout}


def per_picture(delta: Mapping[str, Any]) -> Figure:
    """Draw the BD-rate of every picture as a bar, the best first."""
    bars = sorted((value, name) for name, value in delta["per_picture"].items() if value is not None)
    lying = len(bars) <= _MOST_NAMED_BARS
    traces = []
    for saves, colour in ((True, "saving"), (False, "costing")):
        places = [place for place, (value, _) in enumerate(bars) if (value < 0) == saves]
        values = [bars[place][0] for place in places]
        if places:
            traces.append(
                {
                    "type": "bar",
                    "orientation": "h" if lying else "v",
                    "x": values if lying else places,
                    "y": places if lying else values,
                    "hovertext": [_text(bars[place][1]) for place in places],
                    "hovertemplate": f"%{{hovertext}}<br>%{{{'x' if lying else 'y'}:.2f}} %<extra></extra>",
                    "meta": {"colour": colour},
                }
            )
    values_axis = {"title": {"text": "BD-rate, %"}, "zeroline": True, "rangemode": "tozero"}
    names_axis: dict[str, Any]
    if lying:
        names_axis = {
            "tickmode": "array",
            "tickvals": list(range(len(bars))),
            "ticktext": [_text(_shortened(name)) for _, name in bars],
            "autorange": "reversed",
        }
    else:
        names_axis = {"title": {"text": f"{len(bars)} pictures, sorted"}, "showticklabels": False}
    names_axis |= {"showgrid": False, "zeroline": False}
    layout: dict[str, Any] = {
        "xaxis": values_axis if lying else names_axis,
        "yaxis": names_axis if lying else values_axis,
        "barmode": "overlay",
        "bargap": 0.3 if lying else 0,
    }
    if lying:
        layout["height"] = 70 + 22 * len(bars)
    return {"data": traces, "layout": layout}


def sweep(
    series: Mapping[tuple[str, str], Iterable[tuple[float, float]]],
    titles: Mapping[str, str],
    styles: Mapping[str, Style],
    axis: str,
    logarithmic: bool,
) -> Figure:
    """Draw the time, as a multiple of the anchor's, over something.

    Parameters
    ----------
    series : mapping of (codec, direction) to points
        Directions are ``"encode"``, drawn solid, and ``"decode"``, drawn dashed.
    axis : str
        What the points are over.
    """
    traces = []
    for (codec, direction), points in series.items():
        style = styles[codec]
        style = Style(style.colour, style.symbol, style.width, dashed=direction == "decode")
        traces.append(
            _line(f"{titles[codec]}, {direction}", sorted(points), style)
            | {"hovertemplate": "%{fullData.name}<br>%{x:.3~g}: %{y:.2f} times<extra></extra>"}
        )
    places = sorted({x for trace in traces for x in trace["x"]})
    layout = {
        "xaxis": {
            "title": {"text": axis},
            "type": "log" if logarithmic else "linear",
            "tickmode": "array",
            "tickvals": places,
            "ticktext": [f"{x:.3g}" for x in places],
        },
        "yaxis": {"rangemode": "tozero"},
    }
    return {"data": traces, "layout": layout}


def _line(title: str, points: Sequence[tuple[float, float]], style: Style) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": _text(title),
        "x": [x for x, _ in points],
        "y": [y for _, y in points],
        "line": {"width": style.width, "dash": "dash" if style.dashed else "solid"},
        "marker": {"size": 7, "symbol": style.symbol},
        "meta": {"colour": style.colour, "title": title},
    }


def _averages(
    results: Mapping[str, Any], codec: str, metric: str, decibels: bool
) -> list[tuple[float, float]]:
    """Return rates and values of a codec's curve, in dB if asked for."""
    averages = results["curves"].get(codec, {})
    if metric not in averages:
        return []
    pairs = zip(averages["bpp"], averages[metric], strict=True)
    points = sorted((x, y) for x, y in pairs if x is not None and y is not None)
    if decibels and metric != "psnr":
        return [(x, -10 * math.log10(1 - y)) for x, y in points if y < 1]
    return points


def _gains(
    points: Sequence[tuple[float, float]], reference: Sequence[tuple[float, float]]
) -> list[tuple[float, float]]:
    """Return by how much points exceed a curve, which is taken as straight over the logarithm of the rate."""
    if len(reference) < 2:
        return []
    rates = [x for x, _ in reference]
    gains = []
    for x, y in points:
        if rates[0] / _SAME_RATE <= x <= rates[-1] * _SAME_RATE:
            place = min(max(bisect(rates, x), 1), len(rates) - 1)
            (x0, y0), (x1, y1) = reference[place - 1], reference[place]
            gains.append((x, y - y0 - (y1 - y0) * math.log(x / x0) / math.log(x1 / x0)))
    return gains


def _padded(low: float, high: float) -> list[float]:
    margin = 0.05 * (high - low) or 1.0
    return [low - margin, high + margin]


def _shortened(name: str) -> str:
    """Cut a long name in its middle: what tells pictures apart is often at an end."""
    if len(name) <= _LONGEST_NAME:
        return name
    half = _LONGEST_NAME // 2
    return f"{name[: half - 1]}\u2026{name[-half:]}"


def _text(text: str) -> str:
    """Escape what plotly would take for markup."""
    return html.escape(text, quote=False)
