"""Collections on a Dask cluster: two local workers, and what can go wrong with them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time

import pytest

from j2klearn import __version__
from j2klearn.batch import cluster, encode_batch
from j2klearn.batch.jobs import find_jobs
from j2klearn.batch.options import read_options
from j2klearn.errors import ClusterError, OptionError
from tests.support.batch_pictures import can_mount, files, journalled, sequential, write_pictures

DASK = "from dask.__main__ import main; main()"
LEARNED = {"bpp": 2, "model": "hybrid97-8p7-dq"}
WORKER = ("worker", "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")


class Cluster:
    """A scheduler, and workers in processes of their own, on the loopback device."""

    def __init__(self, folder):
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.processes = []
        words = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--dashboard-address", ":0")
        self.scheduler = self.start("scheduler", *words)
        deadline = time.monotonic() + 60
        while not (self.file.exists() and self.file.read_text().endswith("}")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        self.address = json.loads(self.file.read_text())["address"]

    def start(self, kind, *words, before=(), code=DASK):
        command = [*before, sys.executable, "-c", code, kind, *words, "--scheduler-file", str(self.file)]
        with (self.folder / f"{kind}-{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def worker(self, **special):
        return self.start(*WORKER, **special)

    def end(self):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def dask(tmp_path):
    running = Cluster(tmp_path)
    yield running
    running.end()


@pytest.fixture
def folder(tmp_path, photograph):
    return write_pictures(tmp_path / "in", photograph, 30)


@pytest.fixture
def impatient(monkeypatch):
    for name in ("_ANSWER_TIMEOUT", "_WORKERS_TIMEOUT", "_POLL_INTERVAL"):
        monkeypatch.setattr(cluster, name, 1.0)


def test_a_worker_is_lost_on_the_way(dask, folder, tmp_path):
    """Check that all files are complete, counted once, and equal to those of a sequential run."""
    workers = [dask.worker(), dask.worker()]
    written = []

    def progress(summary):
        written.append(summary.written)
        if summary.written == 6:
            workers[0].kill()
            (out / ".0.jp2.part_1_2.tmp").touch()  # such files are left by a worker that was writing

    out = tmp_path / "out"
    found = encode_batch(folder, out, scheduler=dask.address, progress=progress, **LEARNED)
    assert workers[0].wait(10) == -9
    assert (found.total, found.written, found.skipped, found.failures) == (30, 30, 0, [])
    assert written == list(range(1, 31))
    expected = sequential(folder, tmp_path / "one", **LEARNED)
    assert files(out) == expected
    assert journalled(out) == sorted(expected)
    assert encode_batch(folder, out, scheduler=dask.address, **LEARNED).skipped == 30

    (folder / "bad.png").write_bytes(b"")  # a run by local processes, which the cluster continues
    found = encode_batch(folder, out, scheduler=dask.address, **LEARNED)
    assert (found.written, found.skipped, len(found.failures)) == (0, 30, 1)


def test_the_scheduler_goes_away(dask, folder, tmp_path):
    """The files written stay, and local processes continue the run."""
    dask.worker()
    out = tmp_path / "out"

    def progress(summary):
        if summary.written == 2:
            dask.scheduler.kill()

    with pytest.raises(ClusterError):
        encode_batch(folder, out, scheduler=dask.address, progress=progress, model=None)
    done = len(journalled(out))
    assert 2 <= done < 30
    found = encode_batch(folder, out, processes=1, model=None)
    assert (found.skipped, found.written) == (done, 30 - done)
    assert files(out) == sequential(folder, tmp_path / "one", model=None)


def test_all_workers_go_away(dask, folder, tmp_path, impatient, monkeypatch):
    """The files written stay, and the next run removes the partial file of the worker."""
    monkeypatch.setattr(cluster, "_WORKERS_TIMEOUT", 30.0)
    monkeypatch.setattr(cluster, "_ANSWER_TIMEOUT", 10.0)  # a scheduler may be slow on a busy machine
    worker = dask.worker()

    def progress(summary):
        if summary.written == 2:
            worker.kill()
            monkeypatch.setattr(cluster, "_WORKERS_TIMEOUT", 1.0)

    with pytest.raises(ClusterError, match="has lost all its workers"):
        encode_batch(folder, tmp_path / "out", scheduler=dask.address, progress=progress, model=None)
    assert len(list((tmp_path / "out").rglob("*.jp2"))) >= 2
    encode_batch(folder, tmp_path / "out", processes=1, model=None)
    assert files(tmp_path / "out") == sequential(folder, tmp_path / "one", model=None)


def test_a_cluster_that_is_not_set_up(dask, folder, tmp_path, impatient, monkeypatch):
    """Each problem is reported in one sentence, and nothing is written."""

    def error():
        with pytest.raises(ClusterError) as caught:
            encode_batch(folder, tmp_path / "out", scheduler=dask.address, model=None)
        assert not files(tmp_path / "out")
        return str(caught.value)

    assert "has no workers: start some with 'dask worker tcp://" in error()
    monkeypatch.setattr(cluster, "_WORKERS_TIMEOUT", 30.0)
    first = dask.worker()
    with monkeypatch.context() as other:
        other.setattr(cluster, "__version__", "9.9")
        assert f"has j2klearn {__version__}, and this machine has 9.9: install the same" in error()
    first.kill()
    first.wait()
    dask.worker(code=f"import sys; sys.modules['j2klearn'] = None; {DASK}")
    said = error()
    assert f"cannot run j2klearn {__version__}: install that version there" in said
    assert "\n" not in said


@pytest.mark.skipif(not can_mount(), reason="no file system can be mounted")
def test_a_worker_that_does_not_see_the_files(dask, folder, tmp_path):
    """The worker may be there from the start or join later; none of its files counts as written."""
    out = tmp_path / "out"
    out.mkdir()
    hidden = ("unshare", "--mount", "sh", "-c", f'mount -t tmpfs none {out} && exec "$@"', "sh")
    first = dask.worker()

    def progress(summary):
        if summary.written == 1:
            dask.worker(before=hidden)
        time.sleep(0.3)

    with pytest.raises(ClusterError, match=r"does not see .*out: all workers need a file system"):
        encode_batch(folder, out, scheduler=dask.address, progress=progress, model=None)
    done = journalled(out)
    assert 0 < len(done) < 30
    # the first worker may still write a picture: its partial file has another name
    assert set(done) <= {path.relative_to(out).as_posix() for path in out.rglob("*.jp2")}
    first.kill()
    first.wait()
    with pytest.raises(ClusterError, match=r"the worker at tcp://.* does not see .*out: all workers"):
        encode_batch(folder, out, scheduler=dask.address, model=None)
    assert journalled(out) == done


def test_a_task_looks_for_the_folder_itself(folder, tmp_path):
    job = find_jobs(folder, tmp_path / "out").jobs[0]
    with cluster._sealed(tmp_path) as seal:
        assert not isinstance(cluster._code_there(job, read_options({}).options, seal).result, ClusterError)
        assert cluster._probe_worker(seal, job.source)["target"]
        assert not cluster._probe_worker(seal, "/none")["source"]
    assert isinstance(cluster._code_there(job, {}, seal).result, ClusterError)
    assert not list(tmp_path.glob(".encode*"))


class TestUnreachable:
    def test_nothing_listens(self, folder, tmp_path, impatient):
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            self.fails(folder, tmp_path, f"tcp://127.0.0.1:{server.getsockname()[1]}")

    def test_something_listens_and_says_nothing(self, folder, tmp_path, impatient):
        """Dask's own client would wait for ever."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.fails(folder, tmp_path, f"tcp://127.0.0.1:{server.getsockname()[1]}")

    def test_no_such_machine(self, folder, tmp_path, impatient):
        self.fails(folder, tmp_path, "tcp://no.such.machine.invalid:8786")

    def fails(self, folder, tmp_path, address):
        start = time.monotonic()
        with pytest.raises(ClusterError, match=f"no Dask scheduler answers at {address} within 1 s"):
            encode_batch(folder, tmp_path / "out", scheduler=address, model=None)
        assert time.monotonic() - start < 10

    @pytest.mark.parametrize("address", ["", "nonsense", "ftp://x:1", "tcp://127.0.0.1", "tcp://127.0.0.1:x"])
    def test_not_an_address(self, folder, tmp_path, address):
        with pytest.raises(OptionError, match="is not an address like tcp://host:8786"):
            encode_batch(folder, tmp_path / "out", scheduler=address, model=None)

    def test_a_worker_is_no_scheduler(self, dask, folder, tmp_path):
        dask.worker()
        from distributed import Client

        with Client(dask.address, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=30)
            address = next(iter(client.nthreads()))
        with pytest.raises(OptionError, match="there is a Worker at"):
            encode_batch(folder, tmp_path / "out", scheduler=address, model=None)


def test_dask_waits_until_it_is_needed(folder, tmp_path, monkeypatch):
    code = (
        "import sys, j2klearn.cli, j2klearn.batch.run; assert not {'dask', 'distributed'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(OptionError, match=r"pip install 'j2klearn\[cluster\]'"):
        encode_batch(folder, tmp_path / "out", scheduler="tcp://127.0.0.1:1", model=None)
