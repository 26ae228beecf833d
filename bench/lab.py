"""Where the comparison takes place: upstreams, a certificate, and the proxies while they run."""

import os
import subprocess
import sys

import measure
from peers import PEERS, Setting, h2_upstream

BASE_PORT = 24100
UPSTREAM, UPSTREAM_H2, FIRST_PEER = BASE_PORT, BASE_PORT + 1, BASE_PORT + 10


class Lab:
    """Owns every process that is started here; all of them end with it."""

    def __init__(self, folder, tools, arguments):
        self.folder, self.tools, self.arguments = folder, tools, arguments
        self.descriptors = measure.raise_descriptor_limit()
        self.running = []
        if (busy := os.getloadavg()[0]) > 0.5:
            note(f"the machine is busy (load {busy:.1f}): latency and requests/s will be off")
        self.certificate, self.key = folder / "certificate.pem", folder / "key.pem"
        request = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1"
        files = ["-subj", "/CN=localhost", "-keyout", str(self.key), "-out", str(self.certificate)]
        subprocess.run([*request.split(), *files], check=True, capture_output=True)
        wanted = set(filter(None, arguments.only.split(",")))
        self.peers = []
        for peer in PEERS:
            if wanted and peer.name not in wanted:
                continue
            if reason := peer.missing(tools):
                note(f"{peer.name}: {reason}, left out")
            else:
                self.peers.append(peer)

    def start(self, command, port, cores):
        if measure.answers(port):
            sys.exit(f"error: port {port} is in use; does another comparison run?")
        process = measure.Process(command, cores, self.folder / f"{port}.log")
        self.running.append(process)
        if measure.wait_for_port(port, process):
            return process
        self.stop(process)
        log = (self.folder / f"{port}.log").read_text(errors="replace").strip()
        note(f"did not start: {' '.join(command)}\n{log[-1500:]}")
        return None

    def stop(self, process):
        process.stop()
        self.running.remove(process)

    def stop_all(self):
        for process in list(self.running):
            self.stop(process)

    def start_upstreams(self):
        commands = {UPSTREAM: [str(self.tools / "upstream"), str(UPSTREAM)]}
        if "h2" in self.arguments.sections:
            commands[UPSTREAM_H2] = h2_upstream(UPSTREAM_H2, self.folder)
        for port, command in commands.items():
            process = self.start(command, port, measure.LOAD_CORES)
            if not process:
                sys.exit("error: the upstream did not start")
            if port == UPSTREAM:
                self.upstream = process

    def setting(self, peer, mode, aside=0):
        """Of a second process of the same peer, `aside` is 1."""
        place = [candidate.name for candidate in PEERS].index(peer.name)
        port = FIRST_PEER + 10 * place + 5 * aside
        upstream = UPSTREAM_H2 if mode == "h2" else UPSTREAM
        files = (self.folder, self.certificate, self.key)
        return Setting(mode, port, upstream, *files, self.descriptors)

    def start_peer(self, peer, mode, aside=0):
        """The running proxy and its port, or None."""
        setting = self.setting(peer, mode, aside)
        process = self.start(peer.command(setting, self.tools), setting.port, measure.PROXY_CORES)
        return (process, setting.port) if process else None

    def start_peers(self, mode, names=None, aside=0):
        """{peer: (process, port)}: all that know the mode, or those of them with these names."""
        return {
            peer: process
            for peer in self.peers
            if mode in peer.modes and (names is None or peer.name in names)
            if (process := self.start_peer(peer, mode, aside))
        }

    def stop_peers(self, started):
        for process, _ in started.values():
            self.stop(process)


def note(text):
    print(text, file=sys.stderr, flush=True)
