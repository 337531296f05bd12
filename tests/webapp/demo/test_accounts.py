import stat
from pathlib import Path

from webapp.demo.accounts import DEMO_ACCOUNTS, demo_passwords


def test_passwords_are_drawn_once_and_kept_from_others(tmp_path: Path) -> None:
    first, second = demo_passwords(tmp_path / "one"), demo_passwords(tmp_path / "one")
    assert first == second
    assert set(first) == set(DEMO_ACCOUNTS)
    assert first != demo_passwords(tmp_path / "two")
    assert stat.S_IMODE((tmp_path / "one" / "demo-accounts.json").stat().st_mode) == 0o600
