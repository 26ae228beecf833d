"""The direction of includes: which folder may include which (DESIGN 5), and no circles."""

import re

from repository import files, text

# A folder may include itself and what stands here, nothing else.
ALLOWED = {
    "proxy/base": (),
    "proxy/runtime": ("proxy/base",),
    "proxy/net": ("proxy/base", "proxy/runtime"),
    "proxy/http": ("proxy/base", "proxy/runtime", "proxy/net"),
    "config": ("proxy/base",),
    "proxy/upstream": ("proxy/base", "proxy/runtime", "proxy/net", "proxy/http", "config"),
    "proxy/mock": ("proxy/base", "proxy/runtime", "proxy/net", "proxy/http", "config"),
    "proxy/store": ("proxy/base", "proxy/runtime"),
    "filters": (
        "proxy/base",
        "proxy/runtime",
        "proxy/net",
        "proxy/http",
        "proxy/upstream",
        "proxy/store",
        "config",
    ),
}
BELOW_ADMIN = (*ALLOWED["filters"], "filters")
ALLOWED["proxy/admin"] = BELOW_ADMIN
ALLOWED["proxy"] = (*BELOW_ADMIN, "proxy/admin")
ALLOWED["proxy/cli"] = (*BELOW_ADMIN, "proxy/admin", "proxy/mock", "proxy")

# main hands over to the command line and includes nothing else of it.
EXCEPTIONS = {("proxy/main.cc", "proxy/cli")}

# Cores without I/O decide over bytes: they may use base and each other only (DESIGN 5, Sans-IO).
PURE = {
    "proxy/http/h1_grammar",
    "proxy/http/h1_parser",
    "proxy/http/h1_framing",
    "proxy/http/h1_chunked",
    "proxy/http/h1_fields",
    "proxy/http/h1_serializer",
    "proxy/http/hop_by_hop",
    "proxy/http/headers",
    "proxy/http/sse_parser",
    "proxy/http/dialect",
    "proxy/http/dialect_error",
    "proxy/http/dialect_facts",
    "proxy/http/dialect_stream",
    "proxy/http/event_stream_frames",
}
# Plain data of messages, which the cores fill in.
MESSAGE_TYPES = {"proxy/http/message", "proxy/http/status"}

INCLUDE = re.compile(r'^\s*#include\s+"([^"]+)"', re.M)


def folder_of(path):
    """proxy/<folder> for the proxy's parts, "proxy" for its top files, else the first folder."""
    parts = str(path).split("/")
    if parts[0] == "proxy":
        return "/".join(parts[:2]) if len(parts) > 2 else "proxy"
    return parts[0]


def project_includes(path):
    return [
        name
        for name in INCLUDE.findall(text(path))
        if name.split("/")[0] in ("proxy", "filters", "config", "tests")
    ]


def direction(path):
    folder = folder_of(path)
    if folder not in ALLOWED:
        return
    for name in project_includes(path):
        target = folder_of(name)
        if target == folder or target in ALLOWED[folder] or (str(path), target) in EXCEPTIONS:
            continue
        yield f"{path}: includes {name}, but {folder} may include only " + (
            ", ".join(ALLOWED[folder]) or "the standard library"
        )


def purity(path):
    if str(path.with_suffix("")) not in PURE:
        return
    for name in project_includes(path):
        header = name.removesuffix(".h")
        if folder_of(name) != "proxy/base" and header not in PURE and header not in MESSAGE_TYPES:
            yield f"{path}: a core without I/O includes {name}"


def circles(graph):
    """Circles among headers, each reported once by its path."""
    state = {}

    def visit(node, trail):
        state[node] = "open"
        for target in graph.get(node, ()):
            if state.get(target) == "open":
                yield " -> ".join([*trail[trail.index(target) :], target])
            elif target not in state:
                yield from visit(target, [*trail, target])
        state[node] = "done"

    for node in sorted(graph):
        if node not in state:
            yield from visit(node, [node])


def test_support_is_independent(path):
    """The scripted peers share no code with the proxy, so that a bug cannot hide on both sides."""
    if path.parts[:2] != ("tests", "support"):
        return
    for name in project_includes(path):
        if not name.startswith("tests/"):
            yield f"{path}: test support includes {name}"


def violations():
    sources = files(".h", ".cc")
    for path in sources:
        yield from direction(path)
        yield from purity(path)
        yield from test_support_is_independent(path)
    yield from circles(
        {str(path): project_includes(path) for path in sources if path.suffix == ".h"}
    )
