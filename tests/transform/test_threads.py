"""The threads of PyTorch: bounded for a call, and one in processes made by fork."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterable

import pytest
import torch

from j2klearn.transform.threads import bounded

#: Run in a process of its own: the OpenMP threads of the tests must not be in it, and it must be able to hang alone.
PREAMBLE = """
import multiprocessing, os, signal, sys, threading, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of fork in a process with threads
import numpy as np
import j2klearn

y, x = np.mgrid[:96, :96]
noise = np.random.default_rng(0).normal(0, 12, (96, 96, 3))
image = np.clip(np.stack([x, y, (x + y) // 2], -1) * 0.7 + 30 + noise, 0, 255).astype(np.uint8)

def decode(data=None):
    out = j2klearn.decode(DATA if data is None else data, threads=THREADS, engine=ENGINE)
    assert data is not None or np.array_equal(out, PICTURE)
    return int(out.sum())

def encode(_=None):
    data = j2klearn.encode(image, bpp=1, fallback=False, engine=ENGINE, threads=THREADS)
    assert data == DATA
    return len(data)

def neural():
    data = j2klearn.encode(image[:24, :24], profile="neural", quality=30, threads=THREADS)
    return data, j2klearn.decode(data, threads=THREADS)

def file():
    import tempfile, pathlib
    path = pathlib.Path(tempfile.mkdtemp()) / "a.jp2"
    j2klearn.encode_file(image, path, bpp=1, tile_size=64, engine=ENGINE, threads=THREADS)
    with j2klearn.open(path, threads=THREADS) as opened:
        return path.read_bytes(), opened.read(region=(5, 6, 90, 80))

def fitted():
    from j2klearn.ebcot import effort, fitting
    effort._FIRST_ROUNDS = effort._LATER_ROUNDS = fitting._START_ROUNDS = 2
    grey = np.ascontiguousarray(image[:20, :20, 0])
    return [j2klearn.encode(grey, bpp=4, effort=2, levels=1, model="hybrid97-8p7-dq", fallback=False, threads=THREADS)]

def same(work):
    # return a function that does the work again and compares the results with those of this process
    before = work()
    def again():
        for one, other in zip(before, work(), strict=True):
            assert np.array_equal(one, other)
    return again

def in_child(work):
    child = os.fork()
    if not child:
        work()
        os._exit(0)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert status == 0, status
            return
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    sys.exit("the child does not end")
"""

BODIES = {
    "decode": "in_child(decode)",
    "encode": "in_child(encode)",
    "thread of the child": (
        "def work():\n"
        "    thread = threading.Thread(target=decode); thread.start(); thread.join()\n"
        "in_child(work)"
    ),
    "fork in a thread": (
        "decode_in = threading.Thread(target=lambda: (decode(), in_child(decode)))\ndecode_in.start(); decode_in.join()"
    ),
    "grandchild": "in_child(lambda: (decode(), in_child(decode)))",
    "pool": (
        "with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "    assert pool.map_async(decode, [DATA] * 4).get(60) == [decode()] * 4\n"
        "    assert len(pool.map_async(encode, range(2)).get(60)) == 2"
    ),
    "data loader": (
        "import torch\n"
        "class Set(torch.utils.data.Dataset):\n"
        "    def __len__(self): return 3\n"
        "    def __getitem__(self, at): return decode()\n"
        "loader = torch.utils.data.DataLoader(Set(), num_workers=2, timeout=60, multiprocessing_context='fork')\n"
        "assert [int(each) for each in loader] == [decode()] * 3"
    ),
    "jp2k": (
        "import tempfile, pathlib\n"
        "path = pathlib.Path(tempfile.mkdtemp()) / 'a.jp2'; path.write_bytes(DATA)\n"
        "in_child(lambda: j2klearn.Jp2k(path)[:])"
    ),
    "neural": "in_child(same(neural))",
    "encode_file": "in_child(same(file))",
    "jp2k writes": (
        "import tempfile, pathlib\n"
        "folder = pathlib.Path(tempfile.mkdtemp())\n"
        "def work():\n"
        "    j2klearn.Jp2k(folder / 'a.jp2', data=image, cratios=[20]); return [(folder / 'a.jp2').read_bytes()]\n"
        "in_child(same(work))"
    ),
    "numcodecs": (
        "from j2klearn.arrays import J2KLearn\ncodec = J2KLearn(ratio=10, channel_axis=-1)\n"
        "in_child(same(lambda: [codec.encode(image), codec.decode(codec.encode(image))]))"
    ),
    "effort": "in_child(same(fitted))",
    "pillow": (
        "import io\nfrom PIL import Image\nj2klearn.register_pillow()\n"
        "in_child(lambda: Image.open(io.BytesIO(DATA)).load())"
    ),
}


#: Bodies that take an engine. The others compute in PyTorch with any engine, or never do.
WITH_PYTORCH = ("decode", "encode", "grandchild", "pool", "data loader")

#: Before all other work: with one thread no other is started.
ONE_THREAD = """
import torch; torch.set_num_threads(4)
ENGINE = "torch"
before = len(os.listdir("/proc/self/task")) if sys.platform == "linux" else 0
DATA = j2klearn.encode(image, bpp=1, fallback=False, engine="torch", threads=1)
PICTURE = j2klearn.decode(DATA, threads=1, engine="torch")
decode(), encode(), neural(), file()
assert not before or len(os.listdir("/proc/self/task")) == before, "threads were started"
assert torch.get_num_threads() == 4
"""

#: Before all other work of this package: PyTorch's threads are those that the caller started.
THREADS_OF_THE_CALLER = """
import torch; torch.set_num_threads(3)
torch.nn.functional.conv2d(torch.ones(8, 8, 200, 200), torch.ones(8, 8, 3, 3))
def work():
    data = j2klearn.encode(image, bpp=1, fallback=False, engine="torch", threads=3)
    assert j2klearn.decode(data, threads=3, engine="torch").shape == image.shape
assert "j2klearn.transform.threads" not in sys.modules
in_child(work)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("threads", "engine", "first", "names"),
    [(1, "auto", ONE_THREAD, BODIES), (3, "torch", THREADS_OF_THE_CALLER, WITH_PYTORCH)],
    ids=["one-auto", "three-torch"],
)
def test_work_in_a_forked_process_ends(threads: int, engine: str, first: str, names: Iterable[str]) -> None:
    """One process does the work and then forks for every body in turn; a failure names the body."""
    script = f"{PREAMBLE}\nTHREADS = {threads}\n{first}\nENGINE = {engine!r}\n" + (
        "torch.set_num_threads(3)\n"
        "DATA = j2klearn.encode(image, bpp=1, fallback=False, engine=ENGINE, threads=THREADS)\n"
        "assert j2klearn.info(DATA).learned\n"
        "PICTURE = j2klearn.decode(DATA, threads=THREADS, engine=ENGINE)\n"
    )
    bodies = {name: BODIES[name] for name in names}
    for name, body in bodies.items():
        script += f"print({name!r}, flush=True)\n{body}\n"
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=300, env=environment()
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.splitlines() == list(bodies)


def environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}


@pytest.mark.slow
def test_a_fork_before_pytorch_keeps_the_threads() -> None:
    script = PREAMBLE + (
        "def work():\n"
        "    import torch; torch.set_num_threads(2)\n"
        "    from j2klearn.transform.threads import bounded\n"
        "    with bounded(2): assert torch.get_num_threads() == 2\n"
        "assert 'torch' not in sys.modules\n"
        "in_child(work)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=180, env=environment())


def test_the_bound_holds_for_the_calling_thread_only() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        seen: list[int] = []
        with bounded(2):
            assert torch.get_num_threads() == 2
            with bounded(3):
                assert torch.get_num_threads() == 2  # it is never raised
            other = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
            other.start()
            other.join()
        assert seen == [4]
        assert torch.get_num_threads() == 4
        with pytest.raises(ZeroDivisionError), bounded(1):
            1 / 0  # noqa: B018
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)
