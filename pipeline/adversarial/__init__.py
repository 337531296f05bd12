"""Adversarial sets: a recipe, a plan, shards, and the set they make."""
