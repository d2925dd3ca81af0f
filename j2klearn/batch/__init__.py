"""Encoding of collections: a folder or a list of pictures, by processes on this machine or a Dask cluster.

`jobs` finds the pictures and names their files, `journal` records the files written, `work` encodes one picture, `pool`
and `cluster` distribute the work, and `run` combines them in `encode_batch`. None of the modules imports PyTorch or
Dask before it is needed.
"""

from __future__ import annotations

from .run import encode_batch
from .summary import Failure, Remark, Summary

__all__ = ["Failure", "Remark", "Summary", "encode_batch"]
