"""A web process stays light: it serves and screens without torch."""

import subprocess
import sys

from pipeline.gate.decision import Verdict

PROGRAM = """
import importlib, io, pathlib, pkgutil, sys
import webapp.app, webapp.api, webapp.forms, webapp.queries
from webapp.config import Settings
from webapp.accounts import create_key

for package in (webapp.api, webapp.forms, webapp.queries):
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
settings = Settings(data_root=sys.argv[1], secret_key="a key of the tests", jobs_engine="inline")
client = webapp.app.create_app(settings).test_client()
headers = {"X-API-Key": sys.argv[3], "Content-Type": "image/png"}
answer = client.post("/api/v1/screenings", headers=headers, data=pathlib.Path(sys.argv[2]).read_bytes())
assert answer.get_json()["verdict"] == "clean", answer.text
sys.exit("torch was imported" if "torch" in sys.modules else 0)
"""


def test_a_web_process_screens_without_torch(site, tmp_path):
    scan = tmp_path / "scan.png"
    scan.write_bytes(site.chain.scan(Verdict.CLEAN))
    command = [sys.executable, "-c", PROGRAM, str(site.settings.data_root), str(scan), site.keys["screen"]]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
