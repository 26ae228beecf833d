#!/usr/bin/python3
"""Measures Outrigger beside other proxies on the same upstream and prints the ratios as Markdown.

Every proxy has one worker on one core; the upstream and the load have the other cores. What counts
is the CPU time of the proxy for one request: it hardly depends on what else the machine does, while
requests a second and latency do. Rounds go through all proxies one by one, so that a drift meets
them all, and the table shows medians. All traffic stays on loopback; every load is bounded in time
and ends by itself.
"""

import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # leave no __pycache__ in the tree
import caching
import measure
import report
from lab import UPSTREAM, Lab, note
from peers import PEERS, SICK_PATH

SECTIONS = ("h1", "h2", "tls", "refused", "latency", "keyed", "cache", "streams", "start")
SIZES = ("1k", "64k", "1m")


def median(values):
    return statistics.median(values) if values else None


def load(mode, port, path, seconds):
    if mode == "h2":
        return measure.h2load(f"http://127.0.0.1:{port}{path}", seconds, 8, 8)
    scheme = "https" if mode == "tls" else "http"
    return measure.wrk(f"{scheme}://127.0.0.1:{port}{path}", seconds, 64)


def throughput(lab, mode):
    """{size: {peer: {cpu_us, rate, memory}}}: of a request, in a second, after the load."""
    started = lab.start_peers(mode)
    results = {}
    for size in lab.arguments.sizes:
        samples = {peer: [] for peer in started}
        for _ in range(lab.arguments.rounds):
            for peer, (process, port) in started.items():
                try:
                    load(mode, port, peer.path(size), 1)
                    before = measure.cpu_seconds(process.pid)
                    done, rate = load(mode, port, peer.path(size), lab.arguments.duration)
                    spent = measure.cpu_seconds(process.pid) - before
                    samples[peer].append(
                        (spent / done * 1e6, rate, measure.memory_bytes(process.pid))
                    )
                except (measure.LoadError, subprocess.TimeoutExpired) as error:
                    note(f"{mode} {size} {peer.name}: {error}")
        results[size] = {
            peer.name: dict(zip(("cpu_us", "rate", "memory"), map(median, zip(*values))))
            for peer, values in samples.items()
            if values
        }
        note(f"measured {mode} {size}")
    lab.stop_peers(started)
    return results


def refused(lab):
    """{peer: {cpu_us, rate}}: a call that Outrigger's open breaker refuses, beside one of 1 KiB that
    the floor relays."""
    paths = {"floor": "/bench/1k", "outrigger": SICK_PATH}
    started = lab.start_peers("h1", paths)
    samples = {peer: [] for peer in started}
    for _ in range(lab.arguments.rounds):
        for peer, (process, port) in started.items():
            url = f"http://127.0.0.1:{port}{paths[peer.name]}"
            is_refused = peer.name == "outrigger"
            try:
                measure.wrk(url, 1, 64, is_refused)
                before = measure.cpu_seconds(process.pid)
                done, rate = measure.wrk(url, lab.arguments.duration, 64, is_refused)
                spent = measure.cpu_seconds(process.pid) - before
                samples[peer].append((spent / done * 1e6, rate))
            except (measure.LoadError, subprocess.TimeoutExpired) as error:
                note(f"refused {peer.name}: {error}")
    lab.stop_peers(started)
    note("measured refused")
    return {
        peer.name: dict(zip(("cpu_us", "rate"), map(median, zip(*values))))
        for peer, values in samples.items()
        if values
    }


def added_latency(lab):
    """{peer: {p50, p99}}: what a proxy adds to the direct call, in microseconds."""
    started = lab.start_peers("h1")
    tool = str(lab.tools / "latency")
    requests = 2000 if lab.arguments.quick else 10000
    samples = {peer: [] for peer in started}
    for _ in range(lab.arguments.rounds):
        for peer, (_, port) in started.items():
            try:
                direct = measure.latency(tool, UPSTREAM, peer.path("1k"), requests)
                through = measure.latency(tool, port, peer.path("1k"), requests)
                samples[peer].append((through[0] - direct[0], through[2] - direct[2]))
            except (measure.LoadError, subprocess.TimeoutExpired) as error:
                note(f"latency {peer.name}: {error}")
    lab.stop_peers(started)
    note("measured latency")
    return {
        peer.name: dict(zip(("p50", "p99"), map(median, zip(*values))))
        for peer, values in samples.items()
        if values
    }


