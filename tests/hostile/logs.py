"""A log that nobody reads. As a program: starts the service with such a standard error."""

import os
import sys

from tests.hostile.attack import Target, attack
from tests.hostile.crowd import threads
from tests.hostile.http1 import head, on_a_new
from tests.process import COMMAND


@attack(command=(sys.executable, "-m", "tests.hostile.logs"))
def unread_log(target: Target) -> int:
    """Send calls that are each logged, on 4 threads, while nobody reads the log."""
    content = head(2, "Connection: close") + b"{}"
    return threads(target, 4, lambda _: on_a_new(target, content))


if __name__ == "__main__":
    unread, error = os.pipe()
    os.set_inheritable(unread, True)  # noqa: FBT003  # A reader there is, but it never reads.
    os.dup2(error, 2)
    os.execv(COMMAND, [str(COMMAND), "serve"])  # noqa: S606
