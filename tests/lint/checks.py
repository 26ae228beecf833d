#!/usr/bin/python3
"""Checks of the sources that need no compiler.

One line for each check, `pass NAME` or `FAIL NAME`, and the places below it; the exit code is 1
when one failed. `checks.py NAME...` runs only those named.
"""

import re
import subprocess
import sys

sys.dont_write_bytecode = True  # leave no __pycache__ in the tree
import includes
from repository import ROOT, files, text

MAX_LINES = 500
CPP = (".h", ".cc")


def include_direction():
    """Includes point one way (DESIGN 5) and make no circle."""
    return includes.violations()


def file_size():
    """No source file is over 500 lines."""
    for path in files(*CPP, ".py", ".sh", ".c"):
        lines = text(path).count("\n")
        if lines > MAX_LINES:
            yield f"{path}: {lines} lines, at most {MAX_LINES}"


def pragma_once():
    """Every header can be included twice."""
    for path in files(".h"):
        if "\n#pragma once\n" not in "\n" + text(path):
            yield f"{path}: no #pragma once"


def formatting():
    """clang-format 19 would change nothing."""
    sources = [str(path) for path in files(*CPP, ".c")]
    run = subprocess.run(
        ["clang-format-19", "--dry-run", "-Werror", *sources],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    seen = re.findall(r"^(\S+?):(\d+):\d+: error", run.stderr, re.M)
    first = {path: line for path, line in reversed(seen)}
    return [f"{path}:{line}: run clang-format-19 -i {path}" for path, line in sorted(first.items())]


def whitespace():
    """No trailing blanks, no carriage returns, one newline at the end."""
    for path in files(*CPP, ".c", ".py", ".sh", ".md", ".yaml", ".txt", ".cmake", ".json"):
        if {"seeds", "golden"} & set(path.parts):
            continue
        content = text(path) or ""
        for number, line in enumerate(content.split("\n"), 1):
            if line.endswith((" ", "\t", "\r")):
                yield f"{path}:{number}: blank at the end of the line"
        if content and (not content.endswith("\n") or content.endswith("\n\n")):
            yield f"{path}: does not end with exactly one newline"


# Home and scratch folders of one machine, and where a lock file was downloaded from.
MACHINE = re.compile(
    r"(?<![\w.}$-])/(?:home|Users|root|work)/[\w.-]|/tmp/build\b|\"resolved\":"
    r"|-dispatcher\b|artifact-?registry"
)


def machine_names():
    """Nothing names the machine somebody wrote it on."""
    for path in files():
        if path.parts[:2] == ("tests", "lint"):
            continue
        for number, line in enumerate((text(path) or "").split("\n"), 1):
            if found := MACHINE.search(line):
                yield f"{path}:{number}: {found.group()}"


AWAIT_BRANCH = re.compile(
    r"\?[^;{}\"]*\bco_await\b|\bco_await\b[^;{}\"?]*\?[^;{}\"]*:|" r"(?:&&|\|\|)\s*\(?\s*co_await\b"
)


def plain_awaits():
    """co_await is no part of a conditional expression (architecture 4.3)."""
    for path in files(*CPP):
        code = re.sub(r"//[^\n]*", "", text(path))
        for found in AWAIT_BRANCH.finditer(code):
            line = code.count("\n", 0, found.start()) + 1
            yield f"{path}:{line}: name the awaited value first"


def no_exceptions():
    """We throw nothing but std::bad_alloc (DESIGN 5: errors are values)."""
    for path in files(*CPP):
        if path.parts[0] == "tests":
            continue
        for number, line in enumerate(text(path).split("\n"), 1):
            if re.match(r"[^/\"]*\bthrow\b(?!\s*\(\)|;| std::bad_alloc)", line):
                yield f"{path}:{number}: throw"


LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")


def links():
    """Relative links of the documents lead to files."""
    for path in files(".md"):
        body = re.sub(r"```.*?```", "", text(path), flags=re.S)
        for target in LINK.findall(body):
            if "://" in target or target.startswith("mailto:"):
                continue
            if not (ROOT / path.parent / target).exists():
                yield f"{path}: {target} does not exist"


PUSH = re.compile(r"push\(std::(?:move\((?:\w+\.)?(\w+)\)|make_unique<(\w+)>)")


def chain_page():
    """README.md shows the filters in the order of filters/chain.cc."""
    code = ROOT / "filters/chain.cc"
    pushed = PUSH.findall(code.read_text()) if code.exists() else []
    names = [
        variable or re.sub(r"(?<!^)([A-Z])", r"_\1", kind).lower() for variable, kind in pushed
    ]
    shown = re.search(r"^FILTERS = (.*)$", (ROOT / "README.md").read_text(), re.M)
    if not shown or shown[1].split(" -> ") != names:
        yield f"README.md: the chain is {' -> '.join(names)}"


def shell_scripts():
    """shellcheck finds nothing."""
    scripts = [str(path) for path in files() if path.suffix == ".sh" or path.name == "run"]
    run = subprocess.run(
        ["shellcheck", "-x", "-e", "SC2317", "-f", "gcc", *scripts],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    return run.stdout.splitlines() + run.stderr.splitlines()


CHECKS = [
    include_direction,
    file_size,
    pragma_once,
    formatting,
    whitespace,
    machine_names,
    plain_awaits,
    no_exceptions,
    links,
    chain_page,
    shell_scripts,
]


def main():
    wanted = set(sys.argv[1:])
    failed = False
    for check in CHECKS:
        if wanted and check.__name__ not in wanted:
            continue
        places = list(check())
        print("FAIL" if places else "pass", f"lint {check.__name__}: {check.__doc__}")
        for place in places[:20]:
            print(f"     {place}")
        if len(places) > 20:
            print(f"     and {len(places) - 20} more")
        failed = failed or bool(places)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
