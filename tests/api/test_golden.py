"""Golden files: files of older versions decode to the same picture for ever.

The files carry their (tiny) model, so that they do not depend on what ships. `python -m tests.api.test_golden` writes
them, and once more with `J2KLEARN_CPU=avx2` for the pictures in float32. Run it only for a new version of the format:
it adds files and replaces none.

Beside every file of version 1 lie two pictures. ``.npy`` is what the version that wrote the file decoded, in bfloat16.
``.float32.npy`` is what it decodes to with networks in float32, by AVX2 as by AVX-512.

Files ``integer-*`` carry an integer model, and files ``lossless-*`` a reversible one. They decode to the same samples
on every machine: ``integer.json`` has the SHA-256 of what they decode to.
"""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.access.partial_codestream import PartialCodestream
from j2klearn.codestream.learned_segment import read_comments
from j2klearn.codestream.main_header import read_main_header
from j2klearn.core.picture import Picture
from j2klearn.ebcot import coders
from j2klearn.io.sources import open_source
from j2klearn.jp2.boxes import find_codestream
from j2klearn.models.integer import packed
from j2klearn.models.model import Model
from j2klearn.transform.colour import planes
from j2klearn.transform.gains import measure
from j2klearn.transform.integer.quantise import quantise
from j2klearn.transform.integer.reversible_base import NON_SEPARABLE
from j2klearn.transform.precision import fast_bfloat16
from tests.support.paths import GOLDEN
from tests.support.reversible_models import small_reversible

DIGESTS = GOLDEN / "integer.json"

#: The version of the learned-transform segment of a kind, if it is not the first one.
VERSIONS = {"narrow": 3, "bands": 3, "chroma": 4, "narrow-chroma": 4}

#: Largest and mean difference from the float32 picture, in units of the samples, for networks in float32. Pictures of
#: 8 and 12 bits have almost none. Those of 16 bits were recorded before decoders took the integers of tier-1, when
#: multiples of the finest quantiser steps were not exact: up to 0.033 in the mean.
FLOAT32 = (1, 0.05)

#: The same in 8-bit grey levels, for networks in bfloat16. Measured: one level in pictures of 8 bits, where one sample
#: in 270 rounds differently; 0.63 and 0.19 in those of 12 and 16 bits; at most 0.026 in the mean.
BFLOAT16 = (1, 0.03)

#: The same for both, relative to the picture that the writer decoded. The writer's analysis and synthesis rounded in
#: the same way, so their rounding errors cancelled; with a reader that rounds differently they do not. That happens at
#: one spot of the RGB pictures, where two opacities are almost equal. Measured: 3 levels, 0.1 in the mean.
WRITER = (3, 0.12)

KINDS: dict[str, dict[str, Any]] = {
    "grey": {},
    "rgb": {},
    "rgb16": {},
    "grey12": {"bit_depth": 12},
    "tiles": {"tile_size": (40, 48), "layers": 2},
    "offset": {"offset": (3, 5), "tile_size": 64, "tile_offset": (1, 1), "levels": 2},
    "markers": {
        "progression": "RPCL",
        "sop": True,
        "eph": True,
        "plt": True,
        "precincts": [(64, 64), (32, 32)],
    },
    "codestream": {"jp2": False},
    "narrow": {},
    "bands": {"colorspace": "grey", "component_transform": False, "tile_size": 64, "layers": 2},
    "chroma": {},
    "narrow-chroma": {"tile_size": 64, "layers": 2},
}


#: Files with an integer model: the base wavelet of the model, and the kind.
INTEGER_KINDS = [("97", kind) for kind in ("grey", "rgb", "rgb16", "grey12", "tiles", "offset", "chroma")] + [
    ("53", "rgb")
]

#: Files with an integer model that has networks for de-quantisation: one for every component, or one for chroma too,
#: whose positions then have 2 x 2 or 4 x 4 samples.
DEQUANTISED_KINDS = ("dequantised", "guided", "positions")

