import stat
import subprocess
import sys
from pathlib import Path

import pytest

from webapp.config import Settings
from webapp.errors import BadSetting


def test_defaults_need_no_environment():
    settings = Settings.from_environment({})
    assert settings.host == "127.0.0.1"
    assert settings.data_root.is_absolute()
    assert settings.database_url == f"sqlite:///{settings.data_root / 'scangate.db'}"


def test_every_kind_of_value_is_read():
    settings = Settings.from_environment(
        {
            "SCANGATE_PORT": "9001",
            "SCANGATE_LEASE_S": "1.5",
            "SCANGATE_SECURE_COOKIES": "true",
            "SCANGATE_TRUSTED_HOSTS": "a.example, b.example",
            "SCANGATE_DATA_ROOT": "/srv/scangate",
            "SCANGATE_DATABASE_URL": "postgresql://db/scangate",
        }
    )
    assert (settings.port, settings.lease_s, settings.secure_cookies) == (9001, 1.5, True)
    assert settings.trusted_hosts == ("a.example", "b.example")
    assert settings.data_root == Path("/srv/scangate")
    assert settings.database_url == "postgresql://db/scangate"


def test_what_is_given_by_name_wins():
    assert Settings.from_environment({"SCANGATE_PORT": "9001"}, port=9002).port == 9002


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PORT", "0", r"SCANGATE_PORT is 0; set it within \[1, 65535\]"),
        ("PORT", "many", r"SCANGATE_PORT is 'many'; set it to a number"),
        ("SECURE_COOKIES", "perhaps", "SCANGATE_SECURE_COOKIES is 'perhaps'; set it to 0 or 1"),
        ("JOBS_ENGINE", "carrier pigeon", "SCANGATE_JOBS_ENGINE is 'carrier pigeon'; set it to one of huey, inline"),
        ("LEASE_S", "nan", "SCANGATE_LEASE_S is nan"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_variable(name, value, says):
    with pytest.raises(BadSetting, match=says):
        Settings.from_environment({f"SCANGATE_{name}": value})


def test_a_child_reads_the_same_settings(tmp_path):
    settings = Settings(data_root=tmp_path, port=9001, trusted_hosts=("a", "b"), secure_cookies=True, lease_s=0.5)
    assert Settings.from_environment(settings.as_environment()) == settings


def test_the_secret_key_is_made_once_and_only_the_owner_reads_it(tmp_path):
    settings = Settings(data_root=tmp_path)
    key = settings.with_secret_key().secret_key
    assert len(key) >= 48
    assert settings.with_secret_key().secret_key == key
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


def test_a_given_secret_key_stands(tmp_path):
    assert Settings(data_root=tmp_path, secret_key="given").with_secret_key().secret_key == "given"
    assert not (tmp_path / "secret.key").exists()


def test_the_secret_key_is_not_shown(tmp_path):
    settings = Settings(data_root=tmp_path, secret_key="hidden")
    assert "hidden" not in repr(settings)
    assert "hidden" not in "".join(settings.as_environment().values())


def test_processes_that_start_together_agree_on_the_secret_key(tmp_path):
    code = (
        "import sys; from pathlib import Path; from webapp.config import Settings; "
        "print(Settings(data_root=Path(sys.argv[1])).with_secret_key().secret_key)"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert len({child.communicate()[0] for child in started}) == 1
