"""Colour transforms, base wavelets, learned lifting steps, and the transform over all decomposition levels."""
