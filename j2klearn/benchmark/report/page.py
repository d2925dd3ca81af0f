"""The report of a benchmark: one HTML page that loads no other files."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from ...errors import InputError
from ...io.atomic import write_whole
from . import figures
from .crops import arrange_crop
from .speed import arrange_speed

__all__ = ["render", "write_report"]

_FORMAT = "j2klearn-benchmark-1"
_TEMPLATES = Path(__file__).with_name("templates")

Document = Mapping[str, Any]


def write_report(results: Document, folder: Path) -> Path:
    """Write the report into the folder of the benchmark, as ``report.html``, completely or not at all.

    Parameters
    ----------
    results : mapping
        The results document.
    folder : Path
        Folder of the crops that the results name; it receives the report.

    Returns
    -------
    Path
        The file of the report.

    Raises
    ------
    InputError
        If the results are of another format, a crop cannot be read, or the report cannot be written.
    """
    path = folder / "report.html"
    write_whole(path, render(results, folder).encode())
    return path


def render(results: Document, folder: Path) -> str:
    """Return the report as a page of HTML; see `write_report`.

    Raises
    ------
    InputError
        If the results are of another format, or a crop cannot be read.
    """
    if results.get("format") != _FORMAT:
        raise InputError(f"the results are not of the format {_FORMAT}")
    anchor = results["protocol"]["anchor"]
    titles = {codec["name"]: codec["title"] for codec in results["codecs"]}
    styles = figures.codec_styles(results["codecs"], anchor)
    speed = results["speed"]
    drawn: dict[str, Any] = {}
    scripts = [_script(get_plotlyjs()), _script(_source("report.js"))]
    return (
        _environment(titles)
        .get_template("report.html.jinja")
        .render(
            results=results,
            protocol=results["protocol"],
            answers=_answers(results),
            curves=_curves(results, styles, drawn),
            table=_table(results["deltas"]),
            per_picture=_per_picture(results["deltas"], drawn),
            speed=arrange_speed(speed, titles, styles, drawn) if speed and speed["cases"] else None,
            crops=[arrange_crop(crop, results["codecs"], anchor, folder) for crop in results["crops"]],
            styles=styles,
            published={codec["name"] for codec in results["codecs"] if codec["kind"] == "published"},
            figures=drawn,
            css=Markup(_source("report.css")),
            scripts=scripts,
            script_hashes=[_hash(script) for script in scripts],
        )
    )


def _environment(titles: Mapping[str, str]) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "title_of": lambda name: titles.get(name, name),
        "metric": figures.metric_name,
        "signed": _signed,
        "short": _short,
        "count": _count,
        "day": _day,
    }
    return environment


def _source(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _script(source: str) -> Markup:
    """Mark a script as safe for the page, with line ends as browsers see them, so that its hash matches."""
    return Markup(source.replace("\r\n", "\n"))


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _signed(value: float, digits: int = 2) -> str:
    """Format a number with a sign; the minus is as wide as the plus, and a zero has no sign."""
    text = f"{value:+.{digits}f}"
    if float(text) == 0:
        return text[1:]
    return text.replace("-", "\u2212")


def _short(value: float) -> str:
    """Format a number with at least three significant digits, without an exponent."""
    decimals = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{decimals}f}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _day(created: str) -> str:
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return created
    return f"{moment.day} {moment:%B %Y}"


def _answers(results: Document) -> list[dict[str, Any]]:
    """Return, for every learned codec, how it compares with the anchor by the first of the metrics."""
    learned = [codec["name"] for codec in results["codecs"] if codec["kind"] == "learned"]
    metric = next(iter(results["protocol"]["metrics"]), None)
    answers = []
    for delta in results["deltas"]:
        if delta["codec"] not in learned or delta["metric"] != metric:
            continue
        verdict = None
        if delta["bd_rate"] is not None:
            size = f"{abs(delta['bd_rate']):.1f}"
            verdict = (
                "as many bits"
                if float(size) == 0
                else f"{size}\u00a0% {'fewer' if delta['bd_rate'] < 0 else 'more'} bits"
            )
        low, high = delta["interval"] or (0.0, 0.0)
        answers.append({"delta": delta, "verdict": verdict, "includes_zero": low < 0 < high})
    return answers


def _curves(
    results: Document, styles: Mapping[str, figures.Style], drawn: dict[str, Any]
) -> dict[figures.Scale, list[dict[str, str]]]:
    """Add the curves of every metric to `drawn`; return the figures of each scale that differs from the others."""
    shown: dict[figures.Scale, list[dict[str, str]]] = {}
    for scale in figures.Scale:
        for metric in results["protocol"]["metrics"]:
            same = metric in figures.UNSCALED and scale is figures.Scale.DECIBELS
            key = f"curve-{metric}-{(figures.Scale.MEASURED if same else scale).value}"
            if not same:
                figure = figures.curve(results, metric, styles, scale)
                if figure["data"]:
                    drawn[key] = figure
            if key in drawn:
                entry = {"figure": key, "metric": metric, "unit": figures.unit_of(metric, scale)}
                shown.setdefault(scale, []).append(entry)
    if all(entry["metric"] in figures.UNSCALED for entry in shown.get(figures.Scale.DECIBELS, ())):
        shown.pop(figures.Scale.DECIBELS, None)
    return shown


def _table(deltas: Iterable[Document]) -> dict[str, Any]:
    """Arrange the BD-rates by codec and metric."""
    rows: dict[str, dict[str, Document]] = {}
    for delta in deltas:
        rows.setdefault(delta["codec"], {})[delta["metric"]] = delta
    metrics = list(dict.fromkeys(metric for row in rows.values() for metric in row))
    return {"rows": rows, "metrics": metrics}


def _per_picture(deltas: Iterable[Document], drawn: dict[str, Any]) -> dict[str, Any]:
    """Add the BD-rates of the pictures to `drawn`; return one panel per codec and metric."""
    panels: list[dict[str, Any]] = []
    for number, delta in enumerate(deltas):
        values = delta["per_picture"]
        figure = figures.per_picture(delta)
        if figure["data"]:
            key = f"pictures-{number}"
            drawn[key] = figure
            without = [name for name, value in values.items() if value is None]
            panels.append({"figure": key, "delta": delta, "without": without})
    names = dict.fromkeys(name for panel in panels for name in panel["delta"]["per_picture"])
    return {"panels": panels, "names": list(names)}
