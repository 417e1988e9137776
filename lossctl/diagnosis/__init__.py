"""What is probably wrong with a file of truth and predictions, and which losses fit it."""
