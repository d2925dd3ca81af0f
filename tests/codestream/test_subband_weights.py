"""Weights of subbands: the quantiser steps change, and the indices that tier-1 decodes do not."""

from __future__ import annotations

import numpy as np
import pytest

from j2klearn.codestream.main_header import main_segments, read_main_header
from j2klearn.codestream.markers import Marker
from j2klearn.codestream.subband_weights import weights_overhead, with_weights
from j2klearn.codestream.tile_parts import tile_parts
from j2klearn.core.geometry import Rect
from j2klearn.ebcot.reconstruction import read_lattice
from j2klearn.errors import CodestreamError
from j2klearn.native import transport

LEVELS = 3
BANDS = 3 * LEVELS + 1


def _coded(rgb, **options):
    planes = rgb[:150, :170].astype(np.int32).transpose(2, 0, 1)
    parameters = transport.Parameters(
        area=Rect(3, 5, 153, 175), components=3, precision=8, levels=LEVELS, **options
    )
    with transport.Encoder(parameters) as encoder:
        for index, plane in enumerate(planes):
            encoder.put_samples(index, np.ascontiguousarray(plane))
        return encoder.finish()


def _indices(codestream, layers):
    with transport.Decoder(codestream) as decoder:
        decoder.decode(half_steps=True, layers=layers)
        return [decoder.subbands(index, LEVELS) for index in range(3)]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {
            **{"tile_shape": (64, 72), "layer_bytes": (900.0, 3000.0, 9000.0), "progression": 2},
            **{"sop": True, "eph": True, "plt": True, "tlm": True, "mode_switches": 5},
            **{"codeblock": (16, 16), "precincts": ((32, 32),)},
        },
    ],
)
def test_only_the_steps_change(rgb, options):
    codestream = _coded(rgb, **options)
    generator = np.random.default_rng(0)
    weights = [[1.0] * BANDS, *generator.uniform(0.13, 1, (2, BANDS)).tolist()]
    weighted = with_weights(codestream, weights)
    layers = len(options.get("layer_bytes", [0]))
    for layer in range(1, layers + 1):
        for old, new in zip(_indices(codestream, layer), _indices(weighted, layer), strict=True):
            assert np.array_equal(old, new)
    headers = [read_main_header(data) for data in (codestream, weighted)]
    for index, own in enumerate(weights):
        before, after = (read_lattice(header, index) for header in headers)
        divided = [step / weight for step, weight in zip(before.values(), own, strict=True)]
        assert list(after.values()) == pytest.approx(divided, rel=2.0**-11)
    lengths = [part.header.length for part in tile_parts(weighted)]
    tlm = [s for s in main_segments(weighted, headers[1].end) if s.marker == Marker.TLM]
    assert len(tlm) == bool(options)
    if options:
        listed = weighted[tlm[0].start + 6 : tlm[0].end]
        assert [int.from_bytes(listed[at + 2 : at + 6], "big") for at in range(0, len(listed), 6)] == lengths
        assert all(sum(p.header.packets) == p.end - p.start for p in tile_parts(weighted))


def test_the_overhead_is_about_right(rgb):
    codestream = _coded(rgb)
    weights = [[1.0] * BANDS, [0.5] * BANDS, [0.5] * BANDS]
    grown = len(with_weights(codestream, weights)) - len(codestream)
    assert 0 < grown <= weights_overhead(weights, [1] * (LEVELS + 1)) <= grown + 12


def test_weights_that_the_header_cannot_declare(rgb):
    codestream = _coded(rgb)
    with pytest.raises(CodestreamError, match="divided by the weights"):
        with_weights(codestream, [[1.0] * BANDS, [1e-3] * BANDS, [1.0] * BANDS])
    weighted = with_weights(codestream, [[1.0] * BANDS, [0.5] * BANDS, [1.0] * BANDS])
    with pytest.raises(CodestreamError, match="same quantiser steps"):
        with_weights(weighted, [[1.0] * BANDS] * 3)
