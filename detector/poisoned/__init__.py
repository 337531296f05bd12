"""Finders of poisoned training data, and audits of what a poisoned model does."""
