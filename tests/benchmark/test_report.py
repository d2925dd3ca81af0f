"""The report of the benchmark: the text of the page, and the page in a browser."""

from __future__ import annotations

import base64
import json
import math
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from j2klearn.errors import InputError

pytest.importorskip("jinja2", reason="the report needs the extra 'benchmark'")
go = pytest.importorskip("plotly.graph_objects", reason="the report needs the extra 'benchmark'")

from j2klearn.benchmark.report.page import render, write_report  # noqa: E402

HOSTILE = "<script>alert(1)</script>&\"'{{ 7 * 7 }}</script><img src=x onerror=alert(2)>.png"
RATES = [0.1, 0.25, 0.5, 0.75, 1.0]
METRICS = ["psnr", "ssim", "ms-ssim"]
CODECS = [
    {"name": "hybrid", "title": "j2klearn hybrid", "kind": "learned"},
    {"name": "9-7", "title": "OpenJPEG 9/7", "kind": "jpeg2000"},
    {"name": "jxl", "title": "JPEG XL", "kind": "peer"},
    {"name": "vtm", "title": "VTM", "kind": "published"},
]


def curve(more: float, metrics: list[str]) -> dict[str, list[float]]:
    """Return a curve that needs `more` per cent more bits than the anchor."""
    rates = np.array(RATES)
    psnr = 34 + 9 * np.log10(rates)
    values = {"psnr": psnr, "ssim": 1 - 10 ** (-psnr / 25), "ms-ssim": 1 - 10 ** (-psnr / 18)}
    return {"bpp": (rates * (1 + more / 100)).tolist()} | {
        metric: values[metric].tolist() for metric in metrics
    }


def delta(codec: str, metric: str, pictures: list[str], rate: float | None) -> dict[str, Any]:
    values = [None if rate is None else rate + 3 * math.sin(7 * i) for i in range(len(pictures))]
    return {
        "codec": codec,
        "anchor": "9-7",
        "metric": metric,
        "bd_rate": rate,
        "interval": None if rate is None else [rate - 0.9, rate + 0.9],
        "bd_metric": None if rate is None else -rate / 23,
        "better_on": sum(value is not None and value < 0 for value in values),
        "of": sum(value is not None for value in values),
        "per_picture": dict(zip(pictures, values, strict=True)),
        "worst": [] if rate is None else pictures[:3],
    }


def timing(median: float, ratio: float, last_stage: str) -> dict[str, Any]:
    return {
        "median_s": median,
        "spread_s": [0.93 * median, 1.15 * median],
        "mp_per_s": 12 / median,
        "ratio": ratio,
        "peak_bytes": 800 << 20,
        "stages": {"colour": 0.1, last_stage: 0.6, "transport": 0.1, "tier-1/2": 0.2},
    }


def speed() -> dict[str, Any]:
    cases = [
        {
            "codec": codec,
            "picture": f"nemo {size:g} MP",
            "megapixels": size,
            "bpp": 1.0,
            "threads": threads,
            "encode": timing(0.05 * size * factor / threads, factor, "analysis"),
            "decode": timing(0.04 * size * factor / threads, factor, "synthesis"),
        }
        for size, threads in ((1.0, 2), (4.0, 2), (12.0, 2), (12.0, 1))
        for codec, factor in (("9-7", 1.0), ("hybrid", 4.5))
    ]
    return {"rounds": 5, "threads": 2, "anchor": "9-7", "cases": cases}


