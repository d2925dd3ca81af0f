"""Measures of quality and of coding efficiency."""
