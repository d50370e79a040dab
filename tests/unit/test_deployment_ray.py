"""The files that start a Ray cluster: what their schema allows, and settings that exist."""

from __future__ import annotations

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


@pytest.fixture(scope="module")
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


def test_the_versions_of_ray_agree(kuberay: list[dict[str, Any]]) -> None:
    """A cluster of another version than the driver's refuses it."""
    pins = (FOLDER.parents[1] / "constraints.txt").read_text(encoding="utf-8").splitlines()

    assert f"ray=={kuberay[0]['spec']['rayVersion']}" in pins


def test_one_machine_loads_nothing_of_ray() -> None:
    """The service and the commands start without it, as the base installation has none."""
    code = (
        "import sys, app.main, app.cli, app.on_ray, app.services, indexer.runs.worker; "
        "print([name for name in sys.modules if name.split('.')[0] in ('ray', 'pyarrow')])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
