"""Coding collections: a folder or a list of pictures, by processes of this machine or on a Dask cluster.

`jobs` says what becomes of what, `journal` what has been done, `work` does one picture, `pool` and `cluster` have many
of them done, and `run` puts these together for `encode_batch` and for `command`. None of them imports PyTorch or Dask
before there is work for it.
"""

from __future__ import annotations

from .run import encode_batch
from .summary import Failure, Summary

__all__ = ["Failure", "Summary", "encode_batch"]
