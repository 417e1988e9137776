"""One page that holds everything and asks for nothing, for a CI artifact or a colleague."""

from __future__ import annotations

from lossctl.renderers.page import Asked, check_installed
from lossctl.renderers.page.comparison import page as of_comparison
from lossctl.renderers.page.report import page as of_report

__all__ = ["Asked", "check_installed", "of_comparison", "of_report"]
