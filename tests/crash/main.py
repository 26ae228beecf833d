"""tests/crash.sh: see USAGE."""

import argparse
import asyncio
import logging
import pathlib
import random
import shutil
import signal
import sys
import tempfile

import damage
import ledger
import proxy
import round as rounds

ROOT = pathlib.Path(__file__).resolve().parents[2]
SLICE = 150  # kills
ROUND = 250  # kills, after which a run goes on with another store

USAGE = """Kills a proxy under load with SIGKILL, starts it again on the same store, and holds what
its clients were told against what its upstreams did and what the store has. In every other store
a kill also loses what was not synced. The last lines are a `pass` or `FAIL` for each promise of
durability 5.1; the code is 0 only without a FAIL."""


def arguments():
    parser = argparse.ArgumentParser(prog="tests/crash.sh", description=USAGE)
    parser.add_argument("binary", nargs="?", type=pathlib.Path, default=ROOT / "build/outrigger")
    parser.add_argument("--kills", type=int, help="how many (default: 1000, or as time allows)")
    parser.add_argument("--minutes", type=float, help="end after so long")
    parser.add_argument("--seed", type=int, help="of all choices but the scheduler's")
    parser.add_argument("--slice", action="store_true", help=f"a short run of {SLICE} kills")
    parser.add_argument(
        "--break",
        dest="broken",
        choices=sorted(damage.WAYS),
        help="break something that has to be noticed: the code is 1",
    )
    parser.add_argument(
        "--self-check", action="store_true", help="break all of it, one after the other"
    )
    parser.add_argument("--keep", action="store_true", help="leave the folder with store and log")
    given = parser.parse_args()
    if given.seed is None:
        given.seed = random.SystemRandom().randrange(1_000_000)
    if given.kills is None:
        endless = 1_000_000_000
        given.kills = SLICE if given.slice else endless if given.minutes else 1000
    return given


def one_round(given, number, kills, seconds, book, broken):
    powerless = broken == "disk" or (number % 2 == 1 and broken is None)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="outrigger-crash-"))
    book.place = f"--seed {given.seed} round {number}"
    setup = rounds.Setup(
        binary=given.binary.resolve(),
        folder=folder,
        seed=f"{given.seed}/{number}",
        encrypted=number % 3 == 2,
        library=given.library if powerless else None,
        kills=kills,
        seconds=seconds,
        broken=broken,
    )
    try:
        asyncio.run(rounds.Round(setup, book).run())
    finally:
        if given.keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def run(given):
    book = ledger.Ledger()
    number, limit = 0, given.minutes * 60 if given.minutes else float("inf")
    while book.counts["kills"] < given.kills and book.seconds() < limit:
        if given.broken and book.violations:
            break
        left = given.kills - book.counts["kills"]
        each = SLICE // 3 if given.slice else ROUND
        one_round(given, number, min(left, each), limit - book.seconds(), book, given.broken)
        number += 1
        if not given.slice:
            bad = sum(book.violations.values())
            kills, seconds = book.counts["kills"], book.seconds()
            print(f"round {number}: {kills} kills in {seconds:.0f} s, {bad} violations", flush=True)
    return book.report(f"seed {given.seed}, {number} stores")


def self_check(given):
    fine = True
    for way, wanted in damage.WAYS.items():
        book = ledger.Ledger(shown=0)
        one_round(given, 0, 60, 60, book, way)
        found = {each for each, number in book.violations.items() if number > 0}
        caught = bool(found & wanted)
        fine = fine and caught
        say = "pass" if caught else "FAIL"
        print(f"{say} crash notices {way}: {', '.join(sorted(found)) or 'nothing'}", flush=True)
    return fine


def main():
    given = arguments()
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # it tells of connections that end
    if not given.binary.exists():
        print(f"FAIL crash: {given.binary} is not there; build it, or name another")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # takes the proxy along
    with tempfile.TemporaryDirectory(prefix="outrigger-crash-") as folder:
        given.library = proxy.build_hold_writes(pathlib.Path(folder))
        return 0 if (self_check(given) if given.self_check else run(given)) else 1


if __name__ == "__main__":
    sys.exit(main())
