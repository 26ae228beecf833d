"""The files of the repository that the checks look at."""

import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]

IGNORED = re.compile(r"(^|/)(\.git|build|build-[^/]*|node_modules|__pycache__)(/|$)")


def files(*suffixes):
    """Tracked and new files (ignored ones are left out), as paths relative to ROOT."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    if listed == [""]:  # a copy without its repository
        listed = [
            str(path.relative_to(ROOT))
            for path in ROOT.rglob("*")
            if not IGNORED.search(str(path.relative_to(ROOT)))
        ]
    paths = (pathlib.Path(name) for name in sorted(set(listed)) if name)
    return [
        path
        for path in paths
        if (ROOT / path).is_file() and (not suffixes or path.suffix in suffixes)
    ]


def text(path):
    """The text of a file, or None when it is not text."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
