"""Poisoned training data: made on purpose, measured, found and repaired."""
