"""The kinds of routes of a run, and the proxy's configuration with them."""

import dataclasses

import upstream

SETTLE = 0.15  # seconds; more than upstream.LATEST_EFFECT
HORIZON = 1.0  # seconds; less than upstream.REMEMBERS
KEEPS = REMEMBERS = 1  # seconds, of what is brief


@dataclasses.dataclass(frozen=True)
class Route:
    name: str
    flavour: str  # of the upstream
    kinds: tuple  # of answers
    policy: str  # in the configuration
    weight: float = 1.0  # how often it is called
    once: bool = True  # a second effect does harm
    idempotency: str = "{}"
    brief: bool = False  # answers and keys are forgotten soon
    unknown: str = "never"  # `outcome_unknown` may be the last word: never, late or always
    path: str = "/v1/orders"


_JSON = ("small", "small", "small", "big")
_CHAT = "/v1/chat/completions"
_PROBE = (
    "replay: verify, verify: {get: '/ledger?key={idempotency-key}', found: {json: {/found: true}},"
    f" settle: {int(SETTLE * 1000)}ms}}"
)

ROUTES = {
    route.name: route
    for route in (
        Route("keyed", upstream.HONOURS, _JSON, "use: saas, replay: keyed", 3),
        Route(
            "keyedstream",
            upstream.HONOURS,
            ("stream",),
            "use: llm, replay: keyed",
            1.5,
            path=_CHAT,
        ),
        Route(
            "horizon",
            upstream.HORIZON,
            _JSON,
            "use: saas, replay: keyed",
            1.5,
            idempotency=f"{{upstream: {{horizon: {int(HORIZON)}s}}}}",
            unknown="late",
        ),
        Route("unsent", upstream.IGNORES, _JSON, "use: saas, replay: unsent", 2, unknown="always"),
        Route(
            "unsentstream",
            upstream.IGNORES,
            ("stream",),
            "use: llm, replay: unsent",
            unknown="always",
            path=_CHAT,
        ),
        Route(
            "brief",
            upstream.HONOURS,
            _JSON,
            "use: saas, replay: keyed",
            idempotency=f"{{keep: {KEEPS}s, remember: {REMEMBERS}s}}",
            brief=True,
        ),
        Route("verify", upstream.LATE, _JSON, f"use: saas, {_PROBE}", 2),
        Route(
            "llm", upstream.IGNORES, ("stream",), "use: llm, replay: safe", 2, once=False, path=_CHAT
        ),
    )
}


def some_policies(rng):
    """What may be set and changes nothing that is promised."""
    gone = rng.choice(("finish", "finish", "cancel", "{then: finish_if, bytes: 1KiB}"))
    commit = rng.choice(("first_event", "first_event", "on_complete", "head"))
    return [f"  on_client_gone: {gone}", f"  commit: {commit}"]


_OFF = "circuit_breaker: none, loop_guard: none, rate_limit: none, concurrency: none"
_HEDGE = "hedge: {after: 15ms, min: 15ms, budget: 50%}"


def configuration(rng, ports, store, key_variable, broken):
    """The text of the file. `key_variable`: the environment's variable with the store's key."""
    listen, health, admin, upstream_port = ports
    unsafe = {"keys": "none", "owner": "{owner: anyone}"}.get(broken)
    sealed = f', encryption_key: "${{{key_variable}}}"' if key_variable else ""
    lines = [
        "version: 1",
        f"server: {{listen: 127.0.0.1:{listen}, health: 127.0.0.1:{health},",
        f"  admin: 127.0.0.1:{admin}, workers: {rng.choice((1, 2, 2, 3))}, drain: {{announce: 0s}}, watch: false}}",
        f"store: {{path: {store}{sealed}}}",
        "defaults:",
        "  retry: {max_attempts: 3, backoff: {base: 10ms, max: 50ms},",
        "    backoff_for: {overloaded: {base: 10ms, max: 50ms}}, budget: none}",
        *some_policies(rng),
        "upstreams:",
    ]
    for route in ROUTES.values():
        url = f"http://127.0.0.1:{upstream_port}/{route.name}"
        lines.append(f"  {route.name}: {{url: {url}, {_OFF},")
        hedge = f"{_HEDGE}, " if not route.once and rng.random() < 0.5 else ""
        lines.append(f"    {hedge}{route.policy}, idempotency: {unsafe or route.idempotency}}}")
    return "\n".join(lines) + "\n"
