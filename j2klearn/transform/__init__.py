"""Colour, base wavelets, learned lifting and the multi-level transform."""
