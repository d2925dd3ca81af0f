"""Training pictures: luma patches from folders and tar files, with random crops, rotations and reflections."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from tqdm import tqdm

from ..errors import InputError

__all__ = ["Patches", "PictureFile", "files"]

_SUFFIXES = {".webp", ".png", ".jpg", ".jpeg", ".tif", ".tiff"}
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # T.800 equation G-9


@dataclass(frozen=True)
class PictureFile:
    """The contents of a picture file.

    Attributes
    ----------
    name : str
        Its path, for messages.
    data : bytes
        Its contents.
    """

    name: str
    data: bytes

    def image(self, mode: str = "RGB") -> Image.Image:
        """Return the picture in a mode of Pillow; raise `InputError` if it cannot be read."""
        try:
            with Image.open(io.BytesIO(self.data)) as picture:
                return picture.convert(mode)
        except UnidentifiedImageError:
            raise InputError(f"{self.name} is not a picture in a format that Pillow reads") from None
        except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
            raise InputError(f"cannot read {self.name}: {error}") from None


def files(folder: Path) -> Iterator[PictureFile]:
    """Yield the picture files in a folder, and those in its tar files, sorted by name.

    Raises
    ------
    InputError
        If a file cannot be read, or a tar file is damaged.
    """
    for path in sorted(folder.iterdir()):
        try:
            if path.suffix == ".tar":
                yield from _members(path)
            elif path.suffix.lower() in _SUFFIXES:
                yield PictureFile(str(path), path.read_bytes())
        except tarfile.TarError as error:
            raise InputError(f"{path} is not a tar file, or is damaged: {error}") from None
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror or error}") from None


def _members(path: Path) -> Iterator[PictureFile]:
    with tarfile.open(path) as shard:
        for member in shard:
            stream = shard.extractfile(member)
            if stream is not None and Path(member.name).suffix.lower() in _SUFFIXES:
                yield PictureFile(f"{path}/{member.name}", stream.read())


class Patches:
    """Luma patches of one size, in memory.

    Parameters
    ----------
    folder : Path
        Holds pictures, or tar files of pictures. Each picture is cut into patches; what is left at the right and at
        the bottom is not used.
    size : int
        Side of a patch in pixels.
    quiet : bool
        Show no progress bar.

    Attributes
    ----------
    patches : ndarray, shape (n, size, size), uint8
        Luma (BT.601).

    Raises
    ------
    InputError
        If there is no such folder, a file cannot be read, or no picture is large enough.
    """

    def __init__(self, folder: Path, size: int = 256, *, quiet: bool = False) -> None:
        if not folder.is_dir():
            raise InputError(f"{folder} is not a folder of training pictures")
        patches: list[NDArray[np.uint8]] = []
        silent = True if quiet else None
        for file in tqdm(files(folder), desc="reading pictures", unit=" files", disable=silent, leave=False):
            rgb = np.asarray(file.image(), np.float32)
            luma = np.rint(rgb @ _LUMA).astype(np.uint8)
            for y in range(0, luma.shape[0] - size + 1, size):
                for x in range(0, luma.shape[1] - size + 1, size):
                    patches.append(luma[y : y + size, x : x + size])
        if not patches:
            raise InputError(f"no training pictures of at least {size}x{size} pixels in {folder}")
        self.patches = np.stack(patches)

    def batch(self, count: int, crop: int, generator: np.random.Generator) -> Tensor:
        """Return random crops, rotated and reflected at random.

        Parameters
        ----------
        count : int
            Number of crops.
        crop : int
            Side of a crop in pixels, at most that of the patches.
        generator : numpy.random.Generator
            Draws patches, positions and orientations.

        Returns
        -------
        Tensor of float32, shape (count, 1, crop, crop)
            Level-shifted samples, -128 to 127.
        """
        out = np.empty((count, 1, crop, crop), np.float32)
        margin = self.patches.shape[1] - crop
        for i in range(count):
            y, x = generator.integers(0, margin + 1, 2)
            piece = self.patches[generator.integers(len(self.patches)), y : y + crop, x : x + crop]
            piece = np.rot90(piece, int(generator.integers(4)))
            out[i, 0] = piece if generator.integers(2) else piece[::-1]
        return torch.from_numpy(out - 128)
