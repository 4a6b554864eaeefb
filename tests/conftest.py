import signal


def pytest_configure():
    # A shell starts what it puts in the background with SIGINT ignored, and children inherit that:
    # the notebooks that the tests interrupt would not hear of it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
