"""Learned operators in integers: their definition, the engine that computes them, and how to get them from floats."""
