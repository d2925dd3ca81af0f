"""The native library, loaded through cffi: subband transport over OpenJPEG, and the base wavelets."""
