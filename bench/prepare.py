"""What `compare` sets up: the rivals' Python environment, and a release build of multihot."""

import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path

# The oldest Python that the pinned PyTorch has packages for.
OLDEST_PYTHON = (3, 11)


def environment(bench):
    """The Python of bench/.venv, which holds exactly the pinned rivals; made now, or made before."""
    folder, wanted = bench / ".venv", (bench / "requirements.txt").read_text()
    python, stamp = folder / "bin" / "python", folder / "requirements.txt"
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    if sys.version_info < OLDEST_PYTHON:
        oldest, this = ".".join(map(str, OLDEST_PYTHON)), sys.version.split()[0]
        sys.exit(f"the rivals need Python {oldest} or later; this one is {this}")
    say("set up the rivals in bench/.venv (on Linux some 3 GB to download, 6 GB on disk, once)")
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*pip, "-r", bench / "requirements.txt"]).returncode != 0:
        sys.exit("pip could not install the rivals; is the package index within reach?")
    stamp.write_text(wanted)
    return python


def build(root):
    """The release build of multihot."""
    say("build multihot")
    command = ["cargo", "build", "--release", "--locked", "-p", "multihot-cli"]
    # As messages, one of which says where the binary lies: not everybody builds into target/.
    messages = ["--message-format=json-render-diagnostics"]
    built = subprocess.run(command + messages, cwd=root, stdout=subprocess.PIPE, text=True)
    if built.returncode != 0:
        sys.exit("multihot does not build")
    artifacts = [json.loads(line) for line in built.stdout.splitlines()]
    return next(Path(found["executable"]) for found in artifacts if found.get("executable"))


def plot(python, bench, options):
    command = [python, bench / "plot.py", options.plots, "--compared", options.out]
    if options.points:
        command += ["--points", options.points]
    if subprocess.run(command).returncode != 0:
        sys.exit("the plots could not be drawn")


def say(what):
    print(f"== {what}", file=sys.stderr, flush=True)
