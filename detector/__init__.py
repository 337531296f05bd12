"""Detectors of adversarial inputs: tensors in, suspicion out."""
