"""The files that start a Ray cluster: what their schema allows, and settings that exist."""

from __future__ import annotations

import copy
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from app.settings import Settings

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "ray"


KUBERNETES = "1.37"


def _resource(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """The schema of an object that has these fields and no other."""
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
    }


_NUMBER = {"type": "integer", "minimum": 0}
_GROUP: dict[str, Any] = {
    "rayStartParams": {"type": "object", "additionalProperties": {"type": "string"}},
    "template": {"type": "object"},  # a pod template of Kubernetes
}
_WORKERS = _resource(
    {**_GROUP, "groupName": {"type": "string"}, "minReplicas": _NUMBER, "maxReplicas": _NUMBER},
    replicas=_NUMBER,
)
# What KubeRay's RayCluster (ray.io/v1) requires, and those of its other fields that are used here.
RAY_CLUSTER = _resource(
    {
        "apiVersion": {"const": "ray.io/v1"},
        "kind": {"const": "RayCluster"},
        "metadata": _resource({"name": {"type": "string"}}),
        "spec": _resource(
            {"headGroupSpec": _resource(_GROUP)},
            workerGroupSpecs={"type": "array", "items": _WORKERS},
            rayVersion={"type": "string"},
        ),
    }
)


@pytest.fixture
def kuberay() -> list[dict[str, Any]]:
    """The documents of the manifest, anchors resolved."""
    return list(yaml.safe_load_all((FOLDER / "kuberay.yaml").read_text(encoding="utf-8")))


def test_the_cluster_file_is_what_ray_up_accepts() -> None:
    """Ray brings the schema of its cluster files."""
    found = importlib.util.find_spec("ray")
    if found is None or not found.submodule_search_locations:
        pytest.skip("Ray is not installed: pip install '.[ray]'")
    schema = Path(found.submodule_search_locations[0]) / "autoscaler" / "ray-schema.json"
    text = (FOLDER / "cluster.yaml").read_text(encoding="utf-8")

    jsonschema.validate(yaml.safe_load(text), json.loads(schema.read_text(encoding="utf-8")))


def test_a_misspelt_cluster_file_is_refused() -> None:
    """The test above can fail."""
    found = importlib.util.find_spec("ray")
    if found is None or not found.submodule_search_locations:
        pytest.skip("Ray is not installed: pip install '.[ray]'")
    schema = Path(found.submodule_search_locations[0]) / "autoscaler" / "ray-schema.json"

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"cluster": "x"}, json.loads(schema.read_text(encoding="utf-8")))


def test_the_manifests_settings_exist() -> None:
    """A misspelt setting would be ignored in silence."""
    text = (FOLDER / "kuberay.yaml").read_text(encoding="utf-8")
    named = re.findall(r"CIRCUMPLEX_(\w+)", text)

    assert named
    assert {name.lower() for name in named} <= set(Settings.model_fields)


def test_the_manifest_is_a_cluster_and_the_service_beside_it(
    kuberay: list[dict[str, Any]],
) -> None:
    """Each pod runs the same image as no root, and mounts what it uses."""
    cluster, deployment, service = kuberay
    groups = [cluster["spec"]["headGroupSpec"], *cluster["spec"]["workerGroupSpecs"]]
    pods = [group["template"]["spec"] for group in groups]
    pods.append(deployment["spec"]["template"]["spec"])

    assert [each["kind"] for each in kuberay] == ["RayCluster", "Deployment", "Service"]
    assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"]
    for pod in pods:
        containers = [*pod["containers"], *pod.get("initContainers", [])]
        mounted = {mount["name"] for one in containers for mount in one["volumeMounts"]}
        assert {one["image"] for one in containers} == {"circumplex:0.1.0-ray"}
        assert pod["securityContext"]["runAsNonRoot"]
        assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_the_manifest_is_what_kubernetes_accepts(kuberay: list[dict[str, Any]]) -> None:
    """Strictly by its own schemas: the service, the deployment, and the pods of the cluster."""
    kubernetes = pytest.importorskip("kubernetes_validate", reason="pip install '.[dev]'")
    documents = [*kuberay[1:], *_pod_templates(kuberay[0])]

    for document in documents:
        kubernetes.validate(document, KUBERNETES, strict=True)

    assert len(documents) == 4


def test_a_misspelt_pod_is_refused(kuberay: list[dict[str, Any]]) -> None:
    """The test above can fail, deep inside a pod of the cluster."""
    kubernetes = pytest.importorskip("kubernetes_validate", reason="pip install '.[dev]'")
    (pod, *_) = _pod_templates(copy.deepcopy(kuberay[0]))
    pod["template"]["spec"]["containers"][0]["volumeMount"] = []

    with pytest.raises(kubernetes.ValidationError):
        kubernetes.validate(pod, KUBERNETES, strict=True)


def test_the_cluster_has_the_fields_that_kuberay_asks_for(kuberay: list[dict[str, Any]]) -> None:
    """Around the pods its resource has few fields; of the ones used here none is misspelt."""
    jsonschema.validate(kuberay[0], RAY_CLUSTER)
    del kuberay[0]["spec"]["workerGroupSpecs"][0]["maxReplicas"]

    with pytest.raises(jsonschema.ValidationError, match="maxReplicas"):
        jsonschema.validate(kuberay[0], RAY_CLUSTER)


def _pod_templates(cluster: dict[str, Any]) -> list[dict[str, Any]]:
    """The pods of a cluster as documents of their own."""
    groups = [cluster["spec"]["headGroupSpec"], *cluster["spec"]["workerGroupSpecs"]]
    head = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "of-a-cluster"}}
    return [{**head, "template": group["template"]} for group in groups]


def test_the_versions_of_ray_agree(kuberay: list[dict[str, Any]]) -> None:
    """A cluster of another version than the driver's refuses it."""
    pins = (FOLDER.parents[1] / "constraints.txt").read_text(encoding="utf-8").splitlines()

    assert f"ray=={kuberay[0]['spec']['rayVersion']}" in pins


def test_one_machine_loads_nothing_of_ray_nor_of_object_stores() -> None:
    """The service and the commands start without them, as the base installation has none."""
    code = (
        "import sys, app.main, app.cli, app.on_ray, app.services, indexer.runs.worker; "
        "loaded = {name.split('.')[0] for name in sys.modules}; "
        "print(sorted(loaded & {'ray', 'pyarrow', 's3fs'}))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
