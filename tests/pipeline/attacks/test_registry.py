import subprocess
import sys

import pytest

from detector.types import type_index
from pipeline.attacks.registry import ATTACKS, attack_type, create
from pipeline.errors import BadAttack


def test_knows_the_attacks_of_the_product() -> None:
    assert list(ATTACKS) == [
        *("fgsm", "fgm_l2", "bim", "pgd", "pgd_l2", "mim", "cw", "deepfool", "ddn"),
        *("apgd", "apgd_l2", "apgd_t", "square", "square_l2", "universal"),
    ]
    types = {attack_type(name) for name in ATTACKS}
    assert types == {"fgsm", "bim", "pgd", "mim", "cw", "deepfool", "ddn", "apgd", "square", "universal"}


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("fabulous", {}, "no attack 'fabulous'; there are fgsm, fgm_l2"),
        ("pgd", {"epsilon": 0.1}, "pgd has no parameter epsilon; it has eps, alpha, steps"),
        ("pgd", {"steps": 0}, r"steps 0; give a whole number within \[1,"),
        ("pgd", {"steps": 2.5}, "steps 2.5; give a whole number"),
        ("pgd", {"alpha": -0.1}, r"alpha -0.1; give a number within \[0, 1\]"),
        ("pgd", {"stop_on_success": "no"}, "stop_on_success 'no'; give true or false"),
        ("mim", {"mu": float("nan")}, "mu nan; give a number"),
        ("cw", {"kappa": -1}, "kappa -1; give a number"),
        ("cw", {"search_steps": True}, "search_steps True; give a whole number"),
        ("pgd", {"eps": -8 / 255}, r"within \[0, 1\]: give a fraction of the pixel range, such as 8/255"),
    ],
)
def test_refuses_with_the_allowed_value(name: str, params: dict[str, object], message: str) -> None:
    with pytest.raises(BadAttack, match=message):
        create(name, params)


def test_loads_without_torch() -> None:
    code = "import sys, pipeline.attacks.registry; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_detector_calls_each_attack_by_its_type() -> None:
    """The detector knows no attack's module, so the names of variants stand there too."""
    for name in ATTACKS:
        assert type_index(name) == type_index(attack_type(name)), name
