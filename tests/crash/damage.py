"""Ways to break what a run is about, each with what has to notice it: a check that cannot fail
proves nothing."""

import random
import shutil

# What is broken -> the invariants of which one must be violated.
WAYS = {
    "twice": {"I2"},  # the upstream executes twice now and then
    "ignore": {"I2"},  # it ignores keys where the configuration says that it honours them
    "keys": {"I1", "I2"},  # the proxy is told to ignore keys
    "owner": {"I4"},  # and to let everybody share them
    "truncate": {"I8"},  # answers that lack their end and say they do not
    "amnesia": {"I1", "I2"},  # the store is gone after a kill
    "rollback": {"I1", "I2", "I5"},  # it is an older one
    "disk": {"I1", "I2"},  # what it says it has synced is not all
    "rot": {"I9"},  # a byte of it is another
    "torn": {"I1", "I9"},  # the end of its log is gone
    "leak": {"I10"},  # it has a credential
}


class Damage:
    """What happens to the store between two processes."""

    def __init__(self, way, store, secret):
        self._way = way
        self._store = store
        self._secret = secret
        self._kills = 0
        self._acts = {
            "amnesia": self._forget,
            "rollback": self._roll_back,
            "rot": self._rot,
            "torn": self._tear,
            "leak": self._leak,
        }

    def strike(self):
        self._kills += 1
        act = self._acts.get(self._way)
        if act is not None and self._kills % 5 == 0:
            act(self._store / "state")

    def _forget(self, state):
        shutil.rmtree(state, ignore_errors=True)

    def _roll_back(self, state):
        older = state.with_name("older")
        if older.exists():
            shutil.rmtree(state)
            shutil.copytree(older, state)
        else:
            shutil.copytree(state, older)

    def _rot(self, state):
        log = max(state.glob("*.log"))
        data = bytearray(log.read_bytes())
        if len(data) > 4000:
            data[random.randrange(1000, len(data) - 1000)] ^= 1
            log.write_bytes(data)

    def _tear(self, state):
        log = max(state.glob("*.log"))
        data = log.read_bytes()
        log.write_bytes(data[: len(data) // 2])

    def _leak(self, state):
        (state / "note").write_text(self._secret)
