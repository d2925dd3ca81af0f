"""The JP2 file format of T.800 Annex I: boxes and metadata."""
