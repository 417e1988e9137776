"""What the shell is offered when a word is not finished."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import lossctl
from lossctl.cli import app

Offered = Callable[..., list[str]]


@pytest.fixture
def preds(tmp_path: Path) -> str:
    path = tmp_path / "preds.csv"
    path.write_text("y,yhat,weight\n1,2,1\n")
    return str(path)


@pytest.fixture
def offered(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., list[str]]:
    """Return what bash is offered for the last of the words."""

    def complete(*words: str) -> list[str]:
        monkeypatch.setenv("_LOSSCTL_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", " ".join(["lossctl", *words]))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        with pytest.raises(SystemExit) as ended:
            app.run([])
        assert ended.value.code == 0
        return capfd.readouterr().out.split()

    return complete


def test_losses(offered: Offered) -> None:
    assert offered("eval", "ms") == ["mse", "msle"]
    assert offered("eval", "mse,rms") == ["mse,rmse", "mse,rmsle"]
    assert offered("losses", "bce") == [
        name for name in lossctl.list_losses() if name.startswith("bce")
    ]


def test_commands_and_the_losses_that_may_stand_in_their_place(offered: Offered) -> None:
    assert offered("ev") == ["eval"]
    assert offered("ms") == ["mse", "msle"]
    assert set(offered("s")) >= {"samples", "schema"}


def test_columns_of_the_file_that_is_named(offered: Offered, preds: str) -> None:
    assert offered("eval", "mse", preds, "-y", "y") == ["y", "yhat"]
    assert offered("samples", "mse", preds, "-y", "y", "--weight", "w") == ["weight"]
    assert offered("mse", preds, "-p", "yh") == ["yhat"]


def test_no_columns_where_there_is_no_file_to_read(offered: Offered) -> None:
    assert offered("eval", "mse", "-y", "y") == []
    assert offered("eval", "mse", "absent.csv", "-y", "y") == []
    assert offered("eval", "mse", "-", "-y", "y") == []  # to read a terminal would hang
