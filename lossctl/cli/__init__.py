"""The command line: a thin skin over ``lossctl.api``, one module per command."""
