"""A program that reads a file through OpenJPEG's functions in ways that the command-line programs do not.

    python -m tests.support.openjp2_calls FILE OUT

It writes a numpy archive with the samples of each way, and the texts of the warnings. It does not import j2klearn.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from glymur.lib.openjp2 import DecompressionParametersType, ImageType
from numpy.typing import NDArray

LIBRARY = ctypes.CDLL("libopenjp2.so.7")
_POINTER = ctypes.c_void_p
_READ = ctypes.CFUNCTYPE(ctypes.c_size_t, _POINTER, ctypes.c_size_t, _POINTER)
_SKIP = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, _POINTER)
_SEEK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int64, _POINTER)
_MESSAGE = ctypes.CFUNCTYPE(None, ctypes.c_char_p, _POINTER)
for _name in ("opj_create_decompress", "opj_stream_create", "opj_stream_create_default_file_stream"):
    getattr(LIBRARY, _name).restype = _POINTER


class Reading:
    """A decompressor and a stream; `seekable` is None for a file that OpenJPEG opens."""

    def __init__(self, path: str, seekable: bool | None, reduce: int = 0, layers: int = 0) -> None:
        self.warnings: list[str] = []
        with open(path, "rb") as stream:
            self.data = stream.read()
        self.at = 0
        jp2 = self.data[4:8] == b"jP  "
        self.codec = _POINTER(LIBRARY.opj_create_decompress(2 if jp2 else 0))
        self.callbacks: list[Any] = [_MESSAGE(lambda text, _: self.warnings.append(text.decode()))]
        LIBRARY.opj_set_warning_handler(self.codec, self.callbacks[0], None)
        parameters = DecompressionParametersType()
        LIBRARY.opj_set_default_decoder_parameters(ctypes.byref(parameters))
        parameters.cp_reduce, parameters.cp_layer = reduce, layers
        assert LIBRARY.opj_setup_decoder(self.codec, ctypes.byref(parameters))
        if seekable is None:
            self.stream = _POINTER(LIBRARY.opj_stream_create_default_file_stream(path.encode(), 1))
        else:
            self.stream = _POINTER(LIBRARY.opj_stream_create(ctypes.c_size_t(4096), 1))
            self.callbacks += [_READ(self.read), _SKIP(self.skip), _SEEK(self.seek)]
            LIBRARY.opj_stream_set_read_function(self.stream, self.callbacks[1])
            LIBRARY.opj_stream_set_skip_function(self.stream, self.callbacks[2])
            if seekable:
                LIBRARY.opj_stream_set_seek_function(self.stream, self.callbacks[3])
            LIBRARY.opj_stream_set_user_data_length(self.stream, ctypes.c_uint64(len(self.data)))
        self.image = ctypes.POINTER(ImageType)()
        assert LIBRARY.opj_read_header(self.stream, self.codec, ctypes.byref(self.image))

    def read(self, buffer: int, count: int, _: int) -> int:
        part = self.data[self.at : self.at + min(count, 3000)]
        ctypes.memmove(buffer, part, len(part))
        self.at += len(part)
        return len(part) or ctypes.c_size_t(-1).value

    def skip(self, count: int, _: int) -> int:
        self.at += count
        return count

    def seek(self, position: int, _: int) -> int:
        self.at = position
        return 1

    def close(self) -> None:
        LIBRARY.opj_stream_destroy(self.stream)
        LIBRARY.opj_destroy_codec(self.codec)
        LIBRARY.opj_image_destroy(self.image)

    def samples(self) -> NDArray[np.int32]:
        image = self.image.contents
        planes = []
        for index in range(image.numcomps):
            component = image.comps[index]
            flat = np.ctypeslib.as_array(component.data, (component.h * component.w,))
            planes.append(flat.reshape(component.h, component.w).copy())
        return np.stack(planes)


@contextmanager
def reading(path: str, seekable: bool | None = None, **options: int) -> Iterator[Reading]:
    file = Reading(path, seekable, **options)
    try:
        yield file
    finally:
        file.close()


def whole(path: str, seekable: bool | None = None, **options: int) -> NDArray[np.int32]:
    with reading(path, seekable, **options) as file:
        assert LIBRARY.opj_decode(file.codec, file.stream, file.image)
        LIBRARY.opj_end_decompress(file.codec, file.stream)
        return file.samples()


def one_component(path: str) -> NDArray[np.int32]:
    with reading(path) as file:
        assert LIBRARY.opj_set_decoded_components(file.codec, 1, (ctypes.c_uint32 * 1)(1), 0)
        assert LIBRARY.opj_decode(file.codec, file.stream, file.image)
        return file.samples()


def tile(path: str, index: int) -> NDArray[np.int32]:
    with reading(path) as file:
        assert LIBRARY.opj_get_decoded_tile(file.codec, file.stream, file.image, index)
        return file.samples()


def tiles_as_bytes(path: str, reduce: int) -> dict[str, NDArray[Any]]:
    """Return the bytes of every tile, and its area."""
    out: dict[str, NDArray[Any]] = {}
    with reading(path, reduce=reduce) as file:
        while True:
            index, size, count = (ctypes.c_uint32() for _ in range(3))
            corners, more = (ctypes.c_int32 * 4)(), ctypes.c_int()
            places = [ctypes.byref(corners, 4 * at) for at in range(4)]
            assert LIBRARY.opj_read_tile_header(
                file.codec,
                file.stream,
                ctypes.byref(index),
                ctypes.byref(size),
                *places,
                ctypes.byref(count),
                ctypes.byref(more),
            )
            if not more.value:
                return out
            data = np.zeros(size.value, np.uint8)
            assert LIBRARY.opj_decode_tile_data(
                file.codec, index, data.ctypes.data_as(_POINTER), size, file.stream
            )
            out[f"tile {reduce} {index.value}"] = data
            out[f"area {reduce} {index.value}"] = np.array(corners[:])


def main(path: str, out: str) -> None:
    results: dict[str, NDArray[Any]] = {
        "whole": whole(path),
        "no seek": whole(path, seekable=False),
        "seek": whole(path, seekable=True),
        "reduced": whole(path, seekable=False, reduce=1),
        "layer": whole(path, layers=1),
        "component": one_component(path),
        "tile": tile(path, 1),
        **tiles_as_bytes(path, 0),
        **tiles_as_bytes(path, 1),
    }
    at_once: list[NDArray[np.int32]] = []
    readers = [threading.Thread(target=lambda: at_once.append(whole(path, seekable=False))) for _ in range(8)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    results["at once"] = np.stack(at_once)
    with reading(path) as file:
        results["warnings"] = np.array("".join(file.warnings))
    np.savez(out, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
