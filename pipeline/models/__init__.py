"""Classifiers: their specification, architectures, files and the one adapter that attacks and gates see."""
