"""The learning loop: its optima, its gradients, and that nothing but the data decides them."""
