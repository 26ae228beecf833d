"""What one measurement is: pinned processes, load of bounded length, and what it cost."""

import os
import re
import resource
import signal
import socket
import subprocess
import time

CORES = os.cpu_count() or 1
# The proxy under test has one core for itself; the upstream and the load share the others.
PROXY_CORES = "1" if CORES > 1 else "0"
LOAD_CORES = "0" if CORES <= 2 else f"0,2-{CORES - 1}"
LIMIT_S = 120


def raise_descriptor_limit(wanted=200000):
    """Returns what we got: who may not go beyond the hard limit stays there."""
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
    except (ValueError, PermissionError):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class Process:
    """A server that ends with this object, and with this program whatever happens to it."""

    def __init__(self, command, cores=None, log=None):
        wrapped = ["setpriv", "--pdeathsig", "TERM", *command]
        if cores:
            wrapped = ["taskset", "-c", cores, *wrapped]
        self.log = open(log, "wb") if log else subprocess.DEVNULL
        self.started = time.monotonic()
        self.child = subprocess.Popen(
            wrapped,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )

    @property
    def pid(self):
        return self.child.pid

    def running(self):
        return self.child.poll() is None

    def stop(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:
                break
            try:
                self.child.wait(3)
                break
            except subprocess.TimeoutExpired:
                continue
        if self.log is not subprocess.DEVNULL:
            self.log.close()


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for_port(port, process, seconds=15):
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.running():
        if answers(port):
            return True
        time.sleep(0.02)
    return False


def first_answer_ms(process, port, path, seconds=10):
    """From the start of the process to the first whole answer of 200 through it, in ms."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.running():
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
                connection.sendall(request)
                if connection.recv(64).startswith(b"HTTP/1.1 200"):
                    return (time.monotonic() - process.started) * 1e3
        except OSError:
            pass
        time.sleep(0.0005)
    return None


def tree(pid):
    """The process and all below it."""
    found, todo = [], [pid]
    while todo:
        process = todo.pop()
        found.append(process)
        try:
            for thread in os.listdir(f"/proc/{process}/task"):
                with open(f"/proc/{process}/task/{thread}/children") as children:
                    todo += map(int, children.read().split())
        except OSError:
            pass
    return found


def cpu_seconds(pid):
    """User and system time of the tree: the scheduler's own count, else the ticks of stat."""
    total = 0.0
    for process in tree(pid):
        try:
            for thread in os.listdir(f"/proc/{process}/task"):
                with open(f"/proc/{process}/task/{thread}/schedstat") as counts:
                    total += int(counts.read().split()[0]) / 1e9
        except FileNotFoundError:
            try:
                with open(f"/proc/{process}/stat") as stat:
                    fields = stat.read().rpartition(")")[2].split()
                total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            except OSError:
                pass
        except OSError:
            pass
    return total


def memory_bytes(pid):
    """Proportional set size of the tree; resident size where the kernel does not tell it."""
    total = 0
    for process in tree(pid):
        for name, key in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
            try:
                with open(f"/proc/{process}/{name}") as lines:
                    total += (
                        next(int(line.split()[1]) for line in lines if line.startswith(key)) * 1024
                    )
                break
            except (OSError, StopIteration):
                continue
    return total


def run(command):
    return subprocess.run(
        ["taskset", "-c", LOAD_CORES, *command], capture_output=True, text=True, timeout=LIMIT_S
    )


class LoadError(Exception):
    """The load tool did not get the answers that it asked for."""


def wrk(url, seconds, connections, refused=False, script=None):
    """Requests done and requests a second over keep-alive HTTP/1.1 connections. With `refused`,
    every one must be answered with an error. A script says what is sent; its argument is another
    one in each run."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "5s"]
    if script:
        command += ["-s", script]
    out = run([*command, url, "--", str(time.monotonic_ns())]).stdout
    done = re.search(r"(\d+) requests in", out)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    bad = re.search(r"Socket errors: .*", out)
    if not done or not rate or int(done[1]) == 0 or bad:
        raise LoadError(bad[0] if bad else "no answers")
    if (int(errors[1]) if errors else 0) != (int(done[1]) if refused else 0):
        raise LoadError(errors[0] if errors else "none was refused")
    return int(done[1]), float(rate[1])


def h2load(url, seconds, connections, streams):
    """The same over HTTP/2 with several streams a connection."""
    out = run(
        ["h2load", "-D", str(seconds), "-c", str(connections), "-m", str(streams), url]
    ).stdout
    counts = re.search(r"(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored", out)
    rate = re.search(r"finished in [\d.]+\w+, ([\d.]+) req/s", out)
    codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", out)
    if not counts or not rate or int(counts[2]) == 0 or int(codes[3]) + int(codes[4]) > 0:
        raise LoadError(codes[0] if codes else "no answers")
    return int(counts[2]), float(rate[1])


def latency(tool, port, path, requests):
    """50th, 90th and 99th percentile in microseconds, one request at a time on one connection."""
    out = run([tool, str(port), path, str(requests)])
    if out.returncode != 0:
        raise LoadError(out.stderr.strip())
    return [float(value) for value in out.stdout.split()]


def keyed(tool, port, path, rate, seconds, keys):
    """The same percentiles, of POSTs at a steady rate, with a key of its own each or with none."""
    out = run([tool, str(port), path, str(rate), str(seconds), str(int(keys))])
    if out.returncode != 0:
        raise LoadError(out.stderr.strip())
    return [float(value) for value in out.stdout.split()]


class Streams:
    """Event streams that stay open. `ready` is how many had an event when the object is there."""

    def __init__(self, tool, port, path, count, seconds):
        self.child = subprocess.Popen(
            ["taskset", "-c", LOAD_CORES, tool, str(port), path, str(count), str(seconds)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        words = self.child.stdout.readline().split()
        self.ready = int(words[1]) if len(words) > 1 else 0

    def finish(self):
        """Events that came meanwhile, and streams lost."""
        words = self.child.communicate(timeout=LIMIT_S)[0].split()
        return (int(words[1]), int(words[3])) if len(words) == 4 else (0, -1)
