"""Geometry, pictures, subbands, targets and limits: what every other package builds on."""
