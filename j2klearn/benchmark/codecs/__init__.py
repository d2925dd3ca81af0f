"""The codecs that the benchmark measures."""
