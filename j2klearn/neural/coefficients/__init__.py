"""Quantised coefficients: pyramids of indices, quantisation, reconstruction points."""
