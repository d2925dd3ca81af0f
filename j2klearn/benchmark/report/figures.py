"""Figures of the report for plotly: plain data and layout.

The page's script reads ``meta``. There the colours are names of custom properties of the style sheet, which have values
for light and for dark pages, and the titles are not escaped.
"""

from __future__ import annotations

import html
import math
from bisect import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

__all__ = [
    "UNSCALED",
    "Scale",
    "Style",
    "codec_styles",
    "curve",
    "metric_name",
    "per_picture",
    "sweep",
    "unit_of",
]

Figure = dict[str, Any]

_METRICS = {
    "psnr": "PSNR",
    "ssim": "SSIM",
    "ms-ssim": "MS-SSIM",
    "ssimulacra2": "SSIMULACRA2",
    "psnr-y": "PSNR of luma",
}

#: Metrics that are measured in dB.
_DECIBELS = ("psnr", "psnr-y")

#: Metrics that are not converted to dB.
UNSCALED = (*_DECIBELS, "ssimulacra2")

_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x", "star", "triangle-down", "cross")
_LEARNED_COLOURS, _OTHER_COLOURS = 3, 7
_MAX_NAMED_BARS = 60
_MAX_NAME_LENGTH = 18
_RATE_TOLERANCE = 1.02  # files miss their target rates by less than this factor


class Scale(Enum):
    """What is drawn over the rate: the metric, the metric in dB, or the gain over the anchor in dB."""

    MEASURED = "measured"
    DECIBELS = "decibels"
    GAIN = "gain"


@dataclass(frozen=True)
class Style:
    """The look of a curve: colour (name of a custom property), marker symbol, width in pixels, and whether dashed."""

    colour: str
    symbol: str
    width: float
    dashed: bool


def codec_styles(codecs: Sequence[Mapping[str, Any]], anchor: str) -> dict[str, Style]:
    """Return a style for every codec, by name. Learned codecs and the anchor stand out."""
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
    """Return the name of a metric for readers."""
    return _METRICS.get(metric, metric.upper())


def unit_of(metric: str, scale: Scale) -> str:
    """Return the unit of a metric on a scale; empty if it has none."""
    converted = scale is not Scale.MEASURED and metric not in UNSCALED
    return "dB" if metric in _DECIBELS or converted else ""


def curve(results: Mapping[str, Any], metric: str, styles: Mapping[str, Style], scale: Scale) -> Figure:
    """Return the averaged rate-distortion curves of one metric; without traces if no codec has values."""
    unit = f" {unit_of(metric, scale)}".rstrip()
    digits = ".2f" if unit or metric in UNSCALED else ".4f"
    converted = scale is not Scale.MEASURED and metric not in UNSCALED
    curves = {
        codec["name"]: _averages(results, codec["name"], metric, converted) for codec in results["codecs"]
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
    # Published curves often extend far beyond the measured rates.
    end = 1.05 * max(results["protocol"]["rates"], default=math.inf)
    visible = [y for trace in traces for x, y in zip(trace["x"], trace["y"], strict=True) if x <= end]
    layout: dict[str, Any] = {"xaxis": {"title": {"text": "bits per pixel"}}, "yaxis": {}}
    if visible and math.isfinite(end):
        layout["xaxis"]["range"] = [0, end]
        layout["yaxis"]["range"] = _padded(min(visible), max(visible))
    return {"data": traces, "layout": layout}


def per_picture(delta: Mapping[str, Any]) -> Figure:
    """Return a bar chart of the BD-rates of the pictures, the best first."""
    bars = sorted((value, name) for name, value in delta["per_picture"].items() if value is not None)
    horizontal = len(bars) <= _MAX_NAMED_BARS
    traces = []
    for saves, colour in ((True, "saving"), (False, "costing")):
        places = [place for place, (value, _) in enumerate(bars) if (value < 0) == saves]
        values = [bars[place][0] for place in places]
        if places:
            traces.append(
                {
                    "type": "bar",
                    "orientation": "h" if horizontal else "v",
                    "x": values if horizontal else places,
                    "y": places if horizontal else values,
                    "hovertext": [_text(bars[place][1]) for place in places],
                    "hovertemplate": f"%{{hovertext}}<br>%{{{'x' if horizontal else 'y'}:.2f}} %<extra></extra>",
                    "meta": {"colour": colour},
                }
            )
    values_axis = {"title": {"text": "BD-rate, %"}, "zeroline": True, "rangemode": "tozero"}
    names_axis: dict[str, Any]
    if horizontal:
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
        "xaxis": values_axis if horizontal else names_axis,
        "yaxis": names_axis if horizontal else values_axis,
        "barmode": "overlay",
        "bargap": 0.3 if horizontal else 0,
    }
    if horizontal:
        layout["height"] = 70 + 22 * len(bars)
    return {"data": traces, "layout": layout}


def sweep(
    series: Mapping[tuple[str, str], Iterable[tuple[float, float]]],
    titles: Mapping[str, str],
    styles: Mapping[str, Style],
    axis: str,
    logarithmic: bool,
) -> Figure:
    """Return curves of the time, as a multiple of the anchor's time.

    Parameters
    ----------
    series : mapping of (codec, direction) to points
        Points (x, ratio). Directions are ``"encode"``, drawn solid, and ``"decode"``, drawn dashed.
    titles : mapping of str to str
        Titles of the codecs by name.
    styles : mapping of str to Style
        Styles of the codecs by name.
    axis : str
        Title of the x axis.
    logarithmic : bool
        Use a logarithmic x axis.
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
    results: Mapping[str, Any], codec: str, metric: str, converted: bool
) -> list[tuple[float, float]]:
    """Return rates and values of a codec's curve, `converted` to dB or not."""
    averages = results["curves"].get(codec, {})
    if metric not in averages:
        return []
    pairs = zip(averages["bpp"], averages[metric], strict=True)
    points = sorted((x, y) for x, y in pairs if x is not None and y is not None)
    if converted:
        return [(x, -10 * math.log10(1 - y)) for x, y in points if y < 1]
    return points


def _gains(
    points: Sequence[tuple[float, float]], reference: Sequence[tuple[float, float]]
) -> list[tuple[float, float]]:
    """Return the gain of points over a curve, which is interpolated linearly over the logarithm of the rate."""
    if len(reference) < 2:
        return []
    rates = [x for x, _ in reference]
    gains = []
    for x, y in points:
        if rates[0] / _RATE_TOLERANCE <= x <= rates[-1] * _RATE_TOLERANCE:
            place = min(max(bisect(rates, x), 1), len(rates) - 1)
            (x0, y0), (x1, y1) = reference[place - 1], reference[place]
            gains.append((x, y - y0 - (y1 - y0) * math.log(x / x0) / math.log(x1 / x0)))
    return gains


def _padded(low: float, high: float) -> list[float]:
    margin = 0.05 * (high - low) or 1.0
    return [low - margin, high + margin]


def _shortened(name: str) -> str:
    """Shorten a long name in the middle, because names of pictures often differ at their ends."""
    if len(name) <= _MAX_NAME_LENGTH:
        return name
    half = _MAX_NAME_LENGTH // 2
    return f"{name[: half - 1]}\u2026{name[-half:]}"


def _text(text: str) -> str:
    """Escape characters that plotly would interpret as markup."""
    return html.escape(text, quote=False)
