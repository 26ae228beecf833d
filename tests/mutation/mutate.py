#!/usr/bin/python3
"""Flips one condition at a time in the pure cores of the policies and runs their unit tests.

See tests/mutation.sh. A mutant that no test kills is printed as `survived FILE:LINE: FROM -> TO`,
with its line. equivalent.txt names those that change nothing, with the reason. The exit code is 1
when one survived that is not named there.
"""

import argparse
import concurrent.futures
import json
import os
import random
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True  # leave no __pycache__ in the tree
from mutations import mutations_of

ROOT = Path(__file__).resolve().parents[2]
EQUIVALENT = Path(__file__).with_name("equivalent.txt")

# What is mutated, and the executable and the files that test it.
BREAKER = ["breaker_trip_test", "breaker_recovery_test", "breaker_state_test",
           "breaker_shared_test", "breaker_exhaustive_test"]
BREAKERS = ["breaker_shared_test", "circuit_breaker_test", "circuit_breaker_endpoints_test"]
CORES = {
    "filters/retry/decision.cc": ("unit_filters", ["retry_decision_test"]),
    "filters/retry/safety.cc": ("unit_filters", ["retry_safety_test"]),
    "filters/retry/backoff.cc": ("unit_filters", ["retry_backoff_test"]),
    "config/backoff_range.cc": ("unit_filters", ["retry_backoff_test"]),
    "filters/retry/budget.cc": ("unit_filters", ["retry_budget_test"]),
    "filters/retry/cooldowns.cc": ("unit_filters", ["retry_cooldowns_test"]),
    "filters/retry/give_up.cc": ("unit_filters", ["retry_probe_test", "retry_test"]),
    "filters/circuit_breaker/breaker.cc": ("unit_filters", BREAKER),
    "filters/circuit_breaker/call_window.cc": ("unit_filters", ["breaker_call_window_test"]),
    "filters/circuit_breaker/outcome.cc": ("unit_filters", ["breaker_outcome_test"]),
    "filters/circuit_breaker/shared_breaker.cc": ("unit_filters", BREAKERS),
    "filters/circuit_breaker/upstream_breakers.cc": ("unit_filters", BREAKERS),
    "filters/deadline/deadlines.cc": ("unit_filters", ["deadline_test"]),
    "filters/classify/built_in_rules.cc": ("unit_classify", []),
    "filters/classify/next_reset.cc": ("unit_classify", ["next_reset_test"]),
    "filters/classify/hint_values.cc": ("unit_classify", []),
    "filters/classify/classifier.cc": ("unit_classify", []),
    "filters/classify/server_hints.cc": ("unit_classify", []),
    "filters/classify/json_fields.cc": ("unit_classify", []),
    "filters/classify/cut_json.cc": ("unit_classify", []),
}


def equivalents():
    """{(file, the line's text, "FROM -> TO")}; a reason stands in the line above each."""
    known = set()
    for line in EQUIVALENT.read_text().splitlines():
        if line and not line.startswith("#"):
            file, rest = line.split(" | ", 1)
            known.add((file, *rest.rsplit(" | ", 1)))  # the line may have a | of its own
    return known


