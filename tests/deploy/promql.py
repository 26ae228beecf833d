"""What a PromQL expression asks for, found without a parser (promtool is the one that judges its
grammar), and what metrics there are."""

import pathlib
import re

SCRAPED = {"job", "instance"}  # what Prometheus adds to each series
FOREIGN = {"up": set(), "ALERTS": {"alertname", "alertstate", "severity"}}

STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
SELECTOR = re.compile(r"([A-Za-z_:][\w:]*)\s*\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
KEYWORDS = {"and", "or", "unless", "offset", "bool"}


def metrics(text):
    """Labels by name of series, from the text of proxy/base/metrics_table.cc."""
    lists = {
        name: set(STRING.sub(lambda found: found[0][1:-1], labels).replace(" ", "").split(","))
        for name, labels in re.findall(r"string_view (k\w+)\[\] = \{([^}]*)\}", text)
    }
    rows = re.findall(r'\{Metric::k\w+,\s*"(\w+)",\s*k(\w+),(.*?)\},\n', text, re.S)
    found = {}
    for name, kind, rest in rows:
        used = re.search(r"\b(k\w+)\b(?=,\s*(?:\{|k\w*Buckets))", STRING.sub("", rest))
        labels = lists[used[1]] if used else set()
        if kind == "Histogram":
            found[name + "_bucket"] = labels | {"le"}
            found[name + "_sum"] = found[name + "_count"] = labels
        else:
            found[name] = labels
    return found


def words(folder):
    """Every literal of the sources: a label's value is one of them, or a name of the user's."""
    found = set()
    for path in pathlib.Path(folder).rglob("*"):
        if path.suffix in (".cc", ".h"):
            found.update(literal[1:-1] for literal in STRING.findall(path.read_text()))
    return found


def selectors(expression):
    """(name, [(label, operator, value)]) of each series that is named with labels."""
    return [(name, MATCHER.findall(inside)) for name, inside in SELECTOR.findall(expression)]


def groupings(expression):
    """The labels in by (...), on (...) and their like."""
    found = ",".join(GROUPING.findall(STRING.sub("", expression)))
    return {label.strip() for label in found.split(",")} - {""}


def names(expression):
    """The names of all series."""
    bare = re.sub(r"\{[^}]*\}", "", GROUPING.sub("", STRING.sub("", expression)))
    bare = re.sub(r"\[[^\]]*\]|\boffset\s+\w+|\$\w+", "", bare)
    found = re.findall(r"(?<![\w.:])([A-Za-z_:][\w:]*)(?!\s*\(|[\w:])", bare)
    return set(found) - KEYWORDS


def complaints(expression, known, literals):
    """What the expression names that does not exist. `known`: labels by name of series."""
    labels = set(SCRAPED)
    for name in names(expression):
        if name not in known:
            yield f"no metric {name}"
        labels |= known.get(name, set())
    for name, matchers in selectors(expression):
        for label, operator, value in matchers:
            if label not in known.get(name, set()) | SCRAPED:
                yield f"{name} has no label {label}"
            if label not in SCRAPED | {"le"} and not value.startswith("$"):
                for word in value.split("|") if "~" in operator else [value]:
                    if word not in literals and not re.fullmatch(r"[\d\[\].]+", word):
                        yield f'{name}: nothing in the sources says {label}="{word}"'
    for label in groupings(expression) - labels:
        yield f"grouped by {label}, which none of its metrics has"
