"""What happened in a run, and what should not have."""

import collections
import time

INVARIANTS = {
    "I1": "nothing that was acknowledged is lost",
    "I2": "nothing is executed twice",
    "I3": "a replay is the same, byte for byte",
    "I4": "no answer crosses owners",
    "I5": "only legal transitions; attempts and epochs never fall; no death but ours",
    "I6": "nothing hangs after a restart",
    "I8": "no cut answer passes for a whole one",
    "I9": "the store is whole: seals, indexes, parts of answers, counts",
    "I10": "no credential is in a file",
}
SHOWN = 12  # of each


class Ledger:
    def __init__(self, shown=SHOWN):
        self._shown = shown
        self.counts = collections.Counter()
        self.violations = collections.Counter()
        self.started = time.monotonic()
        self.place = ""  # for whoever looks for a violation again

    def count(self, what, number=1):
        self.counts[what] += number

    def violated(self, invariant, what, history=()):
        self.violations[invariant] += 1
        if self.violations[invariant] > self._shown:
            return
        at = time.monotonic() - self.started
        print(f"\n{invariant} violated after {at:.2f} s, {self.place}: {what}", flush=True)
        for when, event in history:
            print(f"     {when - self.started:9.3f} s  {event}", flush=True)

    def seconds(self):
        return time.monotonic() - self.started

    def report(self, title):
        kills = self.counts["kills"]
        print(f"\n{title}: {kills} kills in {self.seconds():.0f} s")
        groups = collections.defaultdict(list)
        for name, number in sorted(self.counts.items()):
            group, _, rest = name.partition(": ")
            groups[group].append(f"{rest} {number}" if rest else f"{number}")
        for group, rows in groups.items():
            print(f"  {group}: {', '.join(rows)}")
        for invariant, promise in INVARIANTS.items():
            number = self.violations[invariant]
            verdict = "pass" if number == 0 else "FAIL"
            found = "" if number == 0 else f": {number} violations"
            print(f"{verdict} crash {invariant} {promise}{found}")
        return sum(self.violations.values()) == 0
