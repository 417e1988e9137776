"""Exact loss values, per-sample contributions and gradients of a model's predictions.

>>> import lossctl
>>> lossctl.evaluate({"y": [1.0, 3.0], "yhat": [2.0, 5.0]}, "mse").value
2.5
"""

from typing import TYPE_CHECKING

from lossctl.version import VERSION

__version__ = VERSION

if TYPE_CHECKING:
    from lossctl import errors
    from lossctl.api import (
        compare,
        doctor,
        evaluate,
        fit,
        get_loss,
        gradcheck,
        list_losses,
        samples,
    )
    from lossctl.losses import BoundLoss
    from lossctl.report import Report
    from lossctl.training.records import Fit

__all__ = [
    "BoundLoss",
    "Fit",
    "Report",
    "__version__",
    "compare",
    "doctor",
    "errors",
    "evaluate",
    "fit",
    "get_loss",
    "gradcheck",
    "list_losses",
    "samples",
]

_HOMES = {
    "BoundLoss": "lossctl.losses",
    "Fit": "lossctl.training.records",
    "Report": "lossctl.report",
    "compare": "lossctl.api",
    "doctor": "lossctl.api",
    "evaluate": "lossctl.api",
    "fit": "lossctl.api",
    "get_loss": "lossctl.api",
    "gradcheck": "lossctl.api",
    "list_losses": "lossctl.api",
    "samples": "lossctl.api",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first used: importing the package costs nothing."""
    from importlib import import_module

    if name == "errors":
        return import_module("lossctl.errors")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'lossctl' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