def document(count: int = 24, name: str = "kodim{:02}.png") -> dict[str, Any]:
    """Return invented results with everything except crops, which need a folder."""
    pictures = [name.format(i + 1) for i in range(count)]
    rates = {"hybrid": -7.2, "jxl": 4.1}
    return {
        "format": "j2klearn-benchmark-1",
        "created": "2026-11-22T10:00:00Z",
        "command": "j2klearn benchmark kodak --out results",
        "versions": {"j2klearn": "0.1.0", "openjpeg": "2.5.0"},
        "machine": {"processor": "some processor", "cores": 2, "memory_gib": 23.4, "system": "Linux"},
        "protocol": {
            "name": "scalable",
            "text": "One file per picture with ten quality layers; lower rates by dropping layers.",
            "channels": "luma",
            "rates": RATES,
            "metrics": METRICS,
            "anchor": "9-7",
            "metric_library": "pytorch-msssim 1.0.0",
            "bd_method": "pchip",
        },
        "pictures": [{"name": picture, "width": 768, "height": 512, "bits": 8} for picture in pictures],
        "codecs": CODECS,
        "measurements": {},
        "curves": {
            "hybrid": curve(-7.2, METRICS),
            "9-7": curve(0.0, METRICS),
            "jxl": curve(4.1, METRICS),
            "vtm": curve(-40.0, ["psnr"]),
        },
        "deltas": [delta(codec, m, pictures, rate) for codec, rate in rates.items() for m in METRICS],
        "skipped": [{"picture": "broken.png", "reason": "it is not a picture"}],
        "missing_codecs": [{"codec": "avif", "reason": "pillow was built without it"}],
        "speed": speed(),
        "crops": [],
    }


def add_crops(results: dict[str, Any], folder: Path) -> None:
    """Write crops into the folder, and add them to the results."""
    (folder / "crops").mkdir()
    random = np.random.default_rng(1)
    files = {name: f"crops/{name}.png" for name in ("original", "9-7", "hybrid", "jxl")}
    for file in files.values():
        Image.fromarray(random.integers(0, 256, (96, 128, 3), np.uint8)).save(folder / file)
    results["crops"] = [
        {
            "picture": results["pictures"][0]["name"],
            "bpp": 0.25,
            "box": [100, 200, 196, 328],
            "original": files.pop("original"),
            "codecs": {name: {"file": file, "bytes": 12288, "psnr": 29.1} for name, file in files.items()},
        }
    ]


