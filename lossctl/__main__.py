"""``python -m lossctl`` and the console script."""

from lossctl.cli.app import main

if __name__ == "__main__":
    main()
