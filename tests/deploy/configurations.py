#!/usr/bin/python3
"""Every configuration that we deploy or show is accepted by the binary without a warning: the
files of deploy/ and the YAML blocks of the documents. configurations.py BINARY"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"```yaml\n(version: 1\n.*?)```", re.S)
VARIABLE = re.compile(r"\$\{(\w+)\}")


def configurations():
    """Name and text of each."""
    for path in sorted(ROOT.glob("deploy/**/outrigger.yaml")):
        yield path.relative_to(ROOT), path.read_text()
    for path in sorted(ROOT.glob("*.md")):
        for number, block in enumerate(BLOCK.findall(path.read_text()), 1):
            yield f"{path.name} (block {number})", block


def complaints(binary, text):
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder, "outrigger.yaml")
        copy.write_text(text)
        environment = os.environ | {name: f"value-of-{name}" for name in VARIABLE.findall(text)}
        run = subprocess.run(
            [binary, "check", "--strict", str(copy)],
            capture_output=True,
            text=True,
            timeout=30,
            env=environment,
        )
        return "" if run.returncode == 0 else run.stdout + run.stderr


def main():
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    failed = False
    for name, text in configurations():
        found = complaints(binary, text).strip()
        print("FAIL" if found else "pass", f"configuration {name} is accepted")
        if found:
            print("     " + found.replace("\n", "\n     "))
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
