"""Collections: the jobs, the journal, and worker processes that die."""

from __future__ import annotations

import errno
import io
import json
import multiprocessing
import os
import signal
import struct
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

import j2klearn
from j2klearn.batch import Summary, encode_batch, run
from j2klearn.batch.jobs import Job, find_jobs, read_list
from j2klearn.batch.journal import JOURNAL, Journal
from j2klearn.batch.options import read_options
from j2klearn.batch.pool import code_here
from j2klearn.batch.work import Written, code_picture
from j2klearn.cli import main
from j2klearn.errors import DiskFullError, InputError, ModelNotFoundError, OptionError, WriteError
from j2klearn.io import atomic
from j2klearn.io.atomic import remove_left_overs, temporary_beside
from tests.support.batch_pictures import can_mount, files, journalled, sequential, write_pictures

PLAIN = {"model": None}


@pytest.fixture
def folder(tmp_path, photograph):
    return write_pictures(tmp_path / "in", photograph, 6)


@pytest.fixture
def here(monkeypatch):
    """Encode in this process, and return the list of jobs that were submitted."""
    given = []

    def code(jobs, arguments, processes):
        for job in jobs:
            given.append(Path(job.source).name)
            yield code_picture(job, arguments)

    monkeypatch.setattr(run, "code_here", code)
    return given


def command(*words):
    return [sys.executable, "-m", "j2klearn.cli", "encode-batch", *map(str, words)]


