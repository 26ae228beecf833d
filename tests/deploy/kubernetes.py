#!/usr/bin/python3
"""What `kubectl kustomize` makes of deploy/kubernetes: the sidecar is where and what it should be.
Needs kubectl (its client alone, no cluster)."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy/kubernetes"

WORKLOADS = """
apiVersion: apps/v1
kind: {kind}
metadata: {{name: {name}, labels: {{{labels}}}}}
spec:
  template:
    spec:
      initContainers:
        - {{name: migrate, image: migrate}}
      containers:
        - {{name: app, image: app}}
      volumes:
        - {{name: own, emptyDir: {{}}}}
---
"""

failed = False


def check(promise, holds):
    global failed
    print("pass" if holds else "FAIL", f"kubernetes {promise}")
    failed = failed or not holds


def build(folder):
    run = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True)
    if run.returncode != 0:
        print(f"FAIL kubernetes {folder} builds\n     {run.stderr.strip()}")
        sys.exit(1)
    return [document for document in yaml.safe_load_all(run.stdout) if document]


def pod(document):
    return document["spec"]["template"]["spec"]


def is_restricted(container):
    """The demands of the Pod Security profile `restricted` on one container."""
    security = container.get("securityContext", {})
    return (
        security.get("runAsNonRoot") is True
        and security.get("runAsUser", 0) > 0
        and security.get("allowPrivilegeEscalation") is False
        and security.get("capabilities") == {"drop": ["ALL"]}
        and security.get("seccompProfile", {}).get("type") == "RuntimeDefault"
    )


def check_example():
    documents = build(KUBERNETES / "example")
    kinds = sorted(document["kind"] for document in documents)
    check(
        "example is a namespace, a configuration and a workload",
        kinds == ["ConfigMap", "Deployment", "Namespace"],
    )
    by_kind = {document["kind"]: document for document in documents}
    spec = pod(by_kind["Deployment"])
    sidecar = spec["initContainers"][0]
    check(
        "sidecar is native: an init container that restarts always",
        sidecar["name"] == "outrigger" and sidecar["restartPolicy"] == "Always",
    )
    ports = {port["name"]: port["containerPort"] for port in sidecar["ports"]}
    check("sidecar names its two ports", ports == {"outrigger": 4170, "outrigger-health": 4173})
    probes = {
        kind: sidecar[f"{kind}Probe"]["httpGet"] for kind in ("startup", "readiness", "liveness")
    }
    check(
        "probes ask the health port",
        {kind: get["path"] for kind, get in probes.items()}
        == {"startup": "/startupz", "readiness": "/readyz", "liveness": "/livez"}
        and all(get["port"] == "outrigger-health" for get in probes.values()),
    )
    check(
        "every container satisfies the restricted profile",
        all(map(is_restricted, spec["initContainers"] + spec["containers"])),
    )
    check(
        "sidecar is uid 14170 on a read-only root",
        sidecar["securityContext"]["runAsUser"] == 14170
        and sidecar["securityContext"]["readOnlyRootFilesystem"] is True,
    )
    check(
        "no volume is of a kind that restricted forbids",
        all(
            set(volume) - {"name"} <= {"configMap", "emptyDir", "secret", "projected"}
            for volume in spec["volumes"]
        ),
    )
    check(
        "sidecar requests its resources and bounds its memory",
        {"cpu", "memory"} <= set(sidecar["resources"]["requests"])
        and "memory" in sidecar["resources"]["limits"],
    )
    mounts = {mount["name"]: mount for mount in sidecar["volumeMounts"]}
    check(
        "configuration is mounted as a folder, so that a change arrives",
        "subPath" not in mounts["outrigger-config"] and mounts["outrigger-config"]["readOnly"],
    )
    configuration = by_kind["ConfigMap"]
    check(
        "configuration keeps its name, so that a change restarts nothing",
        configuration["metadata"]["name"] == "outrigger",
    )
    parsed = yaml.safe_load(configuration["data"]["outrigger.yaml"])
    check(
        "proxy port is on loopback, health on the pod's address",
        parsed["server"]["listen"].startswith("127.0.0.1:")
        and parsed["server"]["health"] == f"0.0.0.0:{ports['outrigger-health']}",
    )
    check("example's own configuration replaced the component's", "erp" in parsed["upstreams"])
    environment = {entry["name"]: entry.get("value") for entry in spec["containers"][0]["env"]}
    check(
        "application is pointed at the proxy",
        environment["OPENAI_BASE_URL"] == f"http://127.0.0.1:{ports['outrigger']}/openai/v1",
    )


def check_selection():
    """Workloads of all kinds: those with the label get the sidecar first, others not at all."""
    kinds = ("Deployment", "StatefulSet", "DaemonSet", "Job")
    with tempfile.TemporaryDirectory() as folder:
        text = "".join(
            WORKLOADS.format(
                kind=kind, name=f"with-{kind.lower()}", labels="outrigger.dev/inject: enabled"
            )
            for kind in kinds
        )
        text += WORKLOADS.format(kind="Deployment", name="without", labels="app: other")
        text = text.replace("apps/v1\nkind: Job", "batch/v1\nkind: Job")
        pathlib.Path(folder, "workloads.yaml").write_text(text)
        component = os.path.relpath(KUBERNETES / "component", os.path.realpath(folder))
        pathlib.Path(folder, "kustomization.yaml").write_text(
            f"resources: [workloads.yaml]\ncomponents: [{component}]\n"
        )
        documents = {document["metadata"]["name"]: document for document in build(folder)}
    for kind in kinds:
        document = documents[f"with-{kind.lower()}"]
        names = [container["name"] for container in pod(document)["initContainers"]]
        volumes = {volume["name"] for volume in pod(document)["volumes"]}
        check(
            f"{kind} with the label gets the sidecar before its other init containers",
            document["kind"] == kind
            and names == ["outrigger", "migrate"]
            and volumes == {"own", "outrigger-config", "outrigger-data"}
            and [container["name"] for container in pod(document)["containers"]] == ["app"],
        )
    check(
        "workload without the label is left alone",
        [c["name"] for c in pod(documents["without"])["initContainers"]] == ["migrate"],
    )


def main():
    if not shutil.which("kubectl"):
        print("skip kubernetes: no kubectl here")
        return 0
    check_example()
    check_selection()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
