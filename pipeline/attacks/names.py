"""Attacks as people write them; reading it loads nothing."""

_NAMES = {
    "fgsm": "FGSM",
    "fgm_l2": "FGM (L2)",
    "bim": "BIM",
    "pgd": "PGD",
    "pgd_l2": "PGD (L2)",
    "mim": "MIM",
    "cw": "Carlini-Wagner",
    "deepfool": "DeepFool",
    "ddn": "DDN",
    "apgd": "Auto-PGD",
    "apgd_l2": "Auto-PGD (L2)",
    "apgd_t": "Auto-PGD (targets)",
    "square": "Square",
    "square_l2": "Square (L2)",
    "universal": "Universal",
    "joint_pgd": "Joint PGD",
    "orthogonal_pgd": "Orthogonal PGD",
    "selective_pgd": "Selective PGD",
    "feature_matching": "Feature matching",
    "augmented_cw": "C&W on augmented logits",
    "surrogate_transfer": "Transfer from a surrogate",
    "gate_square": "Square on the gate",
}


def type_name(word: str) -> str:
    """An attack as people write it; another name as it is."""
    return _NAMES.get(word, word)