class Page(HTMLParser):
    """The text of a page, its tags, and the figures embedded in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.figures: dict[str, Any] = {}
        self.feed(html)
        self.text = " ".join("".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for key, value in attrs if key == "id" and value]
        if tag not in ("meta", "img", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["script"]:
            if self.tags[-1][1].get("id") == "figures":
                self.figures = json.loads(data)
        elif self.open[-1:] != ["style"]:
            self.words.append(data)


@pytest.fixture
def full(tmp_path: Path) -> dict[str, Any]:
    results = document()
    add_crops(results, tmp_path)
    return results


def test_the_page_answers(full: dict[str, Any], tmp_path: Path) -> None:
    page = Page(render(full, tmp_path))
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    for part in (
        "j2klearn hybrid needs 7.2 % fewer bits than OpenJPEG 9/7 at the same PSNR.",
        "BD-rate \u22127.20 %, 95 % bootstrap interval over the pictures \u22128.10 to \u22126.30 %;",
        "better on 24 of 24 pictures",
        "22 November 2026",
        "One file per picture with ten quality layers",
        "1 picture could not be used: broken.png: it is not a picture",
        "1 codec could not be run: avif: pillow was built without it",
        "j2klearn benchmark kodak --out results",
        "23.4 GiB",
        "pytorch-msssim 1.0.0",
    ):
        assert part in page.text
    for figure in page.figures.values():
        go.Figure(figure)  # raises if plotly finds the figure invalid
    assert {"curve-psnr-measured", "curve-ssim-measured", "curve-ssim-decibels", "pictures-0"} <= set(
        page.figures
    )
    assert {"speed-size", "speed-threads"} <= set(page.figures)
    dashed = [
        trace["name"]
        for trace in page.figures["curve-psnr-measured"]["data"]
        if trace["line"]["dash"] == "dash"
    ]
    assert dashed == ["VTM"]


def test_the_page_needs_nothing_else(full: dict[str, Any], tmp_path: Path) -> None:
    page = Page(render(full, tmp_path))
    for tag, attributes in page.tags:
        assert not {"href", "src"} & set(attributes) or tag in ("a", "img")
        if tag == "img":
            source = attributes["src"] or ""
            assert source.startswith("data:image/png;base64,")
            assert base64.b64decode(source.partition(",")[2]).startswith(b"\x89PNG")
            assert attributes["alt"]
        if tag == "a":
            assert (attributes["href"] or "")[1:] in page.ids


def test_sections_without_data_are_left_out(tmp_path: Path) -> None:
    results = document() | {"speed": None, "skipped": [], "missing_codecs": []}
    page = Page(render(results, tmp_path))
    assert not {"speed", "crops", "left-out"} & set(page.ids)
    bare = Page(render(results | {"deltas": [], "curves": {}, "pictures": []}, tmp_path))
    assert bare.ids == ["made", "figures"]
    assert "0 pictures against OpenJPEG 9/7" in bare.text


def test_the_gain_over_the_anchor(tmp_path: Path) -> None:
    results = document()
    results["curves"]["hybrid"]["bpp"][0] = 0.05  # where the anchor has no curve
    figures = Page(render(results, tmp_path)).figures
    gains = {trace["name"]: trace for trace in figures["curve-psnr-gain"]["data"]}
    assert gains["OpenJPEG 9/7"]["y"] == pytest.approx([0] * len(RATES))
    assert gains["j2klearn hybrid"]["x"] == results["curves"]["hybrid"]["bpp"][1:]
    assert gains["j2klearn hybrid"]["y"] == pytest.approx([-9 * math.log10(1 - 0.072)] * (len(RATES) - 1))


def test_the_speed_of_large_pictures_comes_first(tmp_path: Path) -> None:
    results = document()
    page = Page(render(results, tmp_path))
    places = [
        page.text.index(case)
        for case in ("12 MP, 1 bpp, 2 threads", "1 MP, 1 bpp, 2", "12 MP, 1 bpp, 1 thread")
    ]
    assert places == sorted(places)
    assert [trace["x"] for trace in page.figures["speed-size"]["data"]] == [[1.0, 4.0, 12.0]] * 2
    assert [trace["x"] for trace in page.figures["speed-threads"]["data"]] == [[1, 2]] * 2
    assert any(tag == "span" and attributes.get("class") == "part largest" for tag, attributes in page.tags)
    results["speed"]["cases"] = results["speed"]["cases"][:2]
    for case in results["speed"]["cases"]:
        del case["encode"]["stages"], case["decode"]["stages"]
    page = Page(render(results, tmp_path))
    assert "Where the time goes" not in page.text
    assert not {"speed-size", "speed-threads"} & set(page.figures)


def test_a_codec_without_a_bd_rate(tmp_path: Path) -> None:
    results = document()
    pictures = [picture["name"] for picture in results["pictures"]]
    results["deltas"] = [delta("hybrid", "psnr", pictures, None)]
    page = Page(render(results, tmp_path))
    assert "j2klearn hybrid has no BD-rate against OpenJPEG 9/7" in page.text
    assert "none: too little overlap" in page.text
    assert "pictures" not in page.ids


@pytest.mark.parametrize(
    ("rate", "interval", "words"),
    [
        (3.14, [2.0, 4.0], "needs 3.1 % more bits than"),
        (-0.04, [-1.0, 1.0], "needs as many bits as"),
        (-0.5, [-1.0, 1.0], "which includes 0"),
    ],
)
def test_the_answer_is_honest(rate: float, interval: list[float], words: str, tmp_path: Path) -> None:
    results = document()
    results["deltas"][0] |= {"bd_rate": rate, "interval": interval}
    assert words in Page(render(results, tmp_path)).text


def test_several_learned_codecs(tmp_path: Path) -> None:
    results = document()
    results["codecs"] = [*CODECS, {"name": "other", "title": "j2klearn other", "kind": "learned"}]
    results["deltas"].append(delta("other", "psnr", ["kodim01.png"], -3.0))
    page = Page(render(results, tmp_path))
    for part in ("24 pictures against OpenJPEG 9/7", "needs 7.2 % fewer bits", "needs 3.0 % fewer bits"):
        assert part in page.text


def test_many_pictures(tmp_path: Path) -> None:
    page = Page(render(document(500, "a rather long name of a picture, number {}.png"), tmp_path))
    assert "better on 500 of 500 pictures" in page.text
    assert page.figures["pictures-0"]["data"][0]["orientation"] == "v"


def test_names_are_hostile(tmp_path: Path) -> None:
    results = document(3, HOSTILE.replace("{", "{{").replace("}", "}}"))
    results["pictures"][0]["name"] = HOSTILE
    results["codecs"] = [CODECS[0] | {"title": HOSTILE}, *CODECS[1:]]
    results["command"] = results["protocol"]["text"] = results["created"] = HOSTILE
    results["versions"] = results["machine"] = {HOSTILE: HOSTILE}
    results["skipped"] = [{"picture": HOSTILE, "reason": HOSTILE}]
    results["speed"]["cases"][0]["picture"] = HOSTILE
    add_crops(results, tmp_path)
    html = render(results, tmp_path)
    page = Page(html)
    plain = Page(render(document(3) | {"crops": results["crops"]}, tmp_path))
    assert sum(tag == "script" for tag, _ in page.tags) == sum(tag == "script" for tag, _ in plain.tags)
    assert HOSTILE in page.text
    assert not any("onerror" in attributes for _, attributes in page.tags)
    assert "<script>alert" not in html
    for figure in page.figures.values():
        for trace in figure["data"]:
            assert "<" not in "".join([trace.get("name", ""), *trace.get("hovertext", ())])


def test_only_scripts_of_the_page_run(full: dict[str, Any], tmp_path: Path) -> None:
    html = render(full, tmp_path)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert policy
    assert "default-src 'none'" in policy[1]
    assert policy[1].count("'sha256-") == 2
    assert "script-src 'sha256-" in policy[1]


def test_crops_come_from_the_folder_alone(full: dict[str, Any], tmp_path: Path) -> None:
    crop = full["crops"][0]
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    with pytest.raises(InputError, match=r"cannot read the crop crops/"):
        render(full, folder)
    crop["original"] = "../crops/original.png"
    crop["codecs"] = {}
    with pytest.raises(InputError, match="outside the folder"):
        render(full, folder)
    (folder / "text.png").write_text("text")
    crop["original"] = "text.png"
    with pytest.raises(InputError, match="not a PNG"):
        render(full, folder)


def test_results_of_another_format_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="j2klearn-benchmark-1"):
        render({"format": "other"}, tmp_path)


def test_the_report_is_written_whole(full: dict[str, Any], tmp_path: Path) -> None:
    path = write_report(full, tmp_path)
    assert path == tmp_path / "report.html"
    assert path.read_text(encoding="utf-8") == render(full, tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["crops", "report.html"]
    with pytest.raises(InputError, match="cannot write"):
        write_report(document(), tmp_path / "missing")


FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium that logs its console and its requests."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="no selenium")
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next(filter(None, map(shutil.which, names)), None)
    driver_program = shutil.which("chromedriver")
    if not browser or not driver_program:
        pytest.skip("no Chromium with its chromedriver on this machine")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in [*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(driver_program))
    yield driver
    driver.quit()


def load(driver: Any, path: Path, width: int, height: int = 740) -> None:
    """Load a page in a window of this size, and wait until its curves are drawn."""
    from selenium.webdriver.support.ui import WebDriverWait

    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    for kind in ("browser", "performance"):
        driver.get_log(kind)  # empties the log
    driver.get(path.as_uri())
    WebDriverWait(driver, 30).until(
        lambda d: d.execute_script("return !!document.querySelector('.main-svg')")
    )


def requests(driver: Any) -> list[str]:
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    return [url for url in urls if not url.startswith("data:")]


@pytest.mark.slow
@pytest.mark.parametrize("hostile", [False, True])
def test_in_a_browser(chromium: Any, full: dict[str, Any], tmp_path: Path, hostile: bool) -> None:
    if hostile:
        full["pictures"][0]["name"] = full["crops"][0]["picture"] = HOSTILE
        full["codecs"] = [dict(codec, title=HOSTILE + codec["name"]) for codec in CODECS]
        for entry in full["deltas"]:
            entry["per_picture"][HOSTILE] = 1.0
            entry["worst"] = [HOSTILE]
    path = write_report(full, tmp_path)
    for width in (360,) if hostile else (360, 1280):
        load(chromium, path, width)
        assert chromium.get_log("browser") == []
        assert requests(chromium) == [path.as_uri()]
        widths = (
            "const { scrollWidth, clientWidth } = document.documentElement; return [scrollWidth, clientWidth]"
        )
        page_width, window_width = chromium.execute_script(widths)
        assert page_width <= window_width <= width
        extents = chromium.execute_script(
            "return [...document.querySelectorAll('[data-figure=curve-psnr-measured] .scatterlayer path.js-line')]"
            ".map((path) => path.getBBox()).map((box) => [box.width, box.height])"
        )
        assert len(extents) == len(CODECS)
        assert all(extent > 10 for extents_of_curve in extents for extent in extents_of_curve)


@pytest.mark.slow
def test_the_slider_moves(chromium: Any, full: dict[str, Any], tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import Select

    load(chromium, write_report(full, tmp_path), 360)
    slider = chromium.find_element("css selector", ".compare input")

    def shown(side: str) -> tuple[str, str]:
        image = chromium.find_element("css selector", f".compare img.{side}")
        return image.get_attribute("alt"), image.value_of_css_property("clip-path")

    assert shown("left") == ("The same crop, coded with OpenJPEG 9/7", "inset(0px 50% 0px 0px)")
    assert shown("right") == ("The same crop, coded with j2klearn hybrid", "none")
    slider.send_keys(Keys.ARROW_RIGHT * 20)
    assert shown("left")[1] == "inset(0px 30% 0px 0px)"
    slider.send_keys(Keys.HOME)
    assert shown("left")[1] == "inset(0px 100% 0px 0px)"
    assert "j2klearn hybrid 100 %" in slider.get_attribute("aria-valuetext")

    left, right = (
        Select(chromium.find_element("css selector", f"[data-side={s}]")) for s in ("left", "right")
    )
    right.select_by_visible_text("OpenJPEG 9/7")
    assert left.first_selected_option.text == "j2klearn hybrid"
    left.select_by_visible_text("Original")
    assert shown("left")[0].startswith("A crop of kodim01.png")
    facts = chromium.find_element("css selector", ".facts[data-facts=right]").text
    assert facts == "12,288 bytes, 29.10 dB"


@pytest.mark.slow
def test_what_is_shown_can_be_chosen(chromium: Any, full: dict[str, Any], tmp_path: Path) -> None:
    from selenium.webdriver.support.ui import Select

    load(chromium, write_report(full, tmp_path), 1280)

    def drawn(selector: str) -> int:
        return len(chromium.find_elements("css selector", f"{selector} .main-svg"))

    curves = "[data-figure=curve-psnr-measured] path.js-line"
    button = chromium.find_element("css selector", "[data-legend=curves] button")
    assert len(chromium.find_elements("css selector", curves)) == len(CODECS)
    chromium.execute_script("arguments[0].click()", button)
    assert len(chromium.find_elements("css selector", curves)) == len(CODECS) - 1
    assert button.get_attribute("aria-pressed") == "false"

    assert drawn("[data-figure=curve-ssim-decibels]") == 0
    Select(chromium.find_element("css selector", "[data-switch=scale]")).select_by_value("decibels")
    assert drawn("[data-figure=curve-ssim-decibels]") > 0
    assert not chromium.find_element("css selector", "[data-figure=curve-ssim-measured]").is_displayed()
