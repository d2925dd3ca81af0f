"""The public functions: encode, decode, open, info, encode_file, convert."""
