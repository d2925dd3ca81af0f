"""The context model: networks, order of coding, segments."""
