"""The proxies of the comparison: each passes requests to one upstream, with one worker.

Modes: "h1" is HTTP/1.1 on both sides, "h2" is HTTP/2 without TLS on both sides, "tls" is HTTP/1.1
over TLS from the client and plain HTTP/1.1 to the upstream, "cache" and "cache_h2" are a cache
before an upstream of HTTP/1.1, for clients of either protocol, and "cache_memory" is one without a
disk. None of the others writes an access log or counts metrics (but Varnish, both in shared
memory); Outrigger does both.
"""

import dataclasses
import json
import pathlib
import shutil


@dataclasses.dataclass(frozen=True)
class Setting:
    """What a peer is started with."""

    mode: str
    port: int
    upstream_port: int
    folder: pathlib.Path
    certificate: pathlib.Path
    key: pathlib.Path
    descriptors: int


def floor(s, tools):
    return [str(tools / "floor"), str(s.port), str(s.upstream_port)]


def nginx(s, tools):
    folder = s.folder / "nginx"
    folder.mkdir(exist_ok=True)
    caches = s.mode in ("cache", "cache_h2")
    kept = f"proxy_cache_path {folder}/kept levels=1:2 keys_zone=kept:32m use_temp_path=off;"
    files = "open_file_cache max=10000;"
    listens = {"tls": "ssl", "cache_h2": "http2"}.get(s.mode, "")
    tls = f"ssl_certificate {s.certificate}; ssl_certificate_key {s.key};"
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; worker_rlimit_nofile {s.descriptors};
pid {folder}/pid; error_log {folder}/error.log crit;
events {{ worker_connections {2 * s.descriptors}; }}  # it closes streams at 15/16 of them
http {{
  access_log off; {temporary}
  {kept + files if caches else ""}
  keepalive_requests 100000000;
  upstream bench {{
    server 127.0.0.1:{s.upstream_port}; keepalive 512; keepalive_requests 100000000;
  }}
  server {{
    listen 127.0.0.1:{s.port} {listens} backlog=4096;
    {tls if s.mode == "tls" else ""}
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_read_timeout 10m;
    location / {{ proxy_pass http://bench; {"proxy_cache kept;" if caches else ""} }}
    location ~ /sse {{ proxy_pass http://bench; proxy_buffering off; }}
  }}
}}
""")
    return ["nginx", "-c", f"{folder}/nginx.conf", "-p", str(folder)]


def haproxy(s, tools):
    pem = s.folder / "haproxy.pem"
    pem.write_text(s.certificate.read_text() + s.key.read_text())
    front = {"tls": f"ssl crt {pem}", "h2": "proto h2", "cache_h2": "proto h2"}.get(s.mode, "")
    caches = s.mode in ("cache", "cache_h2")
    kept = "cache kept\n  total-max-size 256\n  max-object-size 1048576\n  max-age 3600"
    use = "http-request cache-use kept\n  http-response cache-store kept"
    (s.folder / "haproxy.cfg").write_text(f"""
global
  nbthread 1
  maxconn {(s.descriptors - 100) // 2}
defaults
  mode http
  timeout connect 5s
  timeout client 10m
  timeout server 10m
  option http-keep-alive
  http-reuse always
{kept if caches else ""}
frontend f
  bind 127.0.0.1:{s.port} {front} backlog 4096
  default_backend b
backend b
  server u 127.0.0.1:{s.upstream_port} {"proto h2" if s.mode == "h2" else ""}
  {use if caches else ""}
""")
    return ["haproxy", "-db", "-f", str(s.folder / "haproxy.cfg")]


def nghttpx(s, tools):
    front = f"127.0.0.1,{s.port}" + ("" if s.mode == "tls" else ";no-tls")
    back = f"127.0.0.1,{s.upstream_port}" + (";/;proto=h2" if s.mode == "h2" else "")
    command = [
        "nghttpx",
        f"--frontend={front}",
        f"--backend={back}",
        "--workers=1",
        "--single-process",
        "--conf=/dev/null",
        "--no-ocsp",
        "--errorlog-file=/dev/null",
        "--accesslog-file=",
        "--backend-read-timeout=10m",
        "--frontend-read-timeout=10m",
        "--backlog=4096",
        f"--rlimit-nofile={s.descriptors}",
    ]
    return command + ([str(s.key), str(s.certificate)] if s.mode == "tls" else [])


def varnish(s, tools):
    """A thread serves a connection as long as it is busy, so one core has many."""
    folder = s.folder / "varnish"
    parameters = ("thread_pools=1", "thread_pool_min=100", "listen_depth=4096", "feature=+http2")
    listen = ["-a", f"127.0.0.1:{s.port}", "-b", f"127.0.0.1:{s.upstream_port}", "-T", "none"]
    options = ["-F", "-j", "none", "-n", str(folder), "-s", "malloc,256m"]
    return ["varnishd", *options, *listen, *(word for p in parameters for word in ("-p", p))]


def envoy_type(name, **fields):
    return {"@type": f"type.googleapis.com/envoy.extensions.{name}", **fields}


def envoy_address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def envoy_listener(s):
    route = {"match": {"prefix": "/"}, "route": {"cluster": "bench", "timeout": "0s"}}
    router = envoy_type("filters.http.router.v3.Router")
    manager = envoy_type(
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="bench",
        codec_type="AUTO",
        stream_idle_timeout="600s",
        route_config={"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        http_filters=[{"name": "envoy.filters.http.router", "typed_config": router}],
    )
    name = "envoy.filters.network.http_connection_manager"
    chain = {"filters": [{"name": name, "typed_config": manager}]}
    if s.mode == "tls":
        chain_file, key_file = {"filename": str(s.certificate)}, {"filename": str(s.key)}
        context = envoy_type(
            "transport_sockets.tls.v3.DownstreamTlsContext",
            common_tls_context={
                "tls_certificates": [{"certificate_chain": chain_file, "private_key": key_file}]
            },
        )
        chain["transport_socket"] = {"name": "envoy.transport_sockets.tls", "typed_config": context}
    return {"name": "bench", "address": envoy_address(s.port), "filter_chains": [chain]}


def envoy_cluster(s):
    many = {"max_connections": 40000, "max_pending_requests": 40000, "max_requests": 40000}
    endpoint = {"endpoint": {"address": envoy_address(s.upstream_port)}}
    cluster = {
        "name": "bench",
        "type": "STATIC",
        "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [many]},
        "load_assignment": {"cluster_name": "bench", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    if s.mode == "h2":
        options = envoy_type(
            "upstreams.http.v3.HttpProtocolOptions",
            explicit_http_config={"http2_protocol_options": {}},
        )
        name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
        cluster["typed_extension_protocol_options"] = {name: options}
    return cluster


def envoy(s, tools):
    resources = {"listeners": [envoy_listener(s)], "clusters": [envoy_cluster(s)]}
    config = s.folder / "envoy.json"
    config.write_text(json.dumps({"static_resources": resources}))
    options = "--concurrency 1 --log-level error --disable-hot-restart"
    return ["envoy", "-c", str(config), *options.split()]


SICK_PATH = "/sick/1k"  # of an upstream where nobody listens: the first call opens its breaker


def outrigger_upstreams(s):
    return f"""
  bench:
    use: http
    url: http://127.0.0.1:{s.upstream_port}
    protocol: {"http2" if s.mode == "h2" else "http1"}
    pool: {{connections: 40000}}
  once:
    use: http
    url: http://127.0.0.1:{s.upstream_port}
    pool: {{connections: 40000}}
    idempotency: {{}}
  sick:
    use: http
    url: http://127.0.0.1:{s.port + 3}
    circuit_breaker: {{failures_in_a_row: 1, open: {{first: 1h, max: 1h}}}}
"""


def outrigger_caches(s):
    """`bench` with a cache, `plain` without one, and the prompts of a model."""
    return f"""
  bench:
    use: saas
    url: http://127.0.0.1:{s.upstream_port}
    pool: {{connections: 40000}}
    cache: {{}}
  plain:
    use: saas
    url: http://127.0.0.1:{s.upstream_port}
    pool: {{connections: 40000}}
  prompts:
    use: openai
    url: http://127.0.0.1:{s.upstream_port}
    cache: {{ttl: 1h}}
"""


def outrigger(s, tools):
    config = s.folder / f"outrigger-{s.port}.yaml"
    tls = (
        f"\n  tls: {{certificate_file: {s.certificate}, key_file: {s.key}}}"
        if s.mode == "tls"
        else ""
    )
    disk = ", cache: {disk: none}" if s.mode == "cache_memory" else ""
    caches = s.mode.startswith("cache")
    config.write_text(f"""version: 1
server:
  listen: 127.0.0.1:{s.port}
  health: 127.0.0.1:{s.port + 1}
  admin: 127.0.0.1:{s.port + 2}
  workers: 1
  access_log: {{path: {s.folder}/access-{s.port}.log}}
  limits: {{connections: 40000, connections_per_client: 40000}}{tls}
store: {{path: {s.folder}/data-{s.port}{disk}}}
upstreams:
{outrigger_caches(s) if caches else outrigger_upstreams(s)}
""")
    return [str(tools.parent / "outrigger"), "run", str(config)]


@dataclasses.dataclass(frozen=True)
class Peer:
    name: str
    command: object  # Setting, folder of the tools -> arguments
    modes: tuple
    program: str = ""  # looked for on PATH; empty: it is built here

    def missing(self, tools):
        """Why it cannot take part, or None."""
        if self.program:
            return None if shutil.which(self.program) else "not installed"
        binary = tools / "floor" if self.name == "floor" else tools.parent / "outrigger"
        return None if binary.exists() else "not built"

    def path(self, name):
        """Every peer is asked for the same path; Outrigger serves the upstream under its name."""
        return f"/bench/{name}"


PEERS = (
    Peer("floor", floor, ("h1", "h2", "cache")),
    Peer("outrigger", outrigger, ("h1", "h2", "tls", "cache", "cache_h2", "cache_memory")),
    Peer("nginx", nginx, ("h1", "tls", "cache", "cache_h2"), "nginx"),
    Peer("haproxy", haproxy, ("h1", "h2", "tls", "cache", "cache_h2"), "haproxy"),
    Peer("nghttpx", nghttpx, ("h1", "h2", "tls"), "nghttpx"),
    Peer("envoy", envoy, ("h1", "h2", "tls"), "envoy"),
    Peer("varnish", varnish, ("cache", "cache_h2"), "varnishd"),
)


def h2_upstream(port, folder):
    """nginx as an HTTP/2 server of files, for the mode h2."""
    files = folder / "upstream"
    files.mkdir(exist_ok=True)
    for name, size in (("1k", 1024), ("64k", 65536), ("1m", 1048576)):
        (files / name).write_text("x" * size)
    temporary = " ".join(
        f"{kind}_temp_path {files}/.{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (files / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; pid {files}/pid; error_log {files}/error.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; {temporary}
  keepalive_requests 100000000; open_file_cache max=10; sendfile on; default_type application/json;
  http2_max_concurrent_streams 1024;
  server {{
    listen 127.0.0.1:{port} http2;
    location ~ "^/(?:bench/)?(1k|64k|1m)$" {{ alias {files}/$1; }}
  }}
}}
""")
    return ["nginx", "-c", f"{files}/nginx.conf", "-p", str(files)]
