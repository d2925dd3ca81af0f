"""Make the seed inputs of the fuzz targets, in tests/fuzz/seeds/: small files of every kind, from our own encoder.

    python -m tests.fuzz.seeds

The files of `files/` serve all targets that read pictures. The native ones take the last eight bytes of an input as
options, so that a plain file is an input too.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import j2klearn
from j2klearn.codestream.main_header import comment_segments, read_main_header
from j2klearn.jp2.boxes import find_codestream
from j2klearn.models.build import build
from j2klearn.models.model import Model
from j2klearn.neural.format.container import UUID_BOX
from tests.support.integer_models import twin_of
from tests.support.reversible_models import small_reversible
from tests.support.small_models import randomised

__all__ = ["SEEDS"]

SEEDS = Path(__file__).with_name("seeds")


def picture(height: int, width: int) -> NDArray[np.uint8]:
    rows, columns = np.mgrid[:height, :width]
    plane = (rows * columns // 3 + 60 * (rows // 8 % 2)).astype(np.uint8)
    return np.stack([plane, plane[::-1], 255 - plane], -1)


@functools.cache
def tiny_pair() -> tuple[Model, Model]:
    """Return a float model with hardly any weights, and its twin in integers."""
    operator = {"proposals": 2, "width": 2, "blocks": 1, "first_kernel": 3, "zero_dc": False}
    config = {
        "structure": "hybrid",
        "base": "9-7",
        "operator": "proposal-opacity",
        "h2l": operator,
        "l2h": dict(operator),
    }
    model = Model.of(randomised(build(config), 0.02), config, {"name": "tiny"})
    return model, twin_of(model)


def files() -> Iterator[tuple[str, bytes]]:
    rgb = picture(24, 32)
    grey = rgb[..., 0]
    plain: dict[str, Any] = {"model": None}
    marked = {
        "precincts": [(8, 8)],
        "codeblock_size": (4, 4),
        "sop": True,
        "eph": True,
        "plt": True,
        "tlm": True,
    }
    reversible = j2klearn.encode(grey, lossless=True, jp2=False, levels=2, **plain)
    yield "grey-53.j2k", reversible
    # its only tile-part has a wrong Lsot: there is none to put in order
    yield "wrong-lsot.j2k", reversible.replace(b"\xff\x90\x00\x0a", b"\xff\x90\x00\x24")
    yield "rgb-97.jp2", j2klearn.encode(rgb, bpp=2, levels=3, **plain)
    layered = j2klearn.encode(rgb, bpp=[0.5, 1, 3], tile_size=16, levels=2, **plain, **marked)
    yield "layers-tiles.jp2", layered
    for order in ("RLCP", "RPCL", "PCRL", "CPRL"):
        yield (
            f"{order.lower()}.j2k",
            j2klearn.encode(
                rgb[:16, :20],
                bpp=[1, 3],
                levels=2,
                progression=order,
                offset=(3, 5),
                jp2=False,
                precincts=[(8, 8)],
                **plain,
            ),
        )
    yield "tile-parts.jp2", j2klearn.repack(layered, progression="RPCL", tile_parts="R", plt=True, tlm=True)
    yield "truncated.j2k", j2klearn.encode(rgb, bpp=[1, 3], levels=2, jp2=False, **plain)[:-60]
    yield (
        "alpha16.jp2",
        j2klearn.encode(
            np.concatenate([rgb[:8, :8], rgb[:8, :8, :1]], -1).astype(np.uint16) * 200,
            lossless=True,
            levels=1,
            **plain,
        ),
    )
    float_model, twin = tiny_pair()
    for name, options in {
        "learned.jp2": {"bpp": 3},
        "learned-tiles.j2k": {"bpp": [1, 4], "tile_size": 16, "jp2": False},
    }.items():
        yield name, j2klearn.encode(rgb, model=twin, embed_model=True, levels=2, fallback=False, **options)
    yield (
        "learned-float.jp2",
        j2klearn.encode(grey, model=float_model, embed_model=True, levels=2, bpp=3, fallback=False),
    )
    yield "lossless-learned.jp2", j2klearn.encode(grey, lossless=True, levels=2, fallback=False)
    yield (
        "learned-weights.jp2",
        j2klearn.encode(
            rgb, model=small_reversible(), embed_model=True, lossless=True, levels=2, fallback=False
        ),
    )
    yield "neural.jp2", j2klearn.encode(rgb[:16, :16], profile="neural", quality=20)
    yield "neural-lossless.jp2", j2klearn.encode(grey[:8, :8], profile="neural", lossless=True)


def segments(made: list[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Yield the COM marker segments of the learned files."""
    for name, data in made:
        if "learned" in name:
            yield Path(name).stem, comment_segments(read_main_header(find_codestream(data)).binary_comments)


def payloads(made: list[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Yield the payloads of the files of the neural profile."""
    for name, data in made:
        if name.startswith("neural"):
            yield Path(name).stem, data[data.index(UUID_BOX.bytes) + 16 :]


def models() -> Iterator[tuple[str, bytes]]:
    for name, model in zip(("float", "integer"), tiny_pair(), strict=True):
        yield f"{name}.safetensors", model.to_bytes()


def json_texts() -> Iterator[tuple[str, bytes]]:
    for name, model in zip(("float", "integer"), tiny_pair(), strict=True):
        yield f"{name}.json", json.dumps(model.config, sort_keys=True).encode()
    yield "values.json", rb'{"a": [1, -2.5e3, true, null, "\u00e9\ud83d\ude00\n"], "b": {}}'


def write(folder: str, inputs: Iterator[tuple[str, bytes]]) -> None:
    place = SEEDS / folder
    place.mkdir(parents=True, exist_ok=True)
    for name, data in inputs:
        (place / name).write_bytes(data)
        print(f"{folder}/{name}: {len(data)} bytes")


def main() -> None:
    made = list(files())
    write("files", iter(made))
    write("segments", segments(made))
    write("payloads", payloads(made))
    write("models", models())
    write("json", json_texts())


if __name__ == "__main__":
    main()
