"""``python -m j2klearn.cli``, as ``torchrun`` starts it."""

import sys

from .main import main

if __name__ == "__main__":
    sys.exit(main())
