"""The index of the losses is what the families declare."""

from __future__ import annotations

import pytest

from lossctl.losses import all_losses, index, registry
from lossctl.losses.registry import fold
from tests.docs.index import HOME, families, text


def test_the_index_is_current() -> None:
    """Refresh: python -m tests.docs.index."""
    assert HOME.read_text(encoding="utf-8") == text()
    assert {fold(n) for names in index.FAMILIES.values() for n in names} == {
        fold(n)
        for losses in families().values()
        for loss in losses
        for n in (loss.name, *loss.aliases)
    }


def test_a_loss_that_the_index_does_not_know_is_still_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = dict(registry._NAMES) | {fold(loss.name): loss.name for loss in all_losses()}
    loaded: list[str] = []

    def load(module: str) -> None:
        loaded.append(module)
        registry._NAMES.update(known)

    monkeypatch.setattr(registry, "FAMILIES", dict.fromkeys(index.FAMILIES, ()))
    monkeypatch.setattr(registry, "_NAMES", {})
    monkeypatch.setattr(registry, "import_module", load)
    assert registry.find("quantile").name == "quantile"
    assert loaded == [f"lossctl.losses.{family}" for family in index.FAMILIES]


def test_every_loss_stands_once_in_the_order_of_the_families() -> None:
    names = [loss.name for loss in all_losses()]
    assert len(names) == len(set(names)) == 52
    modules = [loss.module for loss in all_losses()]
    assert list(dict.fromkeys(modules)) == list(index.FAMILIES)
