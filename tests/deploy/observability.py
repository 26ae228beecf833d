#!/usr/bin/python3
"""The alerts and the dashboard of deploy/ are valid, ask only for what the proxy tells, and an idle
proxy sets off none. Needs promtool. observability.py BINARY"""

import contextlib
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import yaml

sys.dont_write_bytecode = True  # leave no __pycache__ in the tree
import promql

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy/prometheus/alerts.yaml"
TESTS = ROOT / "deploy/prometheus/alerts_test.yaml"
DASHBOARD = ROOT / "deploy/grafana/outrigger.json"

CONFIGURATION = """
version: 1
server: {{listen: 127.0.0.1:{0}, health: 127.0.0.1:{1}, admin: 127.0.0.1:{2}, workers: 1}}
store: {{path: {3}}}
upstreams:
  openai: {{use: openai, credentials: {{keys: ["${{KEY}}"]}}, cache: 10m, idempotency: {{}}}}
  erp: {{use: saas, url: "http://127.0.0.1:9", rate_limit: {{requests: 10/s}}}}
"""

failed = False


def check(promise, complaints):
    global failed
    complaints = list(complaints)
    print("FAIL" if complaints else "pass", f"observability: {promise}")
    for complaint in complaints[:20]:
        print("     " + complaint.replace("\n", "\n     "))
    failed = failed or bool(complaints)


def promtool(*arguments):
    """What it complains of."""
    run = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True)
    said = [line for line in (run.stdout + run.stderr).splitlines() if line.strip()]
    return [] if run.returncode == 0 else said


# ---- the rules ----


def all_rules():
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def all_alerts():
    return {rule["alert"]: rule for rule in all_rules() if "alert" in rule}


def with_recordings(known):
    """The metrics, and what the rules make of them."""
    known = known | promql.FOREIGN
    for rule in all_rules():
        if "record" in rule:
            known[rule["record"]] = promql.groupings(rule["expr"])
    return known


def unknown_in_rules(known, literals):
    for rule in all_rules():
        for complaint in promql.complaints(rule["expr"], known, literals):
            yield f"{rule.get('alert') or rule['record']}: {complaint}"


def unknown_in_tests(known, literals):
    for block in yaml.safe_load(TESTS.read_text())["tests"]:
        for series in block["input_series"]:
            expression = re.sub(r'upstream="\w+"', 'upstream="$"', series["series"])
            expression = re.sub(r'endpoint="[^"]*"', 'endpoint="$"', expression)
            for complaint in promql.complaints(expression, known, literals):
                yield f"{block['name']}: {complaint}"


def untold(binary, known):
    """Alerts that leave whoever they wake alone."""
    for name, alert in all_alerts().items():
        text = alert["annotations"]["summary"] + alert["annotations"]["description"]
        if alert["labels"]["severity"] not in ("critical", "warning") or "for" not in alert:
            yield f"{name}: no severity, or no `for`"
        named = re.findall(r"\b(?:outrigger|process)_\w+\b", text)
        if not named and "`" not in text:
            yield f"{name}: names no next step"
        for metric in named:
            if metric not in known and metric + "_count" not in known:
                yield f"{name}: no metric {metric}"
        for code in re.findall(r"`outrigger explain (\w+)`", text):
            if subprocess.run([binary, "explain", code], capture_output=True).returncode != 0:
                yield f"{name}: `outrigger explain` does not know {code}"


def untested():
    """Alerts without a case that fires and one that does not, or that tell a label they lack."""
    blocks = {block["name"]: block for block in yaml.safe_load(TESTS.read_text())["tests"]}
    for name, alert in all_alerts().items():
        quiet, labels = False, None
        for case in blocks.get(name, {}).get("promql_expr_test", []):
            if f'"{name}"' not in case["expr"]:
                continue
            quiet = quiet or not case.get("exp_samples")
            for sample in case.get("exp_samples", []):
                labels = {label for label, _, _ in promql.selectors(sample["labels"])[0][1]}
        if labels is None or not quiet:
            yield f"{name}: no case where it fires, or none where it does not"
            continue
        told = re.findall(r"\$labels\.(\w+)", str(alert["annotations"]))
        yield from (f"{name}: has no label {label} to tell" for label in set(told) - labels)


# ---- the dashboard ----


