"""What machine this is, and which versions of everything run on it."""

import json
import os
import platform
import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path

# Instruction sets that decide how fast any of the contestants can be.
FLAGS = """
    avx2 fma avx512f avx512_bf16 avx512_vnni avx_vnni amx_bf16 amx_int8
    asimd asimddp bf16 i8mm sve
""".split()
BF16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}

ASK_THE_RIVALS = """
import importlib.metadata, json, platform, sys, torch
versions = {name: importlib.metadata.version(name) for name in sys.argv[1:]}
versions["python"] = platform.python_version()
# The instruction set that PyTorch's own kernels chose.
versions["torch_cpu"] = torch.backends.cpu.get_cpu_capability()
print(json.dumps(versions))
"""


def facts(root, python, binary):
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cpu": cpu_model(),
        "cpu_flags": cpu_flags(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "load_before": os.getloadavg()[0],
        "system": f"{platform.system()} {platform.machine()}",
        "git_commit": answer("git", "-C", root, "rev-parse", "HEAD"),
        "git_changes": bool(answer("git", "-C", root, "status", "--porcelain")),
        "versions": {
            "multihot": answer(binary, "--version"),
            "rustc": answer("rustc", "--version"),
            **rivals(root, python),
        },
    }


def rivals(root, python):
    pins = (root / "bench" / "requirements.txt").read_text()
    packages = re.findall(r"^([\w-]+)==", pins, re.MULTILINE)
    return json.loads(answer(python, "-c", ASK_THE_RIVALS, *packages))


def cpu_model():
    found = re.search(r"^model name\s*: (.*)$", cpuinfo(), re.MULTILINE)
    return found[1] if found else answer("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor() or None


def cpu_flags():
    found = re.search(r"^(?:flags|Features)\s*: (.*)$", cpuinfo(), re.MULTILINE)
    here = set(found[1].split()) if found else set()
    return [flag for flag in FLAGS if flag in here]


def has_bf16():
    """Whether this CPU multiplies in bf16; elsewhere PyTorch emulates it, many times slower than f32."""
    return bool(BF16_FLAGS & set(cpu_flags()))


def cpuinfo():
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""


def answer(*command):
    """The first line a program prints, or `None` where there is no such program or it has nothing to say."""
    try:
        ran = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    except OSError:
        return None
    return ran.stdout.strip().split("\n")[0] or None
