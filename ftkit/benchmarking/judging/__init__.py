"""Judges: models that say whether answers are right, how good they are, or which of two is better."""
