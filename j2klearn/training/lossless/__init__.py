"""Training of reversible models: predictions of details, for the bits of lossless files."""
