"""Attacks by someone who knows the whole gate: the goal is a file that is accepted and classified wrong."""
