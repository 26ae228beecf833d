"""What a cache costs: an answer that is there, beside other caches and the floor, and one that is
not, beside the same proxy without a cache."""

import dataclasses
import pathlib
import subprocess
import time

import measure
from lab import UPSTREAM, note

SCRIPTS = pathlib.Path(__file__).resolve().parent / "tools"
SIZES = ("1k", "64k")
# Who asks the upstream for each answer makes it work for several microseconds; what it does in a
# second where nobody asks is less than that.
ASKED_US, IDLE_US = 1.0, 3000


@dataclasses.dataclass(frozen=True)
class Contender:
    name: str
    process: measure.Process
    load: object  # seconds -> requests done, and a second
    asks: bool  # the upstream, for each answer


def upstream_cpu(lab):
    return measure.cpu_seconds(lab.upstream.pid)


def cost(lab, contender, seconds):
    """CPU of a request in microseconds, and requests a second."""
    before, before_upstream = measure.cpu_seconds(contender.process.pid), upstream_cpu(lab)
    done, rate = contender.load(seconds)
    spent = measure.cpu_seconds(contender.process.pid) - before
    upstream_us = (upstream_cpu(lab) - before_upstream) * 1e6
    asked = upstream_us > IDLE_US * seconds + ASKED_US * done
    if asked != contender.asks:
        raise measure.LoadError("the upstream was asked" if asked else "the answers were stored")
    return spent / done * 1e6, rate


def rest(process, seconds=10):
    """Until the process has nothing more to do: what it puts on disk, it puts there later."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        before = measure.cpu_seconds(process.pid)
        time.sleep(0.2)
        if measure.cpu_seconds(process.pid) - before < 0.004:
            return


def compare(lab, contenders):
    """{name: {cpu_us, rate}}: lists of one figure a round, None where it failed."""
    results = {contender.name: {"cpu_us": [], "rate": []} for contender in contenders}
    for _ in range(lab.arguments.rounds):
        for contender in contenders:
            figures = None, None
            try:
                contender.load(1)
                rest(contender.process)
                figures = cost(lab, contender, lab.arguments.duration)
                rest(contender.process)
            except (measure.LoadError, subprocess.TimeoutExpired) as error:
                note(f"cache {contender.name}: {error}")
            for key, figure in zip(("cpu_us", "rate"), figures):
                results[contender.name][key].append(figure)
    return results


def hit_load(mode, url):
    if mode == "cache_h2":
        return lambda seconds: measure.h2load(url, seconds, 8, 8)
    return lambda seconds: measure.wrk(url, seconds, 64)


def hits(lab, mode):
    """{size: {peer: …}}"""
    started = lab.start_peers(mode)
    results = {}
    for size in SIZES:
        if size not in lab.arguments.sizes:
            continue
        results[size] = compare(
            lab,
            [
                Contender(
                    peer.name,
                    process,
                    hit_load(mode, f"http://127.0.0.1:{port}{peer.path('kept-' + size)}"),
                    asks=peer.name == "floor",
                )
                for peer, (process, port) in started.items()
            ],
        )
        note(f"measured {mode} {size}")
    lab.stop_peers(started)
    return results


def prompt(lab):
    """{peer: …}: the floor relays it and its answer, Outrigger has the answer."""
    script = str(SCRIPTS / "prompt.lua")
    started = lab.start_peers("cache", ("floor", "outrigger"))
    results = compare(
        lab,
        [
            Contender(
                peer.name,
                process,
                lambda seconds, url=f"http://127.0.0.1:{port}/prompts/v1/chat/completions": (
                    measure.wrk(url, seconds, 64, script=script)
                ),
                asks=peer.name == "floor",
            )
            for peer, (process, port) in started.items()
        ],
    )
    lab.stop_peers(started)
    note("measured prompts")
    return results


def misses(lab):
    """{size: {kind: {cpu_us, rate, p50}}}: URLs that never come again, without a cache and with one
    in memory only and on disk too."""
    memory = lab.start_peers("cache_memory", ("outrigger",))
    disk = lab.start_peers("cache", ("outrigger",), aside=1)
    results = {}
    kinds = []
    for name, started, upstream in (
        ("none", memory, "plain"),
        ("memory", memory, "bench"),
        ("disk", disk, "bench"),
    ):
        kinds += [(name, process, port, upstream) for process, port in started.values()]
    for size in SIZES:
        if size not in lab.arguments.sizes:
            continue
        results[size] = compare(
            lab,
            [
                Contender(
                    name,
                    process,
                    lambda seconds, url=f"http://127.0.0.1:{port}/{upstream}/kept-{size}": (
                        measure.wrk(url, seconds, 64, script=str(SCRIPTS / "fresh.lua"))
                    ),
                    asks=True,
                )
                for name, process, port, upstream in kinds
            ],
        )
        note(f"measured misses {size}")
    if "1k" in results:
        miss_latency(lab, kinds, results["1k"])
    for started in (memory, disk):
        lab.stop_peers(started)
    return results


def miss_latency(lab, kinds, results):
    """One connection, one request at a time: `p50` in microseconds, a round each, and of the direct
    call."""
    tool = str(lab.tools / "latency")
    requests = 1000 if lab.arguments.quick else 5000
    direct = [("direct", None, UPSTREAM, "plain")]
    results["direct"] = {"cpu_us": [], "rate": []}
    for row in results.values():
        row["p50"] = []
    for _ in range(lab.arguments.rounds):
        for name, process, port, upstream in direct + kinds:
            figure = None
            try:
                figure = measure.latency(tool, port, f"/{upstream}/kept-1k?*", requests)[0]
                if process:
                    rest(process)
            except (measure.LoadError, subprocess.TimeoutExpired) as error:
                note(f"miss latency {name}: {error}")
            results[name]["p50"].append(figure)


def cache(lab):
    return {
        "hits": hits(lab, "cache"),
        "hits_h2": hits(lab, "cache_h2"),
        "prompt": prompt(lab),
        "misses": misses(lab),
    }
