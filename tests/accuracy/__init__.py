"""How far every loss is from the real-number formula: ``python -m tests.accuracy``."""
