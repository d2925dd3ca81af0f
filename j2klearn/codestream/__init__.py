"""The codestream of T.800 Annex A: markers, main header, packets, tile-parts."""
