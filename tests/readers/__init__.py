"""Right or refused: the readers of CSV against an independent reading of the same bytes."""
