"""Byte sources, picture files, memory maps and atomic writing."""
