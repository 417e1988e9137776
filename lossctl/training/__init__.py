"""The learning loop: a model of some features, fitted with the registry's own loss and slope."""
