"""Training of transforms: the lifting steps of learned wavelets."""
