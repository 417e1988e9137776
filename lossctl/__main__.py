"""``python -m lossctl`` and the console script."""


def main() -> None:
    """Load the program and run it; an interrupt while it loads ends it without a traceback."""
    import gc
    import signal

    gc.disable()  # loading makes no garbage; looking for it takes a tenth of the start
    handler = signal.signal(signal.SIGINT, signal.SIG_DFL)
    from lossctl.cli.app import main as program

    signal.signal(signal.SIGINT, handler)
    program()


if __name__ == "__main__":
    main()
