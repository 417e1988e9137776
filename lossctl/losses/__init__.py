"""The losses: pure functions, a page of mathematics per family.

A family is loaded when one of its losses is asked for; ``index`` says which that is.
"""

from lossctl.losses.bound import BoundLoss
from lossctl.losses.registry import Loss, all_losses, find

__all__ = ["BoundLoss", "Loss", "all_losses", "find"]
