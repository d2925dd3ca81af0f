"""Reading parts of files: the bytes that a region, a resolution or a layer needs, and no others."""