#: Files with a reversible model: the kind of the picture, and how it is coded. Version 5 of the segment, and version 6
#: where the kind begins with "weights".
LOSSLESS_KINDS: dict[str, dict[str, Any]] = {
    "grey": {"lossless": True},
    "rgb": {"bpp": [2, 8, None]},
    "rgb16": {"lossless": True},
    "grey12": {"bpp": [3, None], "bit_depth": 12},
    "tiles": {"bpp": [4, None], "tile_size": (40, 48)},
    "offset": {"lossless": True, "offset": (3, 5), "tile_size": 64, "tile_offset": (1, 1), "levels": 2},
    "bands": {"lossless": True, "colorspace": "grey", "component_transform": False},
    "weights": {"bpp": [2, 8, None], "tile_size": (40, 48), "offset": (3, 5)},
    "weights16": {"lossless": True},
}

#: Kinds of lossless files whose base wavelet is the non-separable 5/3, too.
NON_SEPARABLE_KINDS = ("grey", "rgb", "rgb16", "offset", "weights")

#: Base wavelet and kind of all lossless files, by name.
LOSSLESS = {f"lossless-{kind}": ("5-3", kind) for kind in LOSSLESS_KINDS} | {
    f"lossless-{NON_SEPARABLE}-{kind}": (NON_SEPARABLE, kind) for kind in NON_SEPARABLE_KINDS
}

#: Files with a float model, of all versions of the segment.
FLOATS = sorted([*GOLDEN.glob("v?-*.jp2"), *GOLDEN.glob("v?-*.j2k")])


@pytest.mark.parametrize("path", FLOATS, ids=lambda path: path.stem)
def test_old_files_decode_to_the_same_picture(path: Path) -> None:
    facts = j2klearn.info(path)
    assert facts.learned
    assert facts.model_embedded
    decoded = j2klearn.decode(path)
    level = 2.0 ** (facts.precision - 8)
    most, mean = (BFLOAT16[0] * level, BFLOAT16[1] * level) if fast_bfloat16() else FLOAT32
    for suffix, bounds in ((".float32.npy", (most, mean)), (".npy", (WRITER[0] * level, WRITER[1] * level))):
        expected = np.load(path.with_suffix(suffix))
        assert decoded.dtype == expected.dtype
        difference = np.abs(decoded.astype(np.int64) - expected)
        assert difference.max() <= bounds[0]
        assert difference.mean() <= bounds[1]


@functools.cache
def _twin(weights: bytes) -> Model:
    """Return the twin of a model file."""
    model = Model.from_bytes(weights)
    twins, _ = quantise(model.build(), [planes(Picture(_picture("rgb")))])
    config, tensors = packed(
        twins, twin_of=model.transform_id, gains=() if model.matched else measure(model.build())
    )
    return Model(config, tensors, {"name": "golden"})


@pytest.mark.parametrize("path", FLOATS, ids=lambda path: path.stem)
def test_old_files_decode_to_the_same_picture_by_a_twin(path: Path) -> None:
    codestream = PartialCodestream(open_source(path))
    _, weights = read_comments(codestream.header.binary_comments)
    assert weights is not None
    decoded = j2klearn.decode(path, model=_twin(weights), engine="native")
    level = 2.0 ** (j2klearn.info(path).precision - 8)
    expected = np.load(path.with_suffix(".float32.npy"))
    assert decoded.dtype == expected.dtype
    difference = np.abs(decoded.astype(np.int64) - expected)
    assert difference.max() <= BFLOAT16[0] * level
    assert difference.mean() <= BFLOAT16[1] * level


def _digest(samples: NDArray[Any]) -> str:
    state = hashlib.sha256(f"{samples.dtype.name} {samples.shape}".encode())
    state.update(samples.astype(samples.dtype.newbyteorder("<")).tobytes())
    return state.hexdigest()


def _decoded(path: Path) -> dict[str, str]:
    """Return the digests of what a file decodes to: the whole picture, a part of it, and half the resolution."""
    parts: dict[str, dict[str, Any]] = {
        "whole": {},
        "part": {"region": (11, 20, 60, 77)},
        "half": {"reduce": 1},
    }
    if path.stem.startswith("lossless-"):
        parts["first layer"] = {"layers": 1}
    return {name: _digest(j2klearn.decode(path, **options)) for name, options in parts.items()}


@pytest.mark.parametrize("stem", sorted(json.loads(DIGESTS.read_text())))
def test_files_of_integer_models_decode_to_the_same_samples(stem: str) -> None:
    (path,) = GOLDEN.glob(f"{stem}.j*")
    facts = j2klearn.info(path)
    assert facts.model_embedded
    assert facts.engine == "native"
    assert _decoded(path) == json.loads(DIGESTS.read_text())[stem]


