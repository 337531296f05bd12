"""Training, calibration and evaluation of detectors of adversarial scans."""
