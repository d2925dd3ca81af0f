"""Dropping layers gives complete files, which decode like the same layers of the original file."""

from __future__ import annotations

import struct
import warnings

import glymur
import numpy as np
import pytest

import j2klearn
from j2klearn.codestream.main_header import read_main_header
from j2klearn.codestream.pointer_segments import packet_lengths
from j2klearn.errors import CodestreamError, OptionError, UnsupportedError
from j2klearn.jp2 import boxes
from j2klearn.layers import keep_layers

RATES = [0.25, 0.5, 1.0, 2.0]


@pytest.fixture(scope="module", params=["learned", "9-7", "5-3"])
def packed(request, grey):
    choice = {} if request.param == "learned" else {"model": None, "wavelet": request.param}
    return j2klearn.encode(grey, bpp=RATES, plt=True, **choice)


def test_packet_lengths_of_several_bytes():
    assert packet_lengths(bytes([0x05, 0x81, 0x00, 0xFF, 0xFF, 0x7F])) == [5, 128, (1 << 21) - 1]


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_the_file_left_is_what_the_layers_of_the_whole_are(packed, grey, layers):
    smaller = keep_layers(packed, layers)
    assert read_main_header(boxes.find_codestream(smaller)).layers == layers
    assert abs(8 * len(smaller) / grey.size - RATES[layers - 1]) < 0.02 * RATES[layers - 1] + 0.01
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(j2klearn.decode(smaller), j2klearn.decode(packed, layers=layers))


@pytest.mark.parametrize("layers", [1, 3])
def test_truncated_bytes_decode_to_the_same_picture(packed, layers):
    """A file truncated after the last packet of a layer decodes like the file with its higher layers dropped.

    Learned files differ a little: in a truncated file, de-quantisation uses the noise level of the highest layer.
    """
    whole, smaller = keep_layers(packed, 4), keep_layers(packed, layers)
    cut = whole[: len(smaller) - 2]  # without EOC
    with pytest.warns(j2klearn.errors.TruncatedWarning):
        decoded = j2klearn.decode(cut)
    right = j2klearn.decode(smaller)
    if j2klearn.info(packed).learned:
        assert np.abs(decoded.astype(int) - right).mean() < 5
    else:
        assert np.array_equal(decoded, right)


def test_other_readers_take_the_file(packed, tmp_path):
    (tmp_path / "whole.jp2").write_bytes(packed)
    (tmp_path / "smaller.jp2").write_bytes(keep_layers(packed, 2))
    whole = glymur.Jp2k(tmp_path / "whole.jp2")
    whole.layer = 2
    assert np.array_equal(glymur.Jp2k(tmp_path / "smaller.jp2")[:], whole[:])


def test_tiles_and_boxes_behind_the_codestream(rgb, tmp_path):
    data = j2klearn.encode(rgb, bpp=[0.5, 1, 2], plt=True, tlm=True, tile_size=128)
    data += struct.pack(">I4s4s", 12, b"free", b"    ")
    smaller = keep_layers(data, 2)
    assert smaller.endswith(data[-12:])
    assert np.array_equal(j2klearn.decode(smaller), j2klearn.decode(data, layers=2))
    path = tmp_path / "smaller.jp2"
    path.write_bytes(smaller)
    ids = {segment.marker_id for segment in glymur.Jp2k(path).get_codestream(header_only=False).segment}
    assert {"SOT", "SOD", "EOC"} <= ids
    assert not {"PLT", "TLM"} & ids


def test_bare_codestreams_stay_bare(grey):
    data = j2klearn.encode(grey, bpp=[0.5, 1], plt=True, jp2=False)
    assert keep_layers(data, 1)[:4] == data[:4]


def test_what_cannot_be_done_is_said(grey):
    data = j2klearn.encode(grey, bpp=[0.5, 1], plt=True)
    for layers in (0, 3):
        with pytest.raises(OptionError, match="1 to 2"):
            keep_layers(data, layers)
    with pytest.raises(OptionError, match="plt=True"):
        keep_layers(j2klearn.encode(grey, bpp=[0.5, 1]), 1)
    with pytest.raises(UnsupportedError, match="LRCP"):
        keep_layers(j2klearn.encode(grey, bpp=[0.5, 1], plt=True, progression="PCRL"), 1)
    with pytest.raises(CodestreamError):
        keep_layers(data[: len(data) // 2], 2)
    with pytest.raises(CodestreamError):
        keep_layers(b"nothing", 1)


@pytest.mark.parametrize("model", ["learned", None])
def test_plt_takes_nothing_from_the_lower_layers(grey, model):
    choice = {"model": None} if model is None else {}
    rates = [0.5, 1.0, 2.0]
    plain = j2klearn.encode(grey, bpp=rates, **choice)
    packed = j2klearn.encode(grey, bpp=rates, plt=True, **choice)
    assert 8 * len(packed) <= 2.0 * grey.size
    for layer in (1, 2):
        assert np.array_equal(j2klearn.decode(plain, layers=layer), j2klearn.decode(packed, layers=layer))
