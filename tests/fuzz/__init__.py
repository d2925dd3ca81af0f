"""Coverage-guided fuzzing of the native library and of the Python parsers; see docs/dev/fuzzing.md."""
