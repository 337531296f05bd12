"""Bytes in, arrays out: decoding, import, findings, splits and the store of clean and adversarial images."""
