"""Simulated brain MRI: slices of the MNI152 template with and without lesions."""
