"""Classifiers trained elsewhere, one module a format; none of them runs what the file brings."""
