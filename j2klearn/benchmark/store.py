"""The folder of a benchmark, which stores the measurements, so that a stopped run can resume."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from ..errors import InputError, OptionError
from ..io.atomic import write_whole
from .protocol import Protocol

__all__ = ["Store"]

_CONFIGURATION = "benchmark.json"
_MEASUREMENTS = "measurements"

Values = dict[str, list[float | None]]


def _encoded(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=1) + "\n").encode()


class Store:
    """Measurements in a folder, one small JSON file for each codec and picture.

    Parameters
    ----------
    folder : Path
        Created if it does not exist.
    protocol : Protocol
        The protocol of all measurements in the folder.
    fresh : bool
        Delete earlier measurements.

    Raises
    ------
    OptionError
        If the folder has measurements by another protocol, or has other files and is not a benchmark's folder.
    InputError
        If the folder cannot be created or read.
    """

    def __init__(self, folder: Path, protocol: Protocol, *, fresh: bool = False) -> None:
        self.folder, self.protocol = folder, protocol
        configuration = folder / _CONFIGURATION
        try:
            folder.mkdir(parents=True, exist_ok=True)
            reuse = configuration.exists()
            if not reuse and any(folder.iterdir()):
                raise OptionError(f"{folder} holds other files: choose an empty folder, or a new one")
            if reuse and fresh:
                shutil.rmtree(folder / _MEASUREMENTS, ignore_errors=True)
                reuse = False
            if reuse:
                self._check(json.loads(configuration.read_text()))
            else:
                write_whole(configuration, _encoded(protocol.to_dict()))
        except OSError as error:
            raise InputError(f"cannot use the folder {folder}: {error.strerror or error}") from None
        except ValueError as error:
            if isinstance(error, OptionError):
                raise
            raise InputError(f"{configuration} is damaged: use --fresh, or another folder") from None

    def _check(self, stored: dict[str, Any]) -> None:
        own = self.protocol.to_dict()
        different = sorted(key for key in own.keys() | stored.keys() if own.get(key) != stored.get(key))
        if different:
            raise OptionError(
                f"{self.folder} holds measurements by another protocol (other {', '.join(different)}): use another "
                "folder, or --fresh to measure again"
            )

    def _path(self, codec: str, identity: str, picture: str, digest: str) -> Path:
        key = hashlib.sha256(f"{identity}\n{digest}".encode()).hexdigest()[:16]
        name = "".join(c if c.isalnum() or c in "-_." else "_" for c in Path(picture).stem)[:80]
        return self.folder / _MEASUREMENTS / codec / f"{name}-{key}.json"

    def get(self, codec: str, identity: str, picture: str, digest: str) -> Values | None:
        """Return a measurement by the same version of the codec on the same samples; None if there is none.

        Parameters
        ----------
        codec, identity : str
            Name of the codec, and what identifies its version.
        picture, digest : str
            Name of the picture, and the digest of its samples.
        """
        path = self._path(codec, identity, picture, digest)
        try:
            document = json.loads(path.read_text())
            values: Values = document["values"]
        except (OSError, ValueError, KeyError, TypeError):
            return None  # missing or damaged: it is measured again
        return values

    def put(self, codec: str, identity: str, picture: str, digest: str, values: Values) -> None:
        """Store a measurement; the parameters are those of `get`."""
        path = self._path(codec, identity, picture, digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        document = {"codec": codec, "identity": identity, "picture": picture, "sha256": digest}
        write_whole(path, _encoded({**document, "values": values}))

    def write(self, name: str, document: dict[str, Any] | bytes) -> Path:
        """Write a file of results, completely or not at all; return its path.

        Parameters
        ----------
        name : str
            Path below the folder.
        document : dict or bytes
            JSON types, or the contents of the file.
        """
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, document if isinstance(document, bytes) else _encoded(document))
        return path
