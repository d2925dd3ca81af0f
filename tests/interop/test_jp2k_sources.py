"""`Jp2k` of bytes, file objects, URLs and pipes: what is read, and that objects can be pickled."""

from __future__ import annotations

import copy
import io
import os
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import glymur
import numpy as np
import pytest
from numpy.typing import NDArray

import j2klearn
from j2klearn import Jp2k, Jp2kr
from j2klearn.errors import CodestreamError, InputError, J2KError
from tests.support.paths import CONFORMANCE
from tests.support.remote import Failing, FailingStream, RangeServer, Recorder

pytest.importorskip("fsspec")


@pytest.fixture(scope="module", params=["ordinary", "learned", "codestream"])
def tiled(request: pytest.FixtureRequest, photograph: NDArray[np.uint8]) -> bytes:
    """A file of 8 x 8 tiles."""
    image = photograph[:1024, :1024]
    if request.param == "learned":
        return j2klearn.encode(image, bpp=2.0, tile_size=128, fallback=False)
    return j2klearn.encode(
        image, model=None, ratio=10, tile_size=128, tlm=True, jp2=request.param == "ordinary"
    )


@pytest.fixture(scope="module")
def small(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(rgb[:60, :70])


class TestReading:
    def test_opening_reads_the_headers(self, tiled: bytes) -> None:
        file = Recorder(tiled)
        j = Jp2k(file)
        assert j.shape == (1024, 1024, 3)
        assert file.bytes < 40_000 < 0.2 * len(tiled)

    def test_a_slice_reads_its_part(self, tiled: bytes, tmp_path: Path) -> None:
        (tmp_path / "a.jp2").write_bytes(tiled)
        plain = Jp2k(tmp_path / "a.jp2")
        for index in (np.s_[600:650, 600:650], np.s_[::16, ::16], np.s_[0, 0], np.s_[-9:, -9:, 1]):
            file = Recorder(tiled)
            j = Jp2k(file)
            assert np.array_equal(j[index], plain[index])
            assert file.bytes < 0.45 * len(tiled)

    def test_the_whole_is_that_of_a_path(self, tiled: bytes, tmp_path: Path) -> None:
        (tmp_path / "a.jp2").write_bytes(tiled)
        plain, j = Jp2k(tmp_path / "a.jp2"), Jp2k(Recorder(tiled))
        assert np.array_equal(j[:], plain[:])
        assert str(j.codestream) == str(plain.codestream)
        assert [str(box) for box in j.box] == [str(box) for box in plain.box]
        assert j.get_codestream(header_only=False).segment[-1].marker_id == "EOC"
        j.decoded_components = plain.decoded_components = 1
        assert np.array_equal(j[::2, ::2], plain[::2, ::2])

    def test_a_server_sends_only_what_is_needed(self, tiled: bytes) -> None:
        pytest.importorskip("aiohttp")
        with RangeServer(tiled) as server:
            j = Jp2k(server.url)
            assert j.shape == (1024, 1024, 3)
            assert server.bytes < 40_000
            part = j[600:650, 600:650]
            assert server.bytes < 0.65 * len(tiled)  # gaps of up to 64 KiB are read, to save requests
            assert server.requests < 20
            assert np.array_equal(part, j2klearn.decode(tiled, region=(600, 600, 650, 650)))
            asked = server.bytes
            with j2klearn.open(server.url) as ours:
                ours[600:650, 600:650]
            assert asked < (server.bytes - asked) + 40_000  # what `open` needs, and the boxes
            assert np.array_equal(pickle.loads(pickle.dumps(j))[600:650, 600:650], part)

    def test_no_file_at_the_url(self) -> None:
        pytest.importorskip("aiohttp")
        with pytest.raises(CodestreamError, match="cannot read memory://none"):
            Jp2kr("memory://none.jp2")
        with RangeServer(b"no picture" * 9) as server, pytest.raises(CodestreamError):
            Jp2k(server.url)

    @pytest.mark.parametrize("kind", [bytearray, memoryview, lambda data: np.frombuffer(data, np.uint8)])
    def test_buffers(self, kind: Callable[[bytes], Any], tiled: bytes) -> None:
        assert np.array_equal(Jp2kr(kind(tiled))[:64, :64], j2klearn.decode(tiled, region=(0, 0, 64, 64)))

    def test_a_pipe(self, small: NDArray[np.uint8], tmp_path: Path) -> None:
        data = j2klearn.encode(small, lossless=True, model=None)
        os.mkfifo(tmp_path / "pipe")
        threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(data,), daemon=True).start()
        j = Jp2k(tmp_path / "pipe")
        assert np.array_equal(j[:], small)
        assert np.array_equal(j[1:9], small[1:9])  # the pipe is read once

    def test_a_lost_connection(self, tiled: bytes) -> None:
        for stream in (Failing(tiled, 0), FailingStream(tiled, 0), Failing(tiled, 0, RuntimeError)):
            with pytest.raises(J2KError, match="connection was lost"):
                Jp2k(stream)
        j = Jp2k(Failing(tiled, 4))
        with pytest.raises(J2KError, match="connection was lost"):
            [j[row, 0] for row in range(0, 1024, 128)]

    def test_glymurs_files(self) -> None:
        for name in (glymur.data.nemo(), glymur.data.goodstuff(), glymur.data.jpxfile()):
            data = Path(name).read_bytes()
            plain, j = Jp2kr(name), Jp2kr(io.BytesIO(data))
            for ignore in (False, True):
                j.ignore_pclr_cmap_cdef = plain.ignore_pclr_cmap_cdef = ignore
                assert np.array_equal(j[300:340, 200:260], plain[300:340, 200:260])
                assert np.array_equal(j[::2, ::2], plain[::2, ::2])

    def test_boxes_of_a_file_object_can_be_changed(self, small: NDArray[np.uint8]) -> None:
        stream = io.BytesIO(j2klearn.encode(small, lossless=True, model=None))
        Jp2k(stream).append(glymur.jp2box.XMLBox(glymur.jp2box.ET.ElementTree(glymur.jp2box.ET.Element("a"))))
        again = Jp2k(io.BytesIO(stream.getvalue()))
        assert again.box[-1].box_id == "xml "
        assert np.array_equal(again[:], small)
        out = io.BytesIO()
        again.wrap(out)
        assert np.array_equal(Jp2k(out)[:], small)

    def test_urls_and_pipes_are_not_written(self, small: NDArray[np.uint8], tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.jp2")
        for place in ("memory://a.jp2", tmp_path / "pipe.jp2"):
            with pytest.raises(J2KError, match="cannot be written"):
                Jp2k(place, data=small)

    @pytest.mark.parametrize("name", [None, 3, 1.5, [1], object(), "", "\0", "none.jp2"])
    def test_no_file(self, name: Any) -> None:
        with pytest.raises(J2KError):
            Jp2k(name)[:]
        with pytest.raises(J2KError):
            Jp2kr(name)


def _outcome(read: Callable[[], Any]) -> Any:
    try:
        found = read()
    except J2KError as error:
        return type(error)
    return [(band.shape, band.tobytes()) for band in (found if isinstance(found, list) else [found])]


@pytest.mark.skipif(not CONFORMANCE.is_dir(), reason="the conformance streams are not beside the project")
@pytest.mark.filterwarnings("ignore")
def test_conformance_streams_in_memory_are_those_on_disk() -> None:
    paths = [
        path for path in sorted(CONFORMANCE.rglob("*")) if path.suffix in (".j2k", ".j2c", ".jp2", ".jpx")
    ]
    for path in paths:
        data = path.read_bytes()
        for read in (lambda j: j.read_bands(), lambda j: j[::2, ::2], lambda j: j[3:20, 5:30]):
            plain = _outcome(lambda read=read, path=path: read(Jp2kr(path)))
            assert _outcome(lambda read=read, data=data: read(Jp2kr(io.BytesIO(data)))) == plain, path
    assert len(paths) > 20


class TestPickling:
    @pytest.mark.parametrize("protocol", [2, 3, 4, 5])
    @pytest.mark.parametrize("place", ["path", "bytes", "file object", "url"])
    def test_there_and_back(
        self, place: str, protocol: int, tmp_path: Path, small: NDArray[np.uint8]
    ) -> None:
        path = tmp_path / "a.jp2"
        path.write_bytes(j2klearn.encode(small, lossless=True, layers=2, model=None))
        source = {"path": path, "bytes": path.read_bytes(), "url": f"file://{path}"}.get(place)
        for kind in (Jp2k, Jp2kr):
            j = kind(source or io.BytesIO(path.read_bytes()), max_pixels=10_000)
            j.decoded_components, j.layer = [1], np.int64(1)
            plain = j[:]
            assert plain.shape == (60, 70)
            for again in (pickle.loads(pickle.dumps(j, protocol)), copy.deepcopy(j)):
                assert type(again) is kind
                assert np.array_equal(again[:], plain)
                assert (again.layer, again.max_pixels) == (1, 10_000)

    def test_a_relative_path_is_found_from_another_folder(
        self, tmp_path: Path, small: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        packed = pickle.dumps(Jp2k("a.jp2", data=small))
        monkeypatch.chdir("/")
        assert np.array_equal(pickle.loads(packed)[:], small)
        (tmp_path / "a.jp2").unlink()
        with pytest.raises(CodestreamError, match="no such file"):
            pickle.loads(packed)

    def test_what_was_written_to_memory(self, small: NDArray[np.uint8]) -> None:
        j = Jp2k(io.BytesIO(), data=small)
        assert np.array_equal(pickle.loads(pickle.dumps(j))[:], small)
        with pytest.raises(InputError, match="write the picture first"):
            pickle.dumps(Jp2k(io.BytesIO(), shape=(9, 9)))
