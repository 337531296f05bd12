"""Classifiers, attacks, adversarial sets, detectors in the making, and the gate."""
