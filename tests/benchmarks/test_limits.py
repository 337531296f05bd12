import json
from pathlib import Path

import torch
from torch import nn

from benchmarks import limits
from benchmarks.limits import folded, limits_table


def test_folding_leaves_the_answers_as_they_were():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        block = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU())
        model = nn.Sequential(block, nn.Conv2d(4, 2, 3), nn.BatchNorm2d(2))
        for _ in range(3):
            model(torch.rand(5, 3, 8, 8))  # Gives the normalisation something to do.
        x = torch.rand(2, 3, 8, 8)
    wanted = model.eval()(x)
    found = folded(model)
    torch.testing.assert_close(found(x), wanted)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in found.modules())


def test_every_form_is_measured_against_the_usual_layout(tmp_path: Path, capsys, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda model: model)  # Compiling takes half a minute.
    asked = ["--models", "SequentialCNN", "--batches", "1", "--channels", "1", "--weights", str(tmp_path)]
    assert limits.main([*asked, "--out", str(tmp_path / "limits.json")]) == 0
    found = json.loads((tmp_path / "limits.json").read_text())
    forms = ["channels last", "channels first", "batch norm folded", "compiled", "bfloat16"]
    assert [row["form"] for row in found] == forms
    assert found[0]["ratio"] == 1
    assert all(row["gradient_s"] > 0 for row in found)
    assert "| SequentialCNN | 1 | bfloat16 |" in capsys.readouterr().out


def test_nothing_measured_says_nothing():
    assert limits_table([]) == []
