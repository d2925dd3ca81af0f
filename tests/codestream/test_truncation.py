"""Truncated files are decoded with a warning, and more bytes never give a worse picture."""

from __future__ import annotations

import struct
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn.errors import CodestreamError, LimitError, OptionError, TruncatedWarning
from tests.support.judges import psnr

#: Allowed fall of the PSNR in dB when bytes are added: a resolution improves the picture only with all its subbands.
TOLERANCE = 0.05


@pytest.fixture(scope="module")
def picture(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(rgb[:121, :150])


def encode(picture: NDArray[np.uint8], **options: Any) -> bytes:
    return j2klearn.encode(picture, threads=1, **options)


def decode_cut(data: bytes, end: int, **options: Any) -> NDArray[Any]:
    with pytest.warns(TruncatedWarning, match="codestream"):
        return j2klearn.decode(data[:end], threads=1, **options)


def start_of_data(data: bytes) -> int:
    return data.index(b"\xff\x93") + 2


KINDS = {
    "layers": {"bpp": [0.25, 0.5, 1, 2]},
    "one layer": {"bpp": 2},
    "lossless": {"lossless": True, "layers": 3},
    "tiles": {"bpp": [0.5, 2], "tile_size": 64, "tlm": True, "plt": True},
    "markers": {"bpp": [0.5, 2], "sop": True, "eph": True, "mode_switches": 5, "precincts": [(64, 64)]},
}


@pytest.mark.parametrize("kind", KINDS)
def test_more_bytes_are_never_worse(picture: NDArray[np.uint8], kind: str) -> None:
    check_cuts(picture, encode(picture, model=None, **KINDS[kind]), 40)


@pytest.mark.parametrize("kind", ["layers", "one layer"])
def test_more_bytes_are_never_worse_for_learned_files(picture: NDArray[np.uint8], kind: str) -> None:
    grey = picture[:80, :96, 1]
    check_cuts(grey, encode(grey, codeblock_size=(16, 16), **KINDS[kind]), 8)


def check_cuts(picture: NDArray[np.uint8], data: bytes, count: int) -> None:
    best = 0.0
    for end in np.linspace(start_of_data(data), len(data) - 2, count).astype(int):
        value = psnr(picture, decode_cut(data, end))
        assert value > best - TOLERANCE, f"cut at {end} of {len(data)}"
        best = max(best, value)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert psnr(picture, j2klearn.decode(data, threads=1)) > best - TOLERANCE


@pytest.mark.parametrize("progression", ["LRCP", "RLCP", "RPCL", "PCRL", "CPRL", "learned"])
def test_parts_of_cut_files(picture: NDArray[np.uint8], progression: str) -> None:
    """Lower resolutions, fewer layers and regions of a truncated file agree with its whole picture."""
    kind = {} if progression == "learned" else {"model": None, "progression": progression}
    data = encode(picture, bpp=[0.5, 1, 2], precincts=[(64, 64)], **kind)
    for share in (0.3, 0.7) if progression != "learned" else (0.5,):
        end = start_of_data(data) + int(share * (len(data) - start_of_data(data)))
        whole = decode_cut(data, end)
        assert decode_cut(data, end, reduce=2).shape == (31, 38, 3)
        assert decode_cut(data, end, layers=1).shape == whole.shape
        part = decode_cut(data, end, region=(30, 40, 70, 110))
        difference = np.abs(part.astype(int) - whole[30:70, 40:110])
        assert difference.max() <= 1


def test_a_cut_between_layers_is_the_layers_before_it(picture: NDArray[np.uint8]) -> None:
    data = encode(picture, bpp=[0.25, 0.5, 1, 2], levels=4, sop=True, model=None)
    for layer in (1, 2, 3):
        first_packet = struct.pack(">HHH", 0xFF91, 4, layer * 5 * 3)
        cut = decode_cut(data, data.index(first_packet))
        np.testing.assert_array_equal(cut, j2klearn.decode(data, layers=layer, threads=1))


def test_one_packet_holds_most_and_is_not_lost(picture: NDArray[np.uint8]) -> None:
    """The code-blocks of a truncated packet that are complete are decoded."""
    grey = picture[:, :, 1]
    data = encode(grey, bpp=3, levels=1, codeblock_size=(16, 16), model=None)
    values = [psnr(grey, decode_cut(data, int(share * len(data)))) for share in (0.6, 0.7, 0.8, 0.9)]
    assert all(np.diff(values) > 0.2)


def test_every_cut_of_a_small_file(picture: NDArray[np.uint8]) -> None:
    grey = picture[:24, :20, 0]
    data = encode(grey, bpp=[1, 3], codeblock_size=(4, 4), levels=2, model=None)
    best = 0.0
    for end in range(start_of_data(data), len(data)):
        value = psnr(grey, decode_cut(data, end))
        assert value > best - TOLERANCE
        best = max(best, value)


def test_cut_and_damaged_files(picture: NDArray[np.uint8]) -> None:
    data = encode(picture, bpp=[0.5, 2], tile_size=64, model=None)
    random = np.random.default_rng(5)
    for round_ in range(150):
        cut = bytearray(data[: random.integers(200, len(data))])
        for at in random.integers(100, len(cut), 3):
            cut[at] ^= 1 << random.integers(8)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # also glymur's, about damaged headers
            try:
                out = j2klearn.decode(
                    bytes(cut), reduce=round_ % 2, layers=round_ % 3, threads=1, max_pixels=10**6
                )
            except (CodestreamError, LimitError, OptionError):
                continue
        assert out.ndim in (2, 3)


def test_boxes_after_a_cut_codestream(picture: NDArray[np.uint8]) -> None:
    """A truncated codestream can lie in a complete box, followed by other boxes."""
    data = encode(picture, bpp=[0.5, 2], model=None, jp2=False)
    cut = data[: len(data) // 2]
    jp2 = encode(picture, bpp=[0.5, 2], model=None)
    at = jp2.index(b"jp2c") - 4
    boxed = (
        jp2[:at]
        + struct.pack(">I4s", len(cut) + 8, b"jp2c")
        + cut
        + struct.pack(">I4s", 12, b"xml ")
        + b"<a/>"
    )
    np.testing.assert_array_equal(decode_cut(boxed, len(boxed)), decode_cut(cut, len(cut)))


def test_too_many_packets_to_complete_with() -> None:
    """A few bytes that declare a billion packets."""
    siz = struct.pack(">HHH8LH3B", 0xFF51, 41, 0, 30000, 30000, 0, 0, 30000, 30000, 0, 0, 1, 7, 1, 1)
    # 65535 layers; precincts of 256 samples at the finest resolution
    cod = struct.pack(">HHBBHB5B2B", 0xFF52, 14, 1, 0, 65535, 0, 1, 4, 4, 0, 1, 0x77, 0x88)
    qcd = struct.pack(">HHB4B", 0xFF5C, 7, 0x40, 64, 64, 64, 64)
    sot = struct.pack(">HHHLBBH", 0xFF90, 10, 0, 10**9, 0, 1, 0xFF93)
    with pytest.raises(LimitError, match="truncated"):
        j2klearn.decode(b"\xff\x4f" + siz + cod + qcd + sot + bytes(10), max_pixels=None)
