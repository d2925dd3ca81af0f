"""What a reader that knows nothing of the learned transform makes of a file: Pillow's picture against the original.

    python benchmarks/other_readers.py PICTURES... [--bpp 1] [--model NAME|FILE] [--json FILE]

RGB pictures are coded at one rate; the PSNR of what Pillow shows is averaged, and the worst picture named.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from rate_distortion import find_pictures, provenance, read
from tqdm import tqdm

import j2klearn
from j2klearn.encoder import DEFAULT_MODEL
from j2klearn.quality import psnr


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", type=Path, nargs="+", help="pictures, or folders of pictures")
    parser.add_argument("--bpp", type=float, default=1.0, help="bits per pixel (default: %(default)s)")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="learned transform (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    files = find_pictures(options.pictures)
    values = []
    for path in tqdm(files, unit=" pictures"):
        image = read(path, rgb=True)
        data = j2klearn.encode(image, bpp=options.bpp, model=options.model)
        with Image.open(io.BytesIO(data)) as seen:
            values.append(psnr(image, np.asarray(seen)))
    worst = int(np.argmin(values))
    print(
        f"an ordinary reader sees {np.mean(values):.1f} dB on average at {options.bpp:g} bpp, "
        f"{values[worst]:.1f} dB at worst ({files[worst].name})"
    )
    if options.json:
        result = {**provenance(), "pictures": [path.name for path in files], "psnr": values}
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