class TestWorkers:
    def test_files_are_those_of_a_sequential_run(self, folder, tmp_path):
        """Encode with two processes and the learned transform."""
        (folder / "bad.png").write_bytes(b"no picture")
        seen = []
        progress = lambda summary: seen.append(summary.done)  # noqa: E731
        found = encode_batch(folder, tmp_path / "out", processes=2, progress=progress, bpp=2)
        assert (found.total, found.written, found.skipped) == (7, 6, 0)
        assert [failure.source.name for failure in found.failures] == ["bad.png"]
        assert found.pixels == 6 * 64 * 96
        assert seen == list(range(1, 8))
        (folder / "bad.png").unlink()
        expected = sequential(folder, tmp_path / "one", bpp=2)
        assert files(tmp_path / "out") == expected
        assert found.bytes == sum(map(len, expected.values()))
        assert journalled(tmp_path / "out") == sorted(expected)
        again = encode_batch(folder, tmp_path / "out", bpp=2.0)
        assert (again.written, again.skipped) == (0, 6)
        assert not multiprocessing.active_children()

    def test_a_process_that_is_killed(self, folder, tmp_path):
        killed = []

        def kill(summary):
            if not killed:
                killed.append(multiprocessing.active_children()[0])
                killed[0].kill()

        found = encode_batch(folder, tmp_path / "out", processes=2, progress=kill, **PLAIN)
        assert killed
        assert found.written == 6
        assert not found.failures
        expected = sequential(folder, tmp_path / "one", **PLAIN)
        assert files(tmp_path / "out") == expected
        assert journalled(tmp_path / "out") == sorted(expected)

    def test_a_picture_that_kills(self, folder, tmp_path):
        """The job is tried twice and reported; a process that cannot start raises another error."""
        jobs = find_jobs(folder, tmp_path / "out").jobs[:2]
        jobs.insert(1, Deadly(jobs[0].source, str(tmp_path / "out" / "x.jp2")))
        outcomes = {o.job.target: o.result for o in code_here(iter(jobs), read_options(PLAIN).options, 1)}
        assert "twice (signal 9)" in str(outcomes.pop(jobs[1].target))
        assert len(outcomes) == 2
        assert all(isinstance(result, Written) for result in outcomes.values())

    def test_without_a_guard_in_the_script(self, folder, tmp_path):
        script = tmp_path / "script.py"
        script.write_text(
            "from j2klearn.batch import encode_batch\n"
            f"encode_batch({str(folder)!r}, {str(tmp_path / 'out')!r}, processes=1)\n"
        )
        done = subprocess.run(
            [sys.executable, script], capture_output=True, text=True, timeout=60, check=False
        )
        assert "a worker process ended before it began (exit status 1)" in done.stderr

    @pytest.mark.usefixtures("ctrl_c")
    def test_ctrl_c_and_kill(self, tmp_path, photograph):
        """A stopped run leaves complete files and no process, and the next run continues."""
        source = write_pictures(tmp_path / "in", photograph, 16, (256, 256))
        out = tmp_path / "out"
        written = 0
        for number in (signal.SIGINT, signal.SIGKILL):
            process = subprocess.Popen(
                command(source, out, "--processes", 2),
                start_new_session=True,
                stderr=subprocess.PIPE,
                text=True,
            )
            deadline = time.monotonic() + 60
            while (len(journalled(out)) if (out / JOURNAL).exists() else 0) <= written:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.02)
            children = psutil.Process(process.pid).children(recursive=True)
            assert len(children) >= 2
            start = time.monotonic()
            if number == signal.SIGINT:
                os.killpg(process.pid, number)  # like a terminal
            else:
                process.send_signal(number)
            _, said = process.communicate(timeout=20)
            assert time.monotonic() - start < 10
            psutil.wait_procs(children, timeout=10)
            assert not any(child.is_running() for child in children)
            if number == signal.SIGKILL:
                assert process.returncode == -number
            else:
                assert process.returncode == 1
                assert said == "error: interrupted\n"
                files(out)  # only complete files remain
            written = len(journalled(out))
        (out / ".0.jp2.abcdefgh.tmp").write_bytes(b"half")
        (out / ".else.jp2.abcdefgh.tmp").write_bytes(b"not ours")
        found = encode_batch(source, out, processes=1)
        assert found.skipped == written
        assert found.written + found.skipped == 16
        (out / ".else.jp2.abcdefgh.tmp").unlink()
        assert files(out) == sequential(source, tmp_path / "one")
        assert journalled(out) == sorted(set(journalled(out)))

    @pytest.mark.skipif(not can_mount(), reason="no file system can be mounted")
    def test_a_full_disk(self, tmp_path, photograph):
        source = write_pictures(tmp_path / "in", photograph, 9, (128, 192))
        out = tmp_path / "out"
        out.mkdir()
        mounted = f"mount -t tmpfs -o size=160k none {out} && exec {sys.executable} {tmp_path / 'go.py'}"
        (tmp_path / "go.py").write_text(
            "import json, subprocess, sys\n"
            "from j2klearn.cli import main\n"
            "from pathlib import Path\n"
            "if __name__ == '__main__':\n"
            f"    out = Path({str(out)!r})\n"
            f"    words = ['encode-batch', {str(source)!r}, str(out), '--processes', '1']\n"
            "    words += ['--lossless', '--model', 'none']\n"
            "    status = main(words)\n"
            "    left = sorted(str(path.relative_to(out)) for path in out.rglob('*') if path.is_file())\n"
            "    lines = [json.loads(line) for line in (out / 'encode-batch.jsonl').read_text().splitlines()]\n"
            "    whole = all((out / line['output']).stat().st_size == line['bytes'] for line in lines)\n"
            "    subprocess.run(['mount', '-o', 'remount,size=16m', str(out)], check=True)\n"
            "    again = main(words)\n"
            "    print(json.dumps([status, left, len(lines), whole, again]))\n"
        )
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", mounted],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        first, second, last = done.stdout.splitlines()
        status, left, lines, whole, again = json.loads(last)
        assert (status, again, whole) == (1, 0, True)
        assert done.stderr.startswith("error: cannot write ")
        assert done.stderr.endswith("No space left on device\n")
        assert done.stderr.count("\n") == 1
        assert 0 < lines < 9
        assert all(name.endswith((".jp2", JOURNAL)) for name in left)
        assert first.startswith(f"{lines} written, 0 skipped, 0 failed: ")
        assert second.startswith(f"{9 - lines} written, {lines} skipped, 0 failed: ")


class Deadly(Job):
    """A job that kills the process that receives it."""

    __slots__ = ()

    def __reduce__(self):
        return _die, (os.getpid(), self.source, self.target)


def _die(parent, source, target):
    if os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    return Deadly(source, target)


