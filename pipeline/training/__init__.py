"""Training of classifiers: settings, augmentation, checkpoints and the loop."""
