"""The EBCOT profile: JPEG 2000's own coder behind the learned transform."""
