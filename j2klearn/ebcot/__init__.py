"""The EBCOT profile: the learned transform, followed by the tier-1 and tier-2 coding of JPEG 2000."""
