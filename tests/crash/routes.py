"""The kinds of routes of a run, and the proxy's configuration with them."""

import dataclasses

import upstream

KEY_VARIABLE = "CRASH_STORE_KEY"
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
    resumes: bool = False  # a client goes on where its stream was cut
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
            "resumed",
            upstream.IGNORES,
            ("stream",),
            "use: llm, replay: safe",
            1.5,
            once=False,
            path=_CHAT,
            idempotency="{resume: true}",
            resumes=True,
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
            "llm",
            upstream.IGNORES,
            ("stream",),
            "use: llm, replay: safe",
            2,
            once=False,
            path=_CHAT,
        ),
    )
}


# Only the proxy's own crashes are tried, and nothing waits for long.
_ALL = (
    "circuit_breaker: none, loop_guard: none, rate_limit: none, concurrency: none, retry:"
    " {max_attempts: 3, backoff: {base: 10ms, max: 50ms}, budget: none,"
    " backoff_for: {overloaded: {base: 10ms, max: 50ms}}}"
)
_HEDGE = "hedge: {after: 15ms, min: 15ms, budget: 50%}"


def some_policies(rng):
    """What may be set and changes nothing that is promised."""
    gone = rng.choice(("finish", "finish", "cancel", "{then: finish_if, bytes: 1KiB}"))
    commit = rng.choice(("first_event", "first_event", "on_complete", "head"))
    return f"on_client_gone: {gone}, commit: {commit}"


def configuration(rng, routes, ports, store, sealed, broken):
    """The text of the file. `sealed`: by the key in the environment's KEY_VARIABLE."""
    listen, health, admin, upstream_port = ports
    unsafe = {"keys": "none", "owner": "{owner: anyone}"}.get(broken)
    key = f', encryption_key: "${{{KEY_VARIABLE}}}"' if sealed else ""
    lines = [
        "version: 1",
        "server:",
        f"  listen: 127.0.0.1:{listen}",
        f"  health: 127.0.0.1:{health}",
        f"  admin: 127.0.0.1:{admin}",
        f"  workers: {rng.choice((1, 2, 2, 3))}",
        "  drain: {announce: 0s}",
        "  watch: false",
        f"store: {{path: {store}{key}}}",
        "upstreams:",
    ]
    for route in routes:
        hedge = f", {_HEDGE}" if not route.once and rng.random() < 0.5 else ""
        lines += [
            f"  {route.name}:",
            f"    {{{route.policy}, url: http://127.0.0.1:{upstream_port}/{route.name},",
            f"    idempotency: {unsafe or route.idempotency}, {some_policies(rng)}{hedge},",
            f"    {_ALL}}}",
        ]
    return "\n".join(lines) + "\n"
