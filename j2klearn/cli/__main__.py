"""Run the command line as ``python -m j2klearn.cli``, which ``torchrun`` needs."""

import sys

from .main import main

if __name__ == "__main__":
    sys.exit(main())
