"""The codestream of T.800 Annexes A and B: markers, main header, packets and tile-parts."""
