"""The native library through cffi: OpenJPEG transport and base wavelets."""
