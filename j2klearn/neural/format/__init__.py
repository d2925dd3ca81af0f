"""The payload and the boxes of a file of the neural profile."""
