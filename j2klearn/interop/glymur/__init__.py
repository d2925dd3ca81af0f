"""glymur's interface over our reader and writer."""

from .openjpeg import provide

provide()  # before other modules take names out of glymur's
