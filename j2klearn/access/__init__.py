"""Partial reads: read only the bytes that a region, a resolution or a layer needs."""
