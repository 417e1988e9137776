"""The losses: pure functions, a page of mathematics per family.

Importing this package registers every family; the order here is the order of the catalogue.
"""

from lossctl.losses import regression, classification, distribution  # noqa: F401, I001 - imported to register, in the catalogue's order
from lossctl.losses.registry import BoundLoss, Loss, all_losses, find

__all__ = ["BoundLoss", "Loss", "all_losses", "find"]