class Core:
    """One file: how it is compiled and linked with its tests, in a folder of its own."""

    def __init__(self, build, scratch, file):
        self.build, self.file = build, file
        self.folder = scratch / file.replace("/", "_")
        self.folder.mkdir()
        self.text = (ROOT / file).read_text()
        self.compile = self.compile_command()
        self.link = self.link_command(*CORES[file])
        self.header = self.precompile()
        began = time.monotonic()
        if self.outcome("whole", self.text) != "survived":
            sys.exit(f"{file}: the tests fail without a mutation; build {CORES[file][0]} first")
        self.limit = max(20.0, 8 * (time.monotonic() - began))

    limit = 300.0

    def compile_command(self):
        commands = json.loads((self.build / "compile_commands.json").read_text())
        entry = next(e for e in commands if e["file"].endswith("/" + self.file))
        words = shlex.split(entry["command"])
        words = words[next(i for i, word in enumerate(words) if "clang" in word):]
        for flag in ("-o", "-c"):
            at = words.index(flag)
            del words[at:at + 2]
        return [word for word in words if not word.startswith("-flto")] + ["-O0", "-g0", "-w"]

    def link_command(self, executable, tests):
        listed = subprocess.run(["ninja", "-t", "commands", executable], cwd=self.build, text=True,
                                check=True, capture_output=True).stdout
        line = next(line for line in listed.splitlines() if f" -o {executable} " in line)
        words = shlex.split(line.split(" && ")[1])
        del words[words.index("-o"):words.index("-o") + 2]
        wanted = {f"{test}.cc.o" for test in tests}
        return [word for word in words
                if not word.endswith("_test.cc.o") or not wanted or Path(word).name in wanted]

    def precompile(self):
        """The headers, read once for all mutants."""
        prefix = self.folder / "prefix.h"
        includes = [line for line in self.text.splitlines() if line.startswith("#include")]
        prefix.write_text("\n".join(includes) + "\n")
        header = self.folder / "prefix.pch"
        subprocess.run([*self.compile, "-x", "c++-header", prefix, "-o", header], check=True)
        return header

    def outcome(self, name, text):
        """ "stillborn": it does not compile; "killed": a test failed; "survived"."""
        source, thing = self.folder / f"{name}.cc", self.folder / f"{name}.o"
        program = self.folder / name
        source.write_text(text)
        compiled = subprocess.run(
            [*self.compile, "-include-pch", self.header, "-c", source, "-o", thing],
            capture_output=True)
        if compiled.returncode != 0:
            return "stillborn"
        linked = subprocess.run([self.link[0], thing, *self.link[1:], "-o", program],
                                cwd=self.build, capture_output=True)
        if linked.returncode != 0:
            return "stillborn"
        try:
            ran = subprocess.run([program, "--gtest_brief=1", "--gtest_fail_fast"],
                                 capture_output=True, timeout=self.limit)
            return "killed" if ran.returncode != 0 else "survived"
        except subprocess.TimeoutExpired:
            return "killed"
        finally:
            for each in (source, thing, program):
                each.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path, help="a build folder with the unit tests built")
    parser.add_argument("files", nargs="*", help="cores to mutate (default: all)")
    parser.add_argument("--seconds", type=float, default=600, help="begin no mutant after that")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=1, help="of the order")
    options = parser.parse_intermixed_args()  # files may stand behind options
    unknown = [file for file in options.files if file not in CORES]
    if unknown:
        parser.error(f"no core: {', '.join(unknown)}; there are {', '.join(CORES)}")
    began, known = time.monotonic(), equivalents()
    counts = dict.fromkeys(("killed", "survived", "equivalent", "stillborn", "not tried"), 0)
    lock = threading.Lock()

    def judge(core, number, mutation):
        if time.monotonic() - began > options.seconds:
            result = "not tried"
        elif (core.file, mutation.line_text, mutation.change) in known:
            result = "equivalent"
        else:
            result = core.outcome(f"mutant{number}", mutation.text)
        with lock:
            counts[result] += 1
            if result == "survived":
                print(f"survived {core.file}:{mutation.line}: {mutation.change}\n"
                      f"         {mutation.line_text}", flush=True)

    with tempfile.TemporaryDirectory(prefix="outrigger-mutation-") as scratch:
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            cores = list(pool.map(lambda file: Core(options.build.resolve(), Path(scratch), file),
                                  options.files or CORES))
            mutants = [(core, number, mutation) for core in cores
                       for number, mutation in enumerate(mutations_of(core.text))]
            random.Random(options.seed).shuffle(mutants)
            for done in [pool.submit(judge, *mutant) for mutant in mutants]:
                done.result()
    print(f"{len(mutants)} mutants: " + ", ".join(f"{n} {name}" for name, n in counts.items()))
    return 1 if counts["survived"] else 0


if __name__ == "__main__":
    sys.exit(main())
