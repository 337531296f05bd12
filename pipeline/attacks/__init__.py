"""Evasion attacks on the pixel lattice: parameters are torch-free, torch loads when an attack runs."""
