"""Mixture distributions, their likelihoods, and the range coder."""
