"""The report's section on speed: groups of timings, and curves over picture size and over threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from . import figures

__all__ = ["arrange_speed"]

_DIRECTIONS = ("encode", "decode")

Document = Mapping[str, Any]


def arrange_speed(
    speed: Document,
    titles: Mapping[str, str],
    styles: Mapping[str, figures.Style],
    drawn: dict[str, Any],
) -> dict[str, Any]:
    """Group the timings on the same picture with the same number of threads, and add the curves to `drawn`.

    Parameters
    ----------
    speed : mapping
        The part ``speed`` of the results document.
    titles : mapping of str to str
        Titles of the codecs by name.
    styles : mapping of str to Style
        Styles of the codecs by name.
    drawn : dict
        Receives the figures.

    Returns
    -------
    dict
        What the page's template needs.
    """
    groups: dict[tuple[Any, ...], list[Document]] = {}
    for case in speed["cases"]:
        key = (case["picture"], case["megapixels"], case["bpp"], case["threads"])
        groups.setdefault(key, []).append(case)
    # Large pictures first: the times of small ones depend more on start-up, and the curve shows them.
    keys = sorted(groups, key=lambda key: (key[3] != speed["threads"], -len(groups[key]), -key[1]))
    panels = []
    for key in keys:
        cases = groups[key]
        longest = max(
            max(case[way]["median_s"], *_spread(case[way])) for case in cases for way in _DIRECTIONS
        )
        staged = any(case[way].get("stages") for case in cases for way in _DIRECTIONS)
        panels.append({"cases": cases, "longest": longest or 1.0, "staged": staged})
    sweeps = []
    usual = [case for case in speed["cases"] if case["threads"] == speed["threads"]]
    for name, axis, over, within in (
        ("size", "megapixels", usual, lambda case: case["bpp"]),
        ("threads", "threads", speed["cases"], lambda case: (case["picture"], case["bpp"])),
    ):
        series = _series(over, axis, within, speed["anchor"])
        if series:
            key_of_figure = f"speed-{name}"
            drawn[key_of_figure] = figures.sweep(series, titles, styles, axis, logarithmic=name == "size")
            sweeps.append({"figure": key_of_figure, "over": axis})
    stages = list(
        dict.fromkeys(
            s for case in speed["cases"] for way in _DIRECTIONS for s in case[way].get("stages") or ()
        )
    )
    return {"panels": panels, "sweeps": sweeps, "stages": stages}


def _spread(timing: Document) -> tuple[float, float]:
    low, high = timing.get("spread_s") or (timing["median_s"],) * 2
    return low, high


def _series(
    cases: Iterable[Document], axis: str, within: Callable[[Document], Any], anchor: str
) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """Return the ratios to the anchor over `axis`, for the group by `within` with the most different values of it."""
    groups: dict[Any, list[Document]] = {}
    for case in cases:
        if case["codec"] != anchor:
            groups.setdefault(within(case), []).append(case)
    most = max(groups.values(), key=lambda group: len({case[axis] for case in group}), default=[])
    if len({case[axis] for case in most}) < 2:
        return {}
    series: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for case in most:
        for way in _DIRECTIONS:
            if case[way].get("ratio") is not None:
                series.setdefault((case["codec"], way), []).append((case[axis], case[way]["ratio"]))
    return series
