"""Training of lifting steps."""
