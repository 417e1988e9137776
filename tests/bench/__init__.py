"""Speed and memory of lossctl beside its peers, run by hand: ``python -m tests.bench --help``."""
