"""Known answers against our engines."""
