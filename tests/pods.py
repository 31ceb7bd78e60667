"""Run a container of `deploy/kubernetes/` as a node would, by runc, on this machine's files.

The user, the root file system, rights, filter of system calls, /proc and volumes are what the pod
asks for; its network is this machine's. A pod's disk is empty each time.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
KUBERNETES = ROOT / "deploy" / "kubernetes"
#: Where the users of a pod with users of its own begin on the node, and how many it has.
_FIRST_USER, _USERS = 1_000_000, 65_536
#: Reaps orphans, as the first process of a pod does.
_PAUSE = "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)\nwhile True: signal.pause()"


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


class Pod:
    """A pod on this machine; its containers share volumes, users and processes."""

    def __init__(
        self, folder: Path, spec: Mapping[str, Any], configured: Mapping[str, Mapping[str, str]]
    ) -> None:
        """Make its volumes.

        Args:
            folder: Empty, and reachable by every user.
            spec: Of the pod.
            given: The files of Secrets, and the variables or files of ConfigMaps, by their names.
        """
        self._folder, self._spec, self._given = folder, spec, configured
        self._has_users = spec.get("hostUsers") is False
        for volume in spec["volumes"]:
            self._make_volume(volume)

    @contextmanager
    def start(self, name: str, **more: str) -> Iterator[subprocess.Popen[str]]:
        """Start one of its containers; it is killed at the end of the block.

        Args:
            more: Variables beside those of the pod.
        """
        (container,) = [
            container
            for container in (*self._spec.get("initContainers", ()), *self._spec["containers"])
            if container["name"] == name
        ]
        with ExitStack() as stack:
            pause = None
            if self._spec.get("shareProcessNamespace"):
                config = self._make_config(container, {}, None)
                config["process"]["args"] = ["python", "-c", _PAUSE]
                started = stack.enter_context(self._run("pause", config))
                pause = self._find_pid("pause", started)
            config = self._make_config(container, more, pause)
            yield stack.enter_context(self._run(name, config))

    # --- volumes ---------------------------------------------------------------------------------

    def _make_volume(self, volume: Mapping[str, Any]) -> None:
        place = self._folder / "volumes" / volume["name"]
        place.mkdir(parents=True)
        root = _FIRST_USER if self._has_users else 0
        group = self._spec["securityContext"].get("fsGroup", 0) or root
        if "emptyDir" in volume:
            place.chmod(0o777)
        source = volume.get("secret") or volume.get("configMap") or {}
        files = self._given.get(source.get("secretName") or source.get("name", ""), {})
        wanted = {item["key"]: item["path"] for item in source.get("items", ())}
        for key, text in files.items():
            if not wanted or key in wanted:
                file = place / wanted.get(key, key)
                file.write_text(text)
                file.chmod(source.get("defaultMode", 0o644))
                os.chown(file, root, group)
        os.chown(place, root, group)

    # --- containers ------------------------------------------------------------------------------

    @contextmanager
    def _run(self, name: str, config: Mapping[str, Any]) -> Iterator[subprocess.Popen[str]]:
        bundle = self._folder / name
        layers = [bundle / part for part in ("rootfs", "upper", "work")]
        for part in layers:
            part.mkdir(parents=True)
        root, upper, work = map(str, layers)
        laid = f"lowerdir=/,upperdir={upper},workdir={work}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", laid, root], check=True)
        try:
            self._prepare_root(layers[0], config)
            (bundle / "config.json").write_text(json.dumps(config))
            runc = ("runc", "--root", str(self._folder / "runc"))
            with subprocess.Popen(
                [*runc, "run", "--bundle", str(bundle), name],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            ) as process:
                try:
                    yield process
                finally:
                    subprocess.run([*runc, "delete", "--force", name], check=False)
        finally:
            subprocess.run(["umount", "--lazy", root], check=True)

    def _prepare_root(self, root: Path, config: Mapping[str, Any]) -> None:
        """Make it what an image is: everybody reaches Python, and there are places to mount at."""
        for folder in Path(sys.base_prefix).parents:
            here = root / folder.relative_to("/")
            here.chmod(here.stat().st_mode | 0o011)
        for mount in config["mounts"]:
            if Path(mount["source"]).is_dir():
                (root / mount["destination"][1:]).mkdir(parents=True, exist_ok=True)

    def _find_pid(self, name: str, started: subprocess.Popen[str]) -> int:
        state = ("runc", "--root", str(self._folder / "runc"), "state", name)
        while started.poll() is None:
            done = subprocess.run(state, check=False, capture_output=True, text=True)
            if (
                done.returncode == 0
                and (state_read := json.loads(done.stdout))["status"] == "running"
            ):
                return int(state_read["pid"])
        assert started.stdout is not None
        raise AssertionError(started.stdout.read())

    def _make_config(
        self, container: Mapping[str, Any], more: Mapping[str, str], pause: int | None
    ) -> dict[str, Any]:
        pod, of_container = self._spec["securityContext"], container["securityContext"]
        assert of_container["capabilities"]["drop"] == ["ALL"]
        rights = [f"CAP_{name}" for name in of_container["capabilities"].get("add", ())]
        user = {"uid": pod["runAsUser"], "gid": pod.get("runAsGroup", 0)}
        if (group := pod.get("fsGroup")) is not None:
            user["additionalGids"] = [group]
        kept = rights if user["uid"] == 0 else []
        namespaces = [{"type": "mount"}, {"type": "ipc"}, {"type": "uts"}, {"type": "pid"}]
        linux: dict[str, Any] = {"namespaces": namespaces}
        if self._has_users:
            namespaces.append({"type": "user"})
            mapped = [{"containerID": 0, "hostID": _FIRST_USER, "size": _USERS}]
            linux |= {"uidMappings": mapped, "gidMappings": mapped}
        if pause is not None:
            for namespace in namespaces:
                if namespace["type"] in ("user", "pid"):
                    namespace["path"] = f"/proc/{pause}/ns/{namespace['type']}"
        if of_container.get("procMount") != "Unmasked":
            covered = ("maskedPaths", "readonlyPaths")
            linux |= {name: _read_usual()["linux"][name] for name in covered}
        if pod["seccompProfile"]["type"] == "Localhost":
            linux["seccomp"] = json.loads((KUBERNETES / "seccomp.json").read_text())
        return {
            "ociVersion": "1.0.2",
            "root": {"path": "rootfs", "readonly": of_container["readOnlyRootFilesystem"]},
            "linux": linux,
            "mounts": [*_read_usual()["mounts"], *self._list_mounts(container)],
            "process": {
                "args": [*_find_command(container), *container.get("args", ())],
                "cwd": "/",
                "env": [f"{name}={value}" for name, value in self._make_environ(container, more)],
                "user": user,
                "noNewPrivileges": not of_container["allowPrivilegeEscalation"],
                "capabilities": dict.fromkeys(("bounding",), rights)
                | dict.fromkeys(("effective", "permitted"), kept),
            },
        }

    def _make_environ(
        self, container: Mapping[str, Any], more: Mapping[str, str]
    ) -> Iterator[tuple[str, str]]:
        yield (
            "PATH",
            f"{ROOT}/.venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        yield from {"LANG": "C.UTF-8", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}.items()
        for source in container.get("envFrom", ()):
            yield from self._given.get(source["configMapRef"]["name"], {}).items()
        yield from ((variable["name"], variable["value"]) for variable in container.get("env", ()))
        yield from more.items()

    def _list_mounts(self, container: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        mounts = container.get("volumeMounts", ())
        for mount in sorted(mounts, key=lambda mounted: len(Path(mounted["mountPath"]).parts)):
            source = self._folder / "volumes" / mount["name"] / mount.get("subPath", "")
            how = ["rbind", "nosuid", "nodev", *(["ro"] if mount.get("readOnly") else [])]
            yield _bind(str(source), mount["mountPath"], how)
        # In place of what an image would have.
        yield _bind(str(ROOT), str(ROOT), ["rbind", "ro"])


def _find_command(container: Mapping[str, Any]) -> list[str]:
    """Return what a container starts: its own command, or its image's."""
    made = (ROOT / "deploy" / "Dockerfile").read_text()
    entries = dict(
        re.findall(r"^FROM \w+ AS (\w+)$(?:(?!^FROM)[^\0])*?^ENTRYPOINT (.+)$", made, re.MULTILINE)
    )
    entry = entries[container["image"].removeprefix("mergewright-")]
    return container.get("command") or list(json.loads(entry))


def _bind(source: str, target: str, options: list[str]) -> dict[str, Any]:
    return {"destination": target, "type": "bind", "source": source, "options": options}


@cache
def _read_usual() -> dict[str, Any]:
    """Read what runc makes a container of that asks for nothing."""
    with TemporaryDirectory() as folder:
        subprocess.run(["runc", "spec", "--bundle", folder], check=True)
        usual: dict[str, Any] = json.loads(Path(folder, "config.json").read_text())
    # /proc, /dev and what is below that; the rest needs a network or a control group.
    usual["mounts"][4:] = [_bind("/sys", "/sys", ["rbind", "ro", "nosuid", "noexec", "nodev"])]
    return usual