class TestWhatIsDone:
    def test_what_is_coded_again(self, folder, tmp_path, here):
        out = tmp_path / "out"

        def again(**options):
            here.clear()
            found = encode_batch(folder, out, **{**PLAIN, **options})
            assert found.written == len(here)
            assert found.written + found.skipped == 6
            return sorted(here)

        assert len(again()) == 6
        assert again() == []
        assert again(ratio=20) == [
            "0.png",
            "1.png",
            "2.png",
            "3.png",
            "4.png",
            "5.png",
        ]  # the default, but given explicitly
        assert again(ratio=20.0, max_pixels=None, threads=1) == []
        (out / "0.jp2").unlink()
        (out / "3.jp2").write_bytes(b"cut")
        (out / "a" / "1.jp2").touch()
        os.utime(folder / "a" / "4.png", ns=(1, 1))
        assert again(ratio=20) == ["0.png", "3.png", "4.png"]
        assert len(again(ratio=20, force=True)) == 6
        assert again(ratio=20) == []
        assert len(again(bpp=3)) == 6
        expected = sequential(folder, tmp_path / "one", bpp=3, **PLAIN)
        assert files(out) == expected

    def test_a_journal_that_is_cut_off_or_foreign(self, folder, tmp_path, here):
        out = tmp_path / "out"
        encode_batch(folder, out, **PLAIN)
        journal = out / JOURNAL
        text = journal.read_bytes()
        journal.write_bytes(b'[1]\n"x"\n{}\n\xff\n' + text[:-9])
        assert encode_batch(folder, out, **PLAIN).written == 1
        assert encode_batch(folder, out, **PLAIN).written == 0

    def test_a_journal_with_a_line_that_is_nested_too_deep(self, folder, tmp_path, here):
        out = tmp_path / "out"
        encode_batch(folder, out, **PLAIN)
        with (out / JOURNAL).open("ab") as journal:
            journal.write(b"[" * 200_000 + b"\n")
        assert encode_batch(folder, out, **PLAIN).skipped == 6

    def test_two_runs_at_once(self, folder, tmp_path):
        with Journal(tmp_path / "out"), pytest.raises(OptionError, match="another run"):
            encode_batch(folder, tmp_path / "out", **PLAIN)

    def test_the_digest_knows_the_model_by_its_weights(self, tmp_path):
        from j2klearn.models.registry import DEFAULT_MODEL, shipped

        copy = tmp_path / "copy.safetensors"
        copy.write_bytes(shipped()[DEFAULT_MODEL].to_bytes())
        one, other = read_options({}), read_options({"model": copy})
        assert one.digest == other.digest
        assert other.options.model == str(copy)
        assert one.digest != read_options(PLAIN).digest


