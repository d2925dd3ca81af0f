"""Convolutions in exact integer arithmetic, and their backends."""
