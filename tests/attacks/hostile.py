"""A repository and packages that attack wherever their code is run.

Every place has a payload of its own, so that what it achieved bears its name.
"""

import textwrap
from collections.abc import Iterable

from tests.attacks.ground import Ground

PACKAGES = ("evil", "posing")
POSED_VERSION = "0.5.3"
ENVIRON = {"PYTHONPATH": "/work/early"}
#: A backend that makes wheels of given files, with a payload in each of its hooks.
_BACKEND = """
import base64, hashlib, os, zipfile

NAME, VERSION, FILES, METADATA = {name!r}, {version!r}, {files!r}, {metadata!r}
PAYLOADS = {payloads!r}

def attack(hook):
    exec(compile(PAYLOADS[hook], hook, "exec"), {{"__name__": "attack"}})

def get_requires_for_build_wheel(config_settings=None):
    attack("get_requires")
    return []

get_requires_for_build_editable = get_requires_for_build_wheel

def build_wheel(folder, config_settings=None, metadata_directory=None):
    attack("build")
    file = "%s-%s-py3-none-any.whl" % (NAME, VERSION)
    info = "%s-%s.dist-info/" % (NAME, VERSION)
    told = "Metadata-Version: 2.1\\nName: %s\\nVersion: %s\\n%s\\n" % (NAME, VERSION, METADATA)
    wheel = "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    content = {{**FILES, info + "METADATA": told, info + "WHEEL": wheel}}
    record = ""
    with zipfile.ZipFile(os.path.join(folder, file), "w") as packed:
        for path, text in content.items():
            packed.writestr(path, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
            record += "%s,sha256=%s,%d\\n" % (path, digest.rstrip(b"=").decode(), len(text))
        packed.writestr(info + "RECORD", record + info + "RECORD,,\\n")
    return file

build_editable = build_wheel
attack("backend")
"""
PYPROJECT = """
[build-system]
requires = {requires}
build-backend = "backend"
backend-path = ["."]
"""


def backend(
    ground: Ground,
    name: str,
    files: dict[str, str] | None = None,
    *,
    version: str = "1.0",
    metadata: str = "",
    attacks: bool = True,
) -> str:
    """Compose a backend that attacks when it is imported and in its hooks, or makes a wheel alone."""
    return _BACKEND.format(
        name=name,
        version=version,
        files={f"{name}_packed.py": "value = 1\n", **(files or {})},
        metadata=metadata,
        payloads={
            hook: ground.payload(f"{name} {hook}") if attacks else ""
            for hook in ("backend", "get_requires", "build")
        },
    )


def startup_files(ground: Ground) -> dict[str, str]:
    """Return files of a package that run when an interpreter starts, or as soon as pytest does."""
    return {
        "evil.pth": "import evil_start\n",
        "evil_start.py": ground.payload("pth"),
        "usercustomize.py": ground.payload("usercustomize"),
        "evil_plugin.py": ground.payload("entry point"),
        "evil-1.0.dist-info/entry_points.txt": "[pytest11]\nevil = evil_plugin\n",
    }


def repository(ground: Ground, packages: Iterable[str]) -> dict[str, str]:
    """Compose a Django project whose every file attacks, and which declares some of `PACKAGES`."""
    editables = "".join(f"-e ./{name}\n" for name in packages)
    return {
        "requirements.txt": f"{editables}django>=5.2,<5.3\n",
        "evil/pyproject.toml": PYPROJECT.format(requires=[])
        + '[project]\nname = "evil"\nversion = "1.0"\n',
        "evil/backend.py": backend(ground, "evil", startup_files(ground), attacks=False),
        # It calls itself what others install from the index.
        "posing/pyproject.toml": PYPROJECT.format(requires=[]),
        "posing/backend.py": backend(
            ground,
            "sqlparse",
            {"sqlparse.py": "posing = True\n"},
            version=POSED_VERSION,
            attacks=False,
        ),
        "posing/setup.py": "",
        # Before those that an interpreter may have of its own; see ENVIRON.
        "early/sitecustomize.py": ground.payload("sitecustomize"),
        "pytest.ini": "[pytest]\naddopts = -p plugin_by_option\n",
        "plugin_by_option.py": ground.payload("plugin by option"),
        "conftest.py": ground.payload("conftest"),
        "pytest.py": ground.payload("shadow pytest"),
        "mypy.py": ground.payload("shadow mypy"),
        "mypy.ini": "[mypy]\nplugins = mypy_plugin.py\n",
        "mypy_plugin.py": ground.payload("mypy plugin")
        + "\nfrom mypy.plugin import Plugin\n\n\ndef plugin(version):\n    return Plugin\n",
        "manage.py": ground.payload("manage.py")
        + textwrap.dedent("""
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
            if __name__ == "__main__":
                from django.core.management import execute_from_command_line
                execute_from_command_line(sys.argv)
        """),
        "settings.py": ground.payload("settings.py")
        + textwrap.dedent("""
            SECRET_KEY = "x"
            INSTALLED_APPS = ["django.contrib.contenttypes", "shop"]
            DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
        """),
        "shop/__init__.py": "",
        "shop/models.py": ground.payload("models.py"),
        "shop/migrations/__init__.py": ground.payload("migrations"),
        "test_shop.py": ground.payload("test module")
        + "\n\ndef test_shop():\n    import evil_packed\n    assert evil_packed.value == 1\n",
    }
