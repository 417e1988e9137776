"""The index of the losses; ``python -m tests.docs.index`` writes it anew."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path

import lossctl.losses
from lossctl.losses.index import FAMILIES
from lossctl.losses.registry import Loss, fold

HOME = Path(lossctl.losses.__file__).with_name("index.py")


def families() -> dict[str, list[Loss]]:
    """Return the losses of every module that has some: the known order first, then by name."""
    from lossctl.losses.registry import _LOSSES

    modules = [module.name for module in pkgutil.iter_modules(lossctl.losses.__path__)]
    for name in modules:
        import_module(f"lossctl.losses.{name}")
    order = [*FAMILIES, *sorted(set(modules) - set(FAMILIES))]
    found = {name: [x for x in _LOSSES.values() if x.module == name] for name in order}
    return {name: losses for name, losses in found.items() if losses}


def text() -> str:
    """Return the module as it should be."""
    head = HOME.read_text(encoding="utf-8").partition("FAMILIES")[0]
    lines = [f"{head}FAMILIES: dict[str, tuple[str, ...]] = {{"]
    for family, losses in families().items():
        lines.append(f'    "{family}": (')
        lines += [f'        "{fold(n)}",' for loss in losses for n in (loss.name, *loss.aliases)]
        lines.append("    ),")
    return "\n".join([*lines, "}"]) + "\n"


if __name__ == "__main__":
    HOME.write_text(text(), encoding="utf-8")