def test_all_kinds_are_there() -> None:
    assert {path.stem for path in FLOATS} >= {f"v{VERSIONS.get(kind, 1)}-{kind}" for kind in KINDS}
    kinds = [*INTEGER_KINDS, *(("97", kind) for kind in DEQUANTISED_KINDS)]
    stems = {f"integer-{base}-{kind}" for base, kind in kinds}
    assert set(json.loads(DIGESTS.read_text())) >= stems | set(LOSSLESS)


@pytest.mark.parametrize("kind", DEQUANTISED_KINDS)
def test_files_are_dequantised(kind: str) -> None:
    path = GOLDEN / f"integer-97-{kind}.jp2"
    whole = j2klearn.decode(path)
    assert not np.array_equal(whole, j2klearn.decode(path, draft=True))
    assert np.array_equal(j2klearn.decode(path, region=(11, 20, 60, 77)), whole[11:60, 20:77])


@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless_files_are_exact(name: str) -> None:
    path, (_, kind) = GOLDEN / f"{name}.jp2", LOSSLESS[name]
    comments = read_main_header(find_codestream(path.read_bytes())).binary_comments
    descriptor, _ = read_comments(comments)
    assert descriptor is not None
    assert descriptor.steps is not None
    assert any(descriptor.steps.learned)
    if NON_SEPARABLE not in name:
        assert comments[-1][4] == (6 if kind.startswith("weights") else 5)
    assert np.array_equal(j2klearn.decode(path), _picture(kind))


@pytest.mark.parametrize(
    ("stem", "normalised"), [("v4-chroma", 0), ("v4-narrow-chroma", 3), ("integer-97-chroma", 0)]
)
def test_chroma_without_learned_steps(stem: str, normalised: int) -> None:
    path = GOLDEN / f"{stem}.jp2"
    descriptor, _ = read_comments(read_main_header(find_codestream(path.read_bytes())).binary_comments)
    assert descriptor is not None
    assert descriptor.base_chroma
    assert len(descriptor.normalisation) == normalised
    whole = j2klearn.decode(path)
    image = _picture(stem.partition("-")[2].removeprefix("97-"))
    assert np.abs(whole.astype(int) - image).max() <= 0.02 * np.ptp(image)
    part = j2klearn.decode(path, region=(11, 20, 60, 77)).astype(int)
    assert np.abs(part - whole[11:60, 20:77]).max() <= (
        1 if normalised else 0
    )  # with 16 bits, float steps round


@pytest.mark.parametrize("kind", ["narrow", "bands"])
def test_components_of_a_small_range_are_normalised(kind: str) -> None:
    header = read_main_header(find_codestream((GOLDEN / f"v3-{kind}.jp2").read_bytes()))
    descriptor, _ = read_comments(header.binary_comments)
    assert descriptor is not None
    exponents = [rule.exponent for rule in descriptor.normalisation]
    assert exponents == {"narrow": [9, 9, 9], "bands": [4, 0, 6, 15]}[kind]
    image, decoded = _picture(kind).astype(int), j2klearn.decode(GOLDEN / f"v3-{kind}.jp2").astype(int)
    spans = np.ptp(image, (0, 1))
    assert (np.abs(decoded - image).max((0, 1)) <= 0.02 * spans).all()


def _picture(kind: str) -> NDArray[Any]:
    y, x = np.mgrid[:83, :101]
    waves = [
        128 + 100 * np.sin((x * np.cos(a) + y * np.sin(a)) / 5) * np.exp(-(x + y) / 150)
        for a in (0.3, 1.0, 2.0)
    ]
    image = np.stack(waves, axis=-1)
    if "chroma" in kind:
        image = np.clip(image[:, :, :1] + np.stack([x / 4 - 12, y / 8 - 5, -x / 5 + 10], axis=-1), 0, 255)
    if "narrow" in kind:
        return (image / 255 * 200 + 1000).astype(np.uint16)
    if kind == "bands":
        bands = [image[:, :, 0] * 12 - 1024, image[:, :, 1] * 200 - 25600, image[:, :, 2] * 3 - 900]
        return np.dstack([*bands, np.full(bands[0].shape, -7)]).astype(np.int16)
    if "grey" in kind:
        image = image[:, :, 0]
    if "16" in kind:
        return (image * 257).astype(np.uint16)
    return (image * 16).astype(np.uint16) if "12" in kind else image.astype(np.uint8)


