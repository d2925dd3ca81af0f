"""Results of a run: one JSON document, a CSV table, and curves in CompressAI's schema."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ..metrics import suite
from ..metrics.bd_rate import METHOD, Curve, average, compare, read_off
from .environment import machine, versions
from .protocol import Protocol
from .published import Published
from .run import Run

__all__ = ["FORMAT", "csv_table", "document", "interchange"]

FORMAT = "j2klearn-benchmark-1"


def _curves(run: Run, codec: str, metric: str) -> dict[str, Curve]:
    """Return a codec's curves by picture, for the pictures that have the metric at every point."""
    found = {}
    for picture in run.pictures:
        values = run.values[codec].get(picture.name)
        if values and metric in values and None not in values[metric]:
            found[picture.name] = Curve.of([v or 0.0 for v in values["bpp"]], values[metric])
    return found


def _own_rates(run: Run) -> set[str]:
    """Return the codecs that code by quality, whose points are not at the rates of the protocol."""
    return {codec.name for codec in run.codecs if codec.settings}


def _averages(
    run: Run, codec: str, protocol: Protocol, rates: Sequence[float] | None
) -> dict[str, list[float]]:
    """Return a codec's averaged curves: point by point, or, if `rates` are given, interpolated at these rates."""
    out: dict[str, list[float]] = {}
    for metric in protocol.metrics:
        curves = [read_off(curve, rates) for curve in _curves(run, codec, metric).values()]
        mean = average(curves) if curves else None
        # all metrics share the rates of the first one, so a metric with fewer points is left out
        if mean is not None and len(mean.rate) == len(out.setdefault("bpp", mean.rate.tolist())):
            out[metric] = mean.quality.tolist()
    return out


def _deltas(run: Run, protocol: Protocol, anchor: str) -> list[dict[str, Any]]:
    deltas, own_rates = [], _own_rates(run)
    for codec in run.values:
        rates, anchor_rates = (protocol.rates if name in own_rates else None for name in (codec, anchor))
        for metric in protocol.metrics if codec != anchor else ():
            compared = compare(_curves(run, anchor, metric), _curves(run, codec, metric), rates, anchor_rates)
            deltas.append({"codec": codec, "anchor": anchor, "metric": metric, **compared})
    return deltas


def _against_published(curves: dict[str, Any], anchor: str, published: Sequence[Published]) -> list[Any]:
    """Compare published averages with the anchor's average, because there are no curves of single pictures."""
    if "psnr" not in curves.get(anchor, {}):
        return []
    base = Curve.of(curves[anchor]["bpp"], curves[anchor]["psnr"])
    deltas = []
    for codec in published:
        compared = compare({"mean": base}, {"mean": Curve.of(codec.bpp, codec.psnr)})
        compared |= {
            "per_picture": {},
            "mean": None,
            "worst": [],
            "least_gain": None,
            "better_on": None,
            "of": None,
        }
        deltas.append({"codec": codec.name, "anchor": anchor, "metric": "psnr", **compared})
    return deltas


def document(
    run: Run,
    protocol: Protocol,
    anchor: str,
    command: str,
    *,
    published: Sequence[Published] = (),
    speed: dict[str, Any] | None = None,
    crops: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Return the results document of a run, as JSON types.

    ``curves`` are averages at equal rates. ``settings`` has, for codecs that code by quality, the averages at equal
    qualities, as published curves are made.

    Parameters
    ----------
    run : Run
        The measurements.
    protocol : Protocol
        The protocol of the measurements.
    anchor : str
        The codec that the others are compared with.
    command : str
        The command that makes these results.
    published : sequence of Published
        Published curves on the same pictures, PSNR over RGB.
    speed : dict, optional
        Result of `speed.measure`.
    crops : sequence of dict
        Result of `crops.cut`.
    """
    codecs = [{"name": c.name, "title": c.title, "kind": c.kind, "identity": c.identity} for c in run.codecs]
    own_rates = _own_rates(run)
    averages = {
        codec.name: _averages(run, codec.name, protocol, protocol.rates if codec.name in own_rates else None)
        for codec in run.codecs
    }
    curves: dict[str, Any] = {name: curve for name, curve in averages.items() if curve}
    settings = {name: _averages(run, name, protocol, None) for name in curves if name in own_rates}
    deltas = _deltas(run, protocol, anchor) if anchor in run.values else []
    deltas += _against_published(curves, anchor, published)
    for other in published:
        codecs.append(
            {"name": other.name, "title": other.title, "kind": "published", "identity": other.source}
        )
        curves[other.name] = {"bpp": list(other.bpp), "psnr": list(other.psnr)}
    return {
        "format": FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "versions": versions(),
        "machine": machine(),
        "protocol": {
            **protocol.to_dict(),
            "text": protocol.text,
            "anchor": anchor,
            "metric_library": suite.library(),
            "bd_method": METHOD,
        },
        "pictures": [
            {"name": p.name, "width": p.width, "height": p.height, "bits": p.bits, "sha256": p.digest}
            for p in run.pictures
        ],
        "codecs": codecs,
        "measurements": run.values,
        "curves": curves,
        "settings": settings,
        "deltas": deltas,
        "skipped": run.skipped,
        "missing_codecs": run.missing,
        "speed": speed,
        "crops": list(crops),
    }


def csv_table(results: dict[str, Any]) -> bytes:
    """Return a CSV table with one row per codec, picture and operating point."""
    columns = ["bytes", "bpp", *results["protocol"]["metrics"]]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["codec", "picture", "point", *columns])
    for codec, pictures in results["measurements"].items():
        for picture, values in pictures.items():
            for point in range(len(values["bytes"])):
                cells = [values[column][point] if column in values else "" for column in columns]
                writer.writerow([codec, picture, point + 1, *cells])
    return out.getvalue().encode()


def interchange(results: dict[str, Any], codec: str) -> dict[str, Any]:
    """Return a codec's averaged curve in the schema of CompressAI's result files."""
    title = next(entry["title"] for entry in results["codecs"] if entry["name"] == codec)
    channels = results["protocol"]["channels"]
    curve = results["curves"][codec]
    return {
        "name": title,
        "description": results["protocol"]["text"],
        "meta": {"versions": results["versions"], "pictures": len(results["pictures"])},
        "results": {key if key == "bpp" else f"{key}-{channels}": values for key, values in curve.items()},
    }
