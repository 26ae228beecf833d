"""The mutations of a source text: one small change each, found by the tokens of its lines."""

import re
from dataclasses import dataclass

SWAPS = [
    (r" < ", " <= "), (r" <= ", " < "), (r" > ", " >= "), (r" >= ", " > "), (r" == ", " != "),
    (r" != ", " == "), (r" && ", " || "), (r" \|\| ", " && "), (r" \+ ", " - "), (r" - ", " + "),
    (r" \* ", " / "), (r" / ", " * "), (r" \+= ", " -= "), (r" -= ", " += "), (r"\|= ", "= "),
    (r"\+\+(?=\w)", "--"), (r"std::min\b", "std::max"), (r"std::max\b", "std::min"),
    (r"\btrue\b", "false"), (r"\bfalse\b", "true"), (r"(?<=[( ])!(?=[\w(])", ""),
    (r"\bRepeat::kNo\b", "Repeat::kYes"), (r"\bkNo(?=[,}])", "kYes"), (r"\bkYes(?=[,}])", "kNo"),
    (r"\bkAsk(?=[,}])", "kYes"),
    (r"\bVerdict::k(?!Transient\b)\w+", "Verdict::kTransient"),
    (r"\bVerdict::kTransient\b", "Verdict::kClientError"),
    (r"\bScope::k(?!Default\b)\w+", "Scope::kDefault"),
    (r"\bif \(", "if (true || "), (r"\bif \(", "if (false && "),
]
INTEGER = re.compile(r"(?<![\w.'])(\d[\d']*)(?![\w.'])")
DECLARATION = re.compile(r"^(return|using|const|constexpr|static|auto|throw|namespace|struct|class"
                         r"|template|case|default|break|std::\w+<|[\w:<>]+ \w+( =|;|\{))")


@dataclass
class Mutation:
    text: str  # of the whole file
    line: int
    line_text: str
    change: str  # "FROM -> TO"


def code_of(line):
    """The line with strings, characters and comments blanked, of the same length."""
    blank = lambda found: " " * len(found.group())
    line = re.sub(r'"(\\.|[^"\\])*"', blank, line)
    line = re.sub(r"(?<!\d)'(\\.|[^'\\])'", blank, line)
    return re.sub(r"//.*", blank, line)


def changes_of(line):
    """(begin, end, new text, "FROM -> TO") within a line."""
    code = code_of(line)
    for pattern, new in SWAPS:
        for found in re.finditer(pattern, code):
            old = line[found.start():found.end()]
            yield found.start(), found.end(), new, f"{old.strip()} -> {new.strip() or 'nothing'}"
    for found in INTEGER.finditer(code):
        value = int(found.group().replace("'", ""))
        for other in (value + 1, value - 1) if value > 0 else (1,):
            yield found.start(), found.end(), str(other), f"{found.group()} -> {other}"
    stripped = code.strip()
    if re.match(r"^case [\w:]+:$", stripped):
        yield 0, len(line), "", "the case -> nothing"
    if stripped.endswith(";") and re.match(r"[\w+*(-]", stripped) and "return" not in stripped:
        if not DECLARATION.match(stripped) and stripped.count("(") == stripped.count(")"):
            at = len(line) - len(line.lstrip())
            if not stripped.startswith(("if ", "for ", "while ", "} ")):
                yield at, len(line), ";", "the statement -> nothing"


def mutations_of(text):
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.startswith(("#", "//", "static_assert", "namespace", "using")):
            continue
        for begin, end, new, change in changes_of(line):
            mutant = [*lines[:number], line[:begin] + new + line[end:], *lines[number + 1:]]
            yield Mutation("\n".join(mutant) + "\n", number + 1, line.strip(), change)