def queries(dashboard):
    """(where, expression, legend) of each."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"], target["legendFormat"]
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["name"], annotation["expr"], annotation["textFormat"]


def unknown_in_dashboard(dashboard, known, literals):
    for where, expression, legend in queries(dashboard):
        labels = promql.groupings(expression) or promql.SCRAPED.union(
            *(known.get(name, set()) for name in promql.names(expression))
        )
        for complaint in promql.complaints(expression, known, literals):
            yield f"{where}: {complaint}"
        for label in set(re.findall(r"\{\{(\w+)\}\}", legend)) - labels:
            yield f"{where}: its legend has {label}, its series have not"
    for variable in dashboard["templating"]["list"][1:]:
        asked = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"])
        expression, label = asked.groups()
        for complaint in promql.complaints(f"sum by ({label}) ({expression})", known, literals):
            yield f"variable {variable['name']}: {complaint}"


def bad_expressions(dashboard, folder):
    rules = []
    for number, (where, expression, _) in enumerate(queries(dashboard)):
        plain = expression.replace("$__rate_interval", "5m").replace("$__range", "1h")
        rules.append({"record": f"panel:{number}", "expr": plain, "labels": {"panel": where}})
    path = pathlib.Path(folder, "dashboard.yaml")
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    return promtool("check", "rules", path)


def misplaced(dashboard):
    """Panels that share an id or a place, leave the grid, or ask a fixed data source."""
    ids, taken = set(), {}
    for panel in dashboard["panels"]:
        title, at = panel["title"], panel["gridPos"]
        if panel["id"] in ids:
            yield f"{title}: id {panel['id']} is taken"
        ids.add(panel["id"])
        if at["x"] + at["w"] > 24:
            yield f"{title}: beyond the 24 columns"
        columns, lines = range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])
        cells = [(x, y) for x in columns for y in lines]
        for other in {taken[cell] for cell in cells if cell in taken}:
            yield f"{title}: lies over {other}"
        taken.update(dict.fromkeys(cells, title))
        for part in [panel, *panel.get("targets", [])]:
            if panel["type"] != "row" and part["datasource"]["uid"] != "${datasource}":
                yield f"{title}: asks a fixed data source"


def foreign_variables(dashboard):
    names = {variable["name"] for variable in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard)))
    yield from (f"no variable {name}" for name in used - names if not name.startswith("__"))
    yield from (f"nothing asks for ${name}" for name in names - used)


# ---- a running proxy ----


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def idle_page(binary, folder):
    """/metrics of a proxy that has just started, as soon as all of it is there."""
    ports = free_ports(3)
    path = pathlib.Path(folder, "outrigger.yaml")
    path.write_text(CONFIGURATION.format(*ports, folder))
    proxy = subprocess.Popen(
        [binary, "run", path],
        env={"KEY": "a-key"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url, page = f"http://127.0.0.1:{ports[1]}/metrics", ""
    try:
        for _ in range(150):
            time.sleep(0.2)
            with contextlib.suppress(OSError):
                page = urllib.request.urlopen(url, timeout=10).read().decode()
            if "outrigger_circuit_state" in page:
                break
        return page
    finally:
        proxy.terminate()
        proxy.wait(30)


def samples(page):
    """(name, labels as text, value) of each."""
    return re.findall(r"^(\w+)(?:\{(.*)\})? (\S+)$", page, re.M)


def strange_on_page(page, known):
    """Holds our reading of the table against what the binary says."""
    if "outrigger_circuit_state" not in page:
        yield "the proxy did not start"
    for name, inside, _ in samples(page):
        labels = set(re.findall(r'(\w+)="', inside))
        if labels != known.get(name):
            yield f"{name}: has {sorted(labels)}, the table says {known.get(name)}"


def alarms_of_idle(page, folder):
    """Whatever that page sets off in the first six hours, pending alerts included."""
    series = [{"series": 'up{job="outrigger", instance="a"}', "values": "1x360"}]
    for name, inside, value in samples(page):
        labels = f'job="outrigger", instance="a", {inside}'.rstrip(", ")
        series.append({"series": f"{name}{{{labels}}}", "values": f"{value}x360"})
    minutes = [0, 1, 2, 4, 6, 9, 12, 16, 20, 31, 61, 120, 359]
    quiet = [{"expr": "ALERTS", "eval_time": f"{minute}m", "exp_samples": []} for minute in minutes]
    block = {"interval": "1m", "input_series": series, "promql_expr_test": quiet}
    path = pathlib.Path(folder, "idle.yaml")
    path.write_text(
        yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [block]})
    )
    return promtool("test", "rules", path)


def main():
    if shutil.which("promtool") is None:
        print("skip observability: no promtool here")
        return 0
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    metrics = promql.metrics((ROOT / "proxy/base/metrics_table.cc").read_text())
    known = with_recordings(metrics)
    literals = set().union(*(promql.words(ROOT / part) for part in ("proxy", "filters", "config")))
    dashboard = json.loads(DASHBOARD.read_text())
    with tempfile.TemporaryDirectory() as folder:
        page = idle_page(binary, folder)
        check("the table of metrics is what the binary shows", strange_on_page(page, metrics))
        check("the rules are valid", promtool("check", "rules", RULES))
        check("the rules ask for what there is", unknown_in_rules(known, literals))
        check("each alert says what to do", untold(binary, known))
        check("each alert has a case that fires and one that does not", untested())
        check("the tests are made of what there is", unknown_in_tests(known, literals))
        check("the tests of the rules pass", promtool("test", "rules", TESTS))
        check("an idle proxy sets off no alert", alarms_of_idle(page, folder))
        check("the dashboard's queries are valid", bad_expressions(dashboard, folder))
        unknown = unknown_in_dashboard(dashboard, known, literals)
        check("the dashboard asks for what there is", unknown)
        check("the dashboard's panels have their places", misplaced(dashboard))
        check("the dashboard's variables are its own", foreign_variables(dashboard))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