def _write() -> None:
    """Write the files that are missing, with a float model and with its twin, and what they decode to."""
    GOLDEN.mkdir(exist_ok=True)
    for kind, options in KINDS.items():
        path = GOLDEN / f"v{VERSIONS.get(kind, 1)}-{kind}.{'jp2' if options.get('jp2', True) else 'j2k'}"
        if not path.exists():
            path.write_bytes(_encoded(kind, _model("9-7")))
    for path in GOLDEN.glob("v?-*.j*"):
        decoded = path.with_suffix(".npy" if fast_bfloat16() else ".float32.npy")
        if not decoded.exists():
            np.save(decoded, j2klearn.decode(path))
    digests = json.loads(DIGESTS.read_text()) if DIGESTS.exists() else {}
    for base, kind in INTEGER_KINDS:
        path = GOLDEN / f"integer-{base}-{kind}.jp2"
        if not path.exists():
            path.write_bytes(_encoded(kind, _twin(_model("9-7" if base == "97" else "5-3").to_bytes())))
            digests[path.stem] = _decoded(path)
    for kind in DEQUANTISED_KINDS:
        path = GOLDEN / f"integer-97-{kind}.jp2"
        if not path.exists():
            model = _dequantising(kind)
            path.write_bytes(
                j2klearn.encode(_picture("rgb"), bpp=3, model=model, embed_model=True, fallback=False)
            )
            digests[path.stem] = _decoded(path)
    for name, (lossless_base, kind) in LOSSLESS.items():
        path = GOLDEN / f"{name}.jp2"
        if not path.exists():
            model, coding = small_reversible(base=lossless_base), LOSSLESS_KINDS[kind]
            file = j2klearn.encode(_picture(kind), model=model, embed_model=True, fallback=False, **coding)
            path.write_bytes(file)
            digests[path.stem] = _decoded(path)
    DIGESTS.write_text(json.dumps(digests, indent=2) + "\n")


def _encoded(kind: str, model: Model) -> bytes:
    with mock.patch.object(coders, "prefers_base_chroma", return_value="chroma" in kind):
        return j2klearn.encode(
            _picture(kind), bpp=24, model=model, embed_model=True, fallback=False, **KINDS[kind]
        )


def _dequantising(kind: str) -> Model:
    """Return an integer model with random networks for de-quantisation."""
    import torch

    from j2klearn.dequantisation.networks import dequantiser_of
    from j2klearn.dequantisation.twin.quantise import quantise_dequantiser

    sizes: dict[str, Any] = {"width": 6, "pairs": 1}
    if kind != "dequantised":
        sizes |= {"kind": "guided", "chroma_width": 9, "chroma_pairs": 2}
    if kind == "positions":
        sizes["chroma_side"] = 4
    torch.manual_seed(2)
    network = dequantiser_of(sizes).requires_grad_(False)
    for name, weight in network.named_parameters():
        if "tail" in name:
            torch.nn.init.normal_(weight, std=0.05)
    picture = planes(Picture(_picture("rgb")))
    twin = quantise_dequantiser(network, [(picture, np.array([1.0, 0.5, 0.0], np.float32))])
    plain = _twin(_model("9-7").to_bytes())
    twins = plain.engine.twins
    assert twins is not None
    config, tensors = packed(twins, twin_of=plain.twin_of, dequantiser=(twin, bytes(32)))
    return Model(config, tensors, {"name": "golden"})


def _model(base: str) -> Model:
    import torch

    from j2klearn.models.build import build

    operator = {"proposals": 2, "width": 4, "blocks": 1, "zero_dc": True}
    config = {
        "structure": "hybrid",
        "base": base,
        "operator": "proposal-opacity",
        "h2l": {**operator, "first_kernel": 3},
        "l2h": {**operator, "first_kernel": 1},
    }
    torch.manual_seed(1)
    network = build(config).requires_grad_(False)
    for operator_of in (network.h2l, network.l2h):
        torch.nn.init.normal_(operator_of.proposal.weight, std=0.01)
    return Model.of(network, config, {"name": "golden"})


if __name__ == "__main__":
    _write()