class TestFailures:
    def test_a_disk_that_fills(self, folder, tmp_path, here, monkeypatch):
        """The same without a mounted file system."""
        real, written = os.fsync, []

        def fsync(handle):
            if len(written) == 2:
                raise OSError(errno.ENOSPC, "No space left on device")
            written.append(handle)
            real(handle)

        # only the call in atomic.py fails
        monkeypatch.setattr(atomic, "os", SimpleNamespace(**{**vars(os), "fsync": fsync}))
        with pytest.raises(DiskFullError, match=r"cannot write .*: No space left on device"):
            encode_batch(folder, tmp_path / "out", **PLAIN)
        assert len(here) == 3
        assert len(files(tmp_path / "out")) == 2
        monkeypatch.undo()
        assert encode_batch(folder, tmp_path / "out", processes=1, **PLAIN).skipped == 2

    def test_a_folder_that_cannot_be_written(self, folder, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(WriteError):
            encode_batch(folder, tmp_path / "file", **PLAIN)

    def test_pictures_that_cannot_be_coded(self, folder, tmp_path, here, monkeypatch):
        (folder / "bomb.png").write_bytes(b"")
        (tmp_path / "out" / "0.jp2").mkdir(parents=True)
        found = encode_batch(folder, tmp_path / "out", max_pixels=6144, **PLAIN)
        assert {failure.source.name for failure in found.failures} == {"bomb.png", "0.png"}
        assert len(encode_batch(folder, tmp_path / "two", max_pixels=6143, **PLAIN).failures) == 7

        def fail(*args, **options):
            raise [MemoryError(), ZeroDivisionError("oh")][len(here) % 2]

        monkeypatch.setattr("j2klearn.api.convert.convert", fail)
        found = encode_batch(folder, tmp_path / "three", **PLAIN)
        reasons = {failure.reason for failure in found.failures}
        assert reasons == {"there is not enough memory for this picture", "unexpected ZeroDivisionError: oh"}

    def test_options_are_checked_before_any_work(self, folder, tmp_path):
        for options, error in (
            ({"lossless": True, "wavelet": "9-7"}, OptionError),
            ({"bpp": -1}, OptionError),
            ({"layers": 0}, OptionError),
            ({"progression": "x"}, OptionError),
            ({"levels": 99}, OptionError),
            ({"model": "nothing"}, ModelNotFoundError),
            ({"threads": 4}, OptionError),
            ({"jp2": False}, OptionError),
            ({"processes": 0}, OptionError),
            ({"processes": 2, "scheduler": "tcp://127.0.0.1:1"}, OptionError),
            ({"root": folder}, OptionError),
            ({"quality": 9}, OptionError),
            ({"nonsense": 9}, TypeError),
        ):
            with pytest.raises(error):
                encode_batch(folder, tmp_path / "out", **options)
        assert not (tmp_path / "out").exists()

    def test_two_workers_on_one_picture(self, folder, tmp_path):
        """Dask may consider a worker lost that still runs."""
        job = find_jobs(folder, tmp_path / "out").jobs[0]
        options = read_options({}).options
        with ThreadPoolExecutor(6) as threads:
            outcomes = list(threads.map(lambda _: code_picture(job, options), range(12)))
        assert len({outcome.result for outcome in outcomes}) == 1
        name, data = Path(job.target).name, Path(job.target).read_bytes()
        assert files(tmp_path / "out") == {name: data}
        assert data == sequential(folder, tmp_path / "one")[name]


class TestLists:
    def test_names(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        text = b"\xef\xbb\xbfa/x.tif\r\n\n/elsewhere/y.v2.png\n../z.jpg\n\xff.png\na/x.tif\n"
        Path("list.txt").write_bytes(text)
        found = {job.target: job.source for job in find_jobs("list.txt", "out").jobs}
        out, odd = str(tmp_path / "out"), os.fsdecode(b"\xff")
        assert found == {
            f"{out}/a/x.jp2": f"{tmp_path}/a/x.tif",
            f"{out}/y.v2.jp2": "/elsewhere/y.v2.png",
            f"{out}/z.jp2": f"{tmp_path.parent}/z.jpg",
            f"{out}/{odd}.jp2": f"{tmp_path}/{odd}.png",
        }
        kept = find_jobs(["/r/a/x.tif", "/r/a/x.png", "/r/x.tif"], "out", root="/r", keep_suffix=True).jobs
        assert [job.target.removeprefix(out) for job in kept] == [
            "/a/x.tif.jp2",
            "/a/x.png.jp2",
            "/x.tif.jp2",
        ]

    def test_what_would_be_lost_is_refused(self, tmp_path, photograph):
        for paths in (["a/x.png", "/elsewhere/a/x.png", "/b/x.png"], ["x.tif", "x.png"], ["x.TIF", "x.tif"]):
            with pytest.raises(OptionError, match="would both become"):
                find_jobs(paths, "out")
        with pytest.raises(OptionError, match="written over"):
            find_jobs(["x.jp2"], ".")
        with pytest.raises(OptionError, match="there is no"):
            find_jobs([], "out")
        with pytest.raises(InputError, match="no folder and no list"):
            find_jobs(tmp_path / "none", "out")
        picture = write_pictures(tmp_path, photograph, 1) / "0.png"
        with pytest.raises(InputError, match="neither a folder nor a text file"):
            find_jobs(picture, "out")

    def test_links_do_not_hide_what_would_be_lost(self, tmp_path, grey, here):
        folder, out = tmp_path / "in", tmp_path / "out"
        folder.mkdir()
        picture = folder / "x.jp2"
        data = j2klearn.encode(grey, lossless=True, model=None)
        picture.write_bytes(data)
        (tmp_path / "linked").symlink_to(folder)
        with pytest.raises(OptionError, match="would be written over"):
            encode_batch([picture], tmp_path / "linked", root=folder, **PLAIN)
        with pytest.raises(OptionError, match="would be written over"):
            encode_batch([tmp_path / "linked" / "x.jp2"], folder, root=tmp_path / "linked", **PLAIN)
        out.mkdir()
        (out / "x.jp2").symlink_to(picture)
        found = encode_batch([picture], out, root=folder, **PLAIN)
        assert [reason for _, reason in found.failures] == [
            f"{out / 'x.jp2'} is a link to the picture, which would be written over"
        ]
        (out / "x.jp2").unlink()
        (folder / "y.jp2").symlink_to(out / "y.jp2")
        (out / "y.jp2").write_bytes(data)
        assert encode_batch([folder / "y.jp2"], out, root=folder, **PLAIN).failures
        assert picture.read_bytes() == (out / "y.jp2").read_bytes() == data

    @pytest.mark.parametrize("wrong", [None, 3, "", b"", "a\0b", "a" * 5000, [3], [None], ["a\0b"], [""]])
    def test_what_is_no_path(self, wrong, folder, tmp_path):
        with pytest.raises(InputError):
            encode_batch(wrong, tmp_path / "out", **PLAIN)
        if not isinstance(wrong, list):
            with pytest.raises(InputError):
                encode_batch(folder, wrong, **PLAIN)
        assert not (tmp_path / "out").exists()

    def test_paths_in_bytes(self, folder, tmp_path, here):
        out = os.fsencode(tmp_path / "out")
        assert encode_batch(os.fsencode(folder), out, **PLAIN).written == 6
        assert encode_batch([os.fsencode(folder / "0.png")], out, root=folder, **PLAIN).skipped == 1

    def test_links_that_are_broken_are_failures(self, folder, tmp_path, here):
        (folder / "gone.png").symlink_to(folder / "none.png")
        (folder / "round.png").symlink_to("round.png")
        (folder / "folder.png").mkdir()
        found = encode_batch(folder, tmp_path / "out", **PLAIN)
        assert found.written == 6
        assert [failure.source.name for failure in found.failures] == ["gone.png", "round.png"]

    def test_the_longest_names(self, folder, tmp_path, here):
        out = tmp_path / "out"
        for name in ("x" * 251, "é" * 125 + "y"):
            (folder / "0.png").rename(folder / f"{name}.png")
            assert not encode_batch(folder, out, **PLAIN).failures
            assert (out / f"{name}.jp2").exists()
            (folder / f"{name}.png").rename(folder / "0.png")
        left = temporary_beside(out / f"{name}.jp2")
        remove_left_overs([out / "else.jp2"])
        assert left.exists()
        remove_left_overs([out / f"{name}.jp2"])
        assert not left.exists()

    def test_missing_entries_are_told_at_the_end(self, folder, tmp_path, here, monkeypatch, capsys):
        paths = [folder / "0.png", folder / "none.png", folder, "/", folder / "a" / "1.png"]
        text = "".join(f"{path}\n" for path in paths).encode()
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text)))
        words = ["encode-batch", "-", str(tmp_path / "out"), "--root", str(folder), "--model", "none"]
        assert main(words) == 1
        said = capsys.readouterr()
        assert said.err.splitlines() == [
            f"failed: {folder / 'none.png'}: cannot read it: No such file or directory",
            f"failed: {folder}: it is not a file",
            "failed: /: it is not a file",
        ]
        assert said.out.startswith("2 written, 0 skipped, 3 failed: 0.0 MP in ")
        assert sorted(files(tmp_path / "out")) == ["0.jp2", "a/1.jp2"]

    def test_warnings_about_pictures_are_told(self, folder, tmp_path, capfd):
        data = (folder / "0.png").read_bytes()
        chunk = b"cICP" + bytes([9, 16, 0, 1])
        chunk = struct.pack(">I", 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        (folder / "0.png").write_bytes(data[:33] + chunk + data[33:])  # after IHDR
        found = encode_batch(folder, tmp_path / "out", processes=2, **PLAIN)
        assert found.written == 6
        ((source, text),) = found.remarks
        assert source == folder / "0.png"
        assert "cICP" in text
        assert "cICP" not in capfd.readouterr().err
        assert main(["encode-batch", str(folder), str(tmp_path / "out"), "--force", "--model", "none"]) == 0
        assert [line for line in capfd.readouterr().err.splitlines() if "warning" in line] == [
            f"warning: {text}"
        ]

    def test_a_list_is_text(self):
        with pytest.raises(InputError):
            read_list(b"\x89PNG\0", "it")


class TestCommand:
    def test_empty_folder(self, tmp_path, capsys):
        assert main(["encode-batch", str(tmp_path), str(tmp_path / "out")]) == 2
        assert capsys.readouterr().err.startswith("error: there is no .tif")
        assert not (tmp_path / "out").exists()

    def test_help(self, capsys):
        with pytest.raises(SystemExit):
            main(["encode-batch", "--help"])
        text = capsys.readouterr().out
        for words in (
            "--force",
            "encode-batch.jsonl",
            "--scheduler ADDRESS",
            "exit status",
            "--bpp",
            "--max-pixels",
        ):
            assert words in text
        assert "--threads" not in text

    def test_sigterm(self, folder, tmp_path, here, monkeypatch, capsys):
        """SIGTERM, which batch systems send, ends a run like Ctrl-C, and the summary is printed."""
        monkeypatch.setattr(run.Journal, "add", lambda *args: os.kill(os.getpid(), signal.SIGTERM))
        before = signal.getsignal(signal.SIGTERM)
        assert main(["encode-batch", str(folder), str(tmp_path / "out"), "--model", "none"]) == 1
        assert capsys.readouterr().err == "error: interrupted\n"
        assert len(here) == 1
        assert signal.getsignal(signal.SIGTERM) is before

    def test_summary(self):
        summary = Summary(total=3, written=2, skipped=1, pixels=4_000_000, bytes=9, seconds=2.0)
        assert str(summary) == "2 written, 1 skipped, 0 failed: 4.0 MP in 2.0 s, 2.00 MP/s"
        assert summary.done == 3
        assert Summary().rate == 0
