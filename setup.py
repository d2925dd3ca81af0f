"""The entry for programs that run ``setup.py``; pip does not use it.

scikit-build-core builds the package, as pyproject.toml says. The commands here are handed on to pip::

    python setup.py --version
    python setup.py install | develop | bdist_wheel
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
COMMANDS = {
    "install": ["install", "."],
    "develop": ["install", "--editable", "."],
    "bdist_wheel": ["wheel", "--no-deps", "--wheel-dir", "dist", "."],
}


def main(words: list[str]) -> int:
    """Carry out the words of a command line, and return the exit status."""
    match words:
        case ["--version"]:
            text = (ROOT / "j2klearn" / "_version.py").read_text("utf-8")
            print(re.search(r'__version__ = "(.+)"', text)[1])
            return 0
        case ["--name"]:
            print("j2klearn")
            return 0
        case [command] if command in COMMANDS:
            pip = [sys.executable, "-m", "pip", *COMMANDS[command]]
            print("setup.py:", *pip[1:], flush=True)
            return subprocess.run(pip, cwd=ROOT, check=False).returncode
    print(f"usage: setup.py --version | --name | {' | '.join(COMMANDS)}; all else: pip, or python -m build")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
