"""Exact integer layers and their backends."""
