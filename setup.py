"""Build the native library with CMake, and install it with its header into the package.

All other settings are in pyproject.toml.
"""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
HOME = Path("j2klearn", "native")  # folder of the library in the package
PACKAGES = "on Debian and Ubuntu: apt-get install cmake g++ pkg-config libopenjp2-7-dev"


class BuildNative(build_ext):
    """Configure, build and install with CMake: into the wheel, or into j2klearn/native/ for an editable install."""

    @property
    def in_source(self) -> bool:
        return bool(self.inplace or self.editable_mode)

    def run(self) -> None:
        cmake = shutil.which("cmake")
        if cmake is None:
            raise SystemExit(f"j2klearn: CMake is needed to build the native library ({PACKAGES}).")
        build = Path(self.build_temp, "native").resolve()
        package = ROOT / HOME if self.in_source else Path(self.build_lib, HOME).resolve()
        options = ["-DCMAKE_BUILD_TYPE=Release", *shlex.split(os.environ.get("CMAKE_ARGS", ""))]
        if subprocess.run([cmake, "-S", ROOT, "-B", build, *options]).returncode:
            raise SystemExit(
                "j2klearn: CMake found no C++ compiler, or no OpenJPEG 2.5 with headers: see the message above "
                f"({PACKAGES})."
            )
        jobs = str(self.parallel or os.cpu_count() or 1)
        for step in (["--build", build, "--parallel", jobs], ["--install", build, "--prefix", package]):
            if subprocess.run([cmake, *step]).returncode:
                raise SystemExit("j2klearn: the native library could not be built: see the message above.")

    def get_outputs(self) -> list[str]:
        if self.in_source:
            return []
        return [
            str(file)
            for pattern in ("*j2kl.*", "openjp2/*")
            for file in Path(self.build_lib, HOME).glob(pattern)
        ]

    def get_output_mapping(self) -> dict[str, str]:
        return {}


class PlatformWheel(bdist_wheel):
    """A wheel for one platform and any Python 3, because the library does not depend on Python."""

    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", super().get_tag()[2]


setup(
    ext_modules=[Extension("j2klearn.native.libj2kl", sources=[])],  # marks the package as not pure Python
    cmdclass={"build_ext": BuildNative, "bdist_wheel": PlatformWheel},
)
