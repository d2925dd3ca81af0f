"""Mixtures, likelihoods and the range coder."""
