"""The commands of `crossfire`, one a file."""
