"""Quantised coefficients: pyramids of indices, the quantiser, reconstruction points."""
