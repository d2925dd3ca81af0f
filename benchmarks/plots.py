"""The plots of the README and of the pages in docs, drawn from the files in benchmarks/results.

`benchmarks/readme.py` writes them into `docs/pictures/plots`, and the site draws them again when it is built. Each SVG
file has a digest of what it was drawn from, so that a test can tell whether it is out of date.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROOT = Path(__file__).parents[1]
FOLDER = "docs/pictures/plots"

_RESULTS = Path(__file__).parent / "results"
_BLUE, _ORANGE, _GREEN, _GREY = "#2a6fdb", "#d9730d", "#2e8b57", "#7a828e"
_STYLE = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "grid.alpha": 0.35,
    "legend.frameon": False,
    "lines.linewidth": 2,
    "svg.fonttype": "path",
    "svg.hashsalt": "j2klearn",
}

Result = dict[str, Any]


def _learned(found: Result) -> str:
    """Return the name of the first learned codec of a suite."""
    return str(next(codec["name"] for codec in found["codecs"] if codec["kind"] == "learned"))


def curves(axes: Axes, rgb: Result, neural: Result) -> None:
    """Draw PSNR against rate on Kodak in colour."""
    model = next(codec["name"] for codec in neural["codecs"] if "neural profile" in codec["title"])
    lines = (
        (neural["curves"][model], "j2klearn, neural profile", _GREEN, "D-"),
        (rgb["curves"][_learned(rgb)], "j2klearn, EBCOT profile (default)", _BLUE, "o-"),
        (rgb["curves"]["9-7"], "OpenJPEG, 9/7", _ORANGE, "s--"),
        (rgb["curves"]["5-3"], "OpenJPEG, 5/3", _GREY, "^:"),
    )
    for curve, name, colour, style in lines:
        axes.plot(curve["bpp"], curve["psnr"], style, color=colour, label=name, markersize=5)
    axes.set_xlabel("bits per pixel of the whole file")
    axes.set_ylabel("PSNR in dB (RGB), mean of 24 pictures")
    axes.set_xlim(0, 1.05)
    axes.legend(loc="lower right")


def pictures(axes: Axes, kodak: Result, cid22: Result) -> None:
    """Draw the BD-rate of each picture, sorted."""
    for found, name, colour in ((kodak, "Kodak, RGB", _BLUE), (cid22, "CID22 validation, luma", _GREEN)):
        model = _learned(found)
        delta = next(d for d in found["deltas"] if d["codec"] == model and d["metric"] == "psnr")
        values = sorted(value for value in delta["per_picture"].values() if value is not None)
        share = [100 * (at + 0.5) / len(values) for at in range(len(values))]
        axes.plot(share, values, "o-", color=colour, label=name, markersize=4, linewidth=1.2)
    axes.axhline(0, color=_ORANGE, linestyle="--", label="OpenJPEG, 9/7")
    axes.set_xlabel("pictures, sorted by their gain, in per cent of the set")
    axes.set_ylabel("difference in file size, per cent")
    axes.set_ylim(top=2)
    axes.legend(loc="lower right")


def sizes_and_times(axes: Axes, rgb: Result, neural: Result, speed: Result) -> None:
    """Draw the size of files at equal PSNR against the time to read them."""
    seconds = {case["what"]: case for case in speed["cases"] if case["threads"] == 1}
    ebcot = next(d for d in rgb["deltas"] if d["codec"] == _learned(rgb) and d["metric"] == "psnr")["bd_rate"]
    model = next(codec["name"] for codec in neural["codecs"] if "neural profile" in codec["title"])
    small = neural["against"][model]["9-7"]["psnr"]["bd_rate"]
    points = (
        ("ordinary JPEG 2000", "OpenJPEG 9/7, 0.75 bpp", 100.0, _ORANGE),
        ("EBCOT profile", "learned, EBCOT, 0.75 bpp", 100 + ebcot, _BLUE),
        ("neural profile", "neural, quality 30", 100 + small, _GREEN),
    )
    for name, case, size, colour in points:
        for what, marker in (("encode", "s"), ("decode", "o")):
            axes.semilogx(seconds[case][what], size, marker, color=colour, markersize=9)
        left = max(seconds[case]["encode"], seconds[case]["decode"])
        axes.annotate(
            name, (left, size), (0, 10), textcoords="offset points", ha="center", color=colour, weight="bold"
        )
    axes.plot([], [], "s", color=_GREY, label="time to write")
    axes.plot([], [], "o", color=_GREY, label="time to read")
    axes.set_xlim(0.007, 20)
    axes.set_ylim(50, 110)
    axes.set_xlabel("seconds for 768 x 512 pixels in colour, one core")
    axes.set_ylabel("file size at equal PSNR, per cent")
    axes.legend(loc="lower left")


def lossless(axes: Axes, kodak: Result, cid22: Result, neural: Result) -> None:
    """Draw the sizes of lossless files against those of the 5/3."""
    totals = neural["totals"]
    rows = (
        ("Kodak, JPEG XL", kodak["rgb"]["JPEG XL %"], _GREY),
        ("Kodak, neural profile", 100 * (totals["neural"] / totals["OpenJPEG 5/3"] - 1), _GREEN),
        ("Kodak, EBCOT profile", kodak["rgb"]["change %"], _BLUE),
        ("CID22, JPEG XL", cid22["rgb"]["JPEG XL %"], _GREY),
        ("CID22, EBCOT profile", cid22["rgb"]["change %"], _BLUE),
    )
    names, values, colours = zip(*reversed(rows), strict=True)
    bars = axes.barh(names, values, color=colours, height=0.6)
    axes.bar_label(bars, [f"{value:+.1f} %" for value in values], padding=4)
    axes.set_xlim(min(values) * 1.25, 0)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("difference in size to lossless OpenJPEG files (5/3), RGB, per cent")


def readers(axes: Axes, found: Result, rgb: Result) -> None:
    """Draw the PSNR of learned files in programs that do not know them."""
    values = sorted(found["psnr"].values())
    axes.plot(range(1, len(values) + 1), values, "o", color=_ORANGE, label="other programs: an approximation")
    curve = rgb["curves"][_learned(rgb)]
    full = curve["psnr"][-1]
    axes.axhline(
        full,
        color=_BLUE,
        label=f"j2klearn, and programs under j2klearn run: mean at {curve['bpp'][-1]:.1f} bpp",
    )
    axes.axhline(found["mean_psnr"], color=_ORANGE, linestyle="--", label="mean of the approximations")
    axes.set_ylim(20, full + 6)
    axes.set_xlabel("pictures of Kodak, sorted")
    axes.set_ylabel(f"PSNR in dB (RGB) at {found['bpp']:g} bpp")
    axes.legend(loc="upper left")


def access(axes: Axes, found: Result) -> None:
    """Draw how much of a file is read for a part of it."""
    files = list(dict.fromkeys(case["file"] for case in found["parts"]))
    parts = list(dict.fromkeys(case["part"] for case in found["parts"]))
    height = 0.8 / len(files)
    for at, (file, colour) in enumerate(zip(files, (_BLUE, _GREEN, _ORANGE), strict=True)):
        cases = {case["part"]: case for case in found["parts"] if case["file"] == file}
        shares = [100 * cases[part]["bytes"] / cases[part]["size"] for part in parts]
        places = [len(parts) - 1 - place + (1 - at) * height for place in range(len(parts))]
        bars = axes.barh(places, shares, height=height * 0.9, color=colour, label=file)
        axes.bar_label(bars, [f"{share:.1f} %" for share in shares], padding=4, fontsize=9)
    axes.set_yticks(range(len(parts)), reversed(parts))
    axes.grid(axis="y", visible=False)
    axes.set_xlim(0, 1.2 * max(100 * case["bytes"] / case["size"] for case in found["parts"]))
    axes.set_xlabel(f"per cent of the bytes of the file, {found['side']} x {found['side']} pixels")
    axes.legend(loc="lower right")


@dataclass(frozen=True)
class Plot:
    """A plot of a page.

    Attributes
    ----------
    draw : callable
        Draws on axes, from the results.
    results : tuple of str
        Names of the results.
    height : float
        Height of the plot in inches; all have the same width.
    """

    draw: Callable[..., None]
    results: tuple[str, ...]
    height: float = 4.4

    def found(self) -> list[Result]:
        """Return the results."""
        return [json.loads((_RESULTS / f"{name}.json").read_text()) for name in self.results]

    def digest(self) -> str:
        """Return a digest of what the plot is drawn from: the results, and the code."""
        what = [self.found(), inspect.getsource(self.draw), _STYLE, self.height]
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]

    def write(self, path: Path) -> None:
        """Draw the plot into an SVG file."""
        import matplotlib as mpl
        from matplotlib.figure import Figure

        with mpl.rc_context(_STYLE):
            figure = Figure(figsize=(7.6, self.height), layout="constrained")
            self.draw(figure.subplots(), *self.found())
            # without a date, so that the same results give the same file
            figure.savefig(path, metadata={"Date": None, "Description": f"drawn from {self.digest()}"})


PLOTS = {
    "curves": Plot(curves, ("kodak-rgb", "kodak-neural")),
    "pictures": Plot(pictures, ("kodak-rgb", "cid22-validation-luma")),
    "sizes-and-times": Plot(sizes_and_times, ("kodak-rgb", "kodak-neural", "neural-speed")),
    "lossless": Plot(lossless, ("lossless-kodak", "lossless-cid22", "neural-lossless"), 3.0),
    "readers": Plot(readers, ("other-readers-kodak", "kodak-rgb")),
    "access": Plot(access, ("access-bytes",), 3.4),
}


def draw_all(folder: Path) -> list[Path]:
    """Draw all plots into a folder; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, plot in PLOTS.items():
        paths.append(folder / f"{name}.svg")
        plot.write(paths[-1])
    return paths


def out_of_date() -> list[str]:
    """Return the names of the plots that are missing, or were drawn from other results."""
    old = []
    for name, plot in PLOTS.items():
        path = ROOT / FOLDER / f"{name}.svg"
        drawn = re.search(r"drawn from (\w+)", path.read_text()) if path.exists() else None
        if drawn is None or drawn[1] != plot.digest():
            old.append(name)
    return old
