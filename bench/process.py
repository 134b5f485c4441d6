"""Runs a program whole and says how long it took and how much memory it held."""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

# `ru_maxrss` counts kilobytes on Linux and bytes on macOS.
RSS_UNIT = 1 if sys.platform == "darwin" else 1024
LINES_OF_AN_ERROR = 5


@dataclass
class Finished:
    """A program that ended well."""

    stdout: str
    seconds: float
    cpu_seconds: float
    peak_rss_bytes: int


class Failed(Exception):
    """A program that did not; the message ends with the last lines it wrote."""


def run(command, environment=None, stdin=""):
    """Runs `command`. Peak memory is the process's own, as the kernel counts it, mapped files included."""
    command = [str(part) for part in command]
    given, out, errors = (tempfile.TemporaryFile("w+", encoding="utf-8") for _ in range(3))
    with given, out, errors:
        given.write(stdin)
        given.seek(0)
        started = time.perf_counter()
        child = subprocess.Popen(command, stdin=given, stdout=out, stderr=errors, env=os.environ | (environment or {}))
        _, status, usage = wait(child)
        seconds = time.perf_counter() - started
        out.seek(0)
        errors.seek(0)
        if status != 0:
            last_lines = errors.read().splitlines()[-LINES_OF_AN_ERROR:]
            raise Failed("\n".join([f"exit code {os.waitstatus_to_exitcode(status)}", *last_lines]))
        return Finished(out.read(), seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * RSS_UNIT)


def wait(child):
    """Waits for `child` by its id, which is the one way to learn what it alone used."""
    try:
        ended = os.wait4(child.pid, 0)
    except BaseException:
        child.kill()
        child.wait()
        raise
    child.returncode = os.waitstatus_to_exitcode(ended[1])
    return ended
