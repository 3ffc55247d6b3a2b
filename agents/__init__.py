"""The inhabitants: one file per kind, and the crowd."""
