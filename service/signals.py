"""Signals: those that end the service, and those that it does not heed."""

import os
import signal

_IGNORED = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM)
"""They end a process by default, and are sent from habit, as to reopen a log."""


def ending() -> set[signal.Signals]:
    """Return the signals that start the drain; without SIGHUP if the process was started with it ignored, by nohup."""
    numbers = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT}
    return numbers - {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else numbers


def heed() -> None:
    """Until the service runs, end at once, with status 0, on a signal that ends it; there is nothing to drain yet.

    As the first process of a container, it would not be ended by a signal without a handler.
    """
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    for number in ending():
        signal.signal(number, lambda *_: os._exit(0))
