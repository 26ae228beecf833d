"""The process that is killed."""

import asyncio
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess


def free_ports(number):
    """Below those that the system gives to outgoing connections, which would take one while the
    proxy is down."""
    ports = []
    while len(ports) < number:
        port = random.randint(15000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return ports


COMPILERS = ("clang++-19", "clang++", "c++")


def build_hold_writes(folder):
    """What makes a kill lose what was not synced; None: there is no compiler."""
    compiler = next((each for each in COMPILERS if shutil.which(each)), None)
    if compiler is None:
        return None
    source = pathlib.Path(__file__).with_name("hold_writes.cc")
    library = folder / "hold_writes.so"
    command = [compiler, "-std=c++20", "-O1", "-shared", "-fPIC", str(source), "-o", str(library)]
    subprocess.run(command, check=True)
    return library


class Proxy:
    def __init__(self, binary, folder, port, environment):
        self.binary = str(binary)
        self.config = folder / "outrigger.yaml"
        self.store = folder / "store"
        self.log = folder / "log"
        self.port = port
        self.up = asyncio.Event()
        self._environment = environment
        self._disk = {}  # what makes the disk another one for the process that serves
        self._process = None
        self._exited = None
        self._killed = self._stopping = False

    def lose_unsynced(self, library, lies):
        self._disk = {"LD_PRELOAD": str(library), "CRASH_HELD_FOLDER": str(self.store)}
        if lies:
            self._disk["CRASH_LYING_DISK"] = "yes"

    def spawn(self):
        self._killed = self._stopping = False
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                [self.binary, "run", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**self._environment, **self._disk},
                close_fds=True,
            )
        loop = asyncio.get_running_loop()
        exited = self._exited = loop.create_future()
        watch = os.pidfd_open(self._process.pid)

        def ended():
            loop.remove_reader(watch)
            os.close(watch)
            self.up.clear()
            exited.set_result(self._process.wait())

        loop.add_reader(watch, ended)

    async def ready(self):
        """Waits until it listens; False: it ended before."""
        while not self._exited.done():
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                if self._killed:
                    return False
                self.up.set()
                return True
            except OSError:
                await asyncio.sleep(0.003)
        return False

    def drain(self):
        """Asks it to stop, which it may have done when it is killed."""
        self._stopping = True
        self.up.clear()
        self._process.send_signal(signal.SIGTERM)

    def kill(self):
        """True: it ran until now."""
        if self._killed or self._exited is None or self._exited.done():
            return False
        self._killed = True
        self.up.clear()
        self._process.send_signal(signal.SIGKILL)
        return True

    async def gone(self):
        """None, or how it died by itself."""
        code = await asyncio.shield(self._exited)
        ours = (self._killed and code == -signal.SIGKILL) or (self._stopping and code == 0)
        return None if ours else code

    def command(self, *arguments):
        return subprocess.run(
            [self.binary, *arguments, str(self.config)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=self._environment,
            check=False,
        )

    def tail(self):
        return pathlib.Path(self.log).read_text(errors="replace")[-800:]
