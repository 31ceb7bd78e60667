"""The objects of `deploy/kubernetes/`, as they are written there."""

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

KUBERNETES = Path(__file__).parents[1] / "deploy" / "kubernetes"


@cache
def read_objects() -> list[dict[str, Any]]:
    """Read all objects that stand in the files, in order."""
    objects = []
    for path in sorted(KUBERNETES.glob("*.yaml")):
        objects += YAML(typ="safe").load_all(path.read_text())
    return objects


def read_pod(name: str) -> dict[str, Any]:
    """Return what the pods of a Deployment, a DaemonSet or a Job are made with."""
    (spec,) = [
        described["spec"]["template"]["spec"]
        for described in read_objects()
        if "template" in described.get("spec", {}) and described["metadata"]["name"] == name
    ]
    return deepcopy(spec)
