"""Tests of the command line: one module per command, and what holds for all of them."""
