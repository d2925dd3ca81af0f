"""Programs that read JPEG 2000 through OpenJPEG: those of the system, or of Debian packages unpacked into a folder.

    python -m tests.support.programs

unpacks the packages of programs that are not there, and those that they need, into build/programs (400 MB). It needs
apt, the network the first time, and no rights: nothing is installed. Without apt it says which programs are missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT

FOLDER = ROOT / "build" / "programs"

#: The programs that the tests run, by their Debian packages.
PACKAGES = {
    "gdal-bin": ("gdal_translate", "gdalinfo"),
    "imagemagick": ("convert-im6.q16",),
    "libvips-tools": ("vips",),
    "ffmpeg": ("ffmpeg",),
    "openslide-tools": ("openslide-write-png",),
    "iipimage-server": ("iipsrv.fcgi",),
    "poppler-utils": ("pdfimages", "pdftoppm"),
    "python3-pil": (),
    "python3-numpy": (),
}

#: Folders of programs that are not meant to be called by name.
_SERVERS = Path("usr", "lib", "iipimage-server")

_LIBRARIES = FOLDER / "usr" / "lib" / f"{os.uname().machine}-linux-gnu" if sys.platform == "linux" else FOLDER


def _variables() -> dict[str, str]:
    """Return the variables of unpacked programs."""
    parts = ("blas", "lapack", "pulseaudio")
    folders = [_LIBRARIES, *(_LIBRARIES / part for part in parts), FOLDER / "usr" / "lib"]
    variables = {
        "LD_LIBRARY_PATH": ":".join(map(str, folders)),
        "GDAL_DATA": str(FOLDER / "usr" / "share" / "gdal"),
        "MAGICK_CONFIGURE_PATH": str(FOLDER / "etc" / "ImageMagick-6"),
    }
    for modules in _LIBRARIES.glob("ImageMagick-*/modules-*/coders"):
        variables["MAGICK_CODER_MODULE_PATH"] = str(modules)
    return variables


def find(name: str) -> tuple[str, dict[str, str]] | None:
    """Return the path of a program, and the variables that it needs; None if it is not there."""
    for folder in (FOLDER / "usr" / "bin", FOLDER / _SERVERS):
        if (folder / name).exists():
            return str(folder / name), _variables()
    installed = shutil.which(name) or shutil.which(str("/" / _SERVERS / name))
    return (installed, {}) if installed else None


def debian_python() -> tuple[str, dict[str, str]] | None:
    """Return Debian's Python, and the variables with which it finds Debian's Pillow; None if they are not there."""
    python = "/usr/bin/python3"
    packages = Path("usr", "lib", "python3", "dist-packages")
    if not Path(python).exists():
        return None
    if (FOLDER / packages / "PIL").exists():
        return python, {**_variables(), "PYTHONPATH": str(FOLDER / packages)}
    return (python, {"PYTHONPATH": ""}) if ("/" / packages / "PIL").exists() else None


def missing() -> list[str]:
    """Return the Debian packages whose programs are not there."""
    packages = [package for package, names in PACKAGES.items() if any(find(name) is None for name in names)]
    return packages if debian_python() else [*packages, "python3-pil", "python3-numpy"]


def unpack(wanted: list[str]) -> None:
    """Download packages, and those that they need, and unpack them into `FOLDER`."""
    command = ["apt-get", "install", "--simulate", "--no-install-recommends", *wanted]
    plan = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    packages = sorted({line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")})
    archives = FOLDER / "archives"
    archives.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", "-qq", *packages], check=True, cwd=archives)
    for archive in sorted(archives.glob("*.deb")):
        subprocess.run(["dpkg", "--extract", str(archive), str(FOLDER)], check=True)


def main() -> int:
    wanted = missing()
    if wanted and shutil.which("apt-get") and shutil.which("dpkg"):
        print(f"unpacking {', '.join(wanted)} into {FOLDER}", flush=True)
        unpack(wanted)
        wanted = missing()
    if wanted:
        print(f"not there: {', '.join(wanted)}; the tests of their programs are skipped")
    else:
        print("all programs are there")
    return 0


if __name__ == "__main__":
    sys.exit(main())