def keyed(lab):
    """{keys: {p50, p90, p99}}: POSTs at 1,000 a second, without and with an idempotency key, which
    is two synced records; in microseconds."""
    peer = next((peer for peer in lab.peers if peer.name == "outrigger"), None)
    if not peer or not (started := lab.start_peer(peer, "h1")):
        return {}
    process, port = started
    tool = str(lab.tools / "keyed")
    samples = {"without": [], "with": []}
    for _ in range(lab.arguments.rounds):
        for name, values in samples.items():
            try:
                seconds = lab.arguments.duration
                values.append(measure.keyed(tool, port, "/once/1k", 1000, seconds, name == "with"))
            except (measure.LoadError, subprocess.TimeoutExpired) as error:
                note(f"keyed {name}: {error}")
    lab.stop(process)
    note("measured keyed")
    return {
        name: dict(zip(("p50", "p90", "p99"), map(median, zip(*values))))
        for name, values in samples.items()
        if values
    }


def streams(lab):
    """{peer: {...}}: 1,000 streams with 10 events a second each, then up to 10,000 silent ones."""
    tool = str(lab.tools / "streams")
    most = min(10000, (lab.descriptors - 400) // 2)
    if most < 10000:
        note(f"descriptor limit {lab.descriptors}: {most} silent streams instead of 10000")
    results = {"silent_streams": most}
    for peer in lab.peers:
        if "h1" not in peer.modes:
            continue
        row = {}
        for key, count, path, seconds in (
            ("busy", 1000, "sse-100", lab.arguments.duration),
            ("silent", most, "sse", 1),
        ):
            if not (started := lab.start_peer(peer, "h1")):
                continue
            process, port = started
            before = measure.memory_bytes(process.pid)
            opened = measure.Streams(tool, port, peer.path(path), count, seconds)
            memory = measure.memory_bytes(process.pid)
            spent = measure.cpu_seconds(process.pid)
            events, lost = opened.finish()
            spent = measure.cpu_seconds(process.pid) - spent
            lab.stop(process)
            if opened.ready < count or lost:
                note(f"streams {peer.name}: {opened.ready} of {count} opened, {lost} lost")
                continue
            row[f"{key}_bytes"] = (memory - before) / count
            if key == "busy" and events:
                row["event_us"] = spent / events * 1e6
        results[peer.name] = row
    note("measured streams")
    return results


def start_time(lab):
    """{peer: {ms, memory}}: from the start to the first answer, and memory before any load."""
    results = {}
    for peer in lab.peers:
        if "h1" not in peer.modes:
            continue
        setting = lab.setting(peer, "h1")
        command = peer.command(setting, lab.tools)
        times, sizes = [], []
        for _ in range(3 if lab.arguments.quick else 7):
            process = measure.Process(command)
            lab.running.append(process)
            times.append(measure.first_answer_ms(process, setting.port, peer.path("1k")))
            sizes.append(measure.memory_bytes(process.pid))
            lab.stop(process)
        if None not in times:
            results[peer.name] = {"ms": median(times), "memory": median(sizes)}
    note("measured start")
    return results


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--only",
        default="",
        metavar="A,B",
        help="these proxies only: " + ", ".join(peer.name for peer in PEERS),
    )
    parser.add_argument("--sections", default=",".join(SECTIONS), help="default: %(default)s")
    parser.add_argument("--sizes", default=",".join(SIZES), help="default: %(default)s")
    parser.add_argument("--duration", type=int, default=3, metavar="SECONDS", help="of one load")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round of one second, 1 KiB only")
    parser.add_argument("--json", metavar="FILE", help="write the figures here too")
    parser.add_argument(
        "--tools",
        required=True,
        type=pathlib.Path,
        help="folder of the compiled tools, beside the binary (bench/run.sh gives it)",
    )
    given = parser.parse_args()
    given.sections = given.sections.split(",")
    given.sizes = given.sizes.split(",")
    if unknown := set(given.sections) - set(SECTIONS) | set(given.sizes) - set(SIZES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if given.quick:
        given.duration, given.rounds, given.sizes = 1, 1, ["1k"]
    return given


def main():
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    measures = {
        **{mode: lambda lab, mode=mode: throughput(lab, mode) for mode in report.MODE_NAMES},
        "refused": refused,
        "latency": added_latency,
        "keyed": keyed,
        "cache": caching.cache,
        "streams": streams,
        "start": start_time,
    }
    with tempfile.TemporaryDirectory(prefix="outrigger-bench-") as folder:
        os.chmod(folder, 0o755)
        lab = Lab(pathlib.Path(folder), given.tools.resolve(), given)
        try:
            lab.start_upstreams()
            results = {
                section: measures[section](lab) for section in SECTIONS if section in given.sections
            }
        finally:
            lab.stop_all()
    if given.json:
        pathlib.Path(given.json).write_text(json.dumps(results, indent=1) + "\n")
    report.print_all(results, measure.CORES)


if __name__ == "__main__":
    main()
