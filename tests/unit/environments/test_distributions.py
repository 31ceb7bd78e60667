"""Metadata of installed packages, read as data of strangers."""

from __future__ import annotations

from agent.environments import distributions
from agent.environments.distributions import Distribution
from agent.models.checks import Licensing

METADATA = """\
Metadata-Version: 2.4
Name: Tab_Lib
Version: 3.9.0
License-Expression: MIT
Classifier: Programming Language :: Python
Classifier: License :: OSI Approved :: MIT License
Requires-Dist: ODF.py>=1; extra == "ods"
Requires-Dist: my_tables (>=2)
Requires-Dist: not a requirement !

License: of the description
"""


def install(folder, name, text, **more):
    place = folder / "lib" / "python3.11" / "site-packages" / f"{name}.dist-info"
    place.mkdir(parents=True)
    (place / "METADATA").write_text(text)
    for file, content in more.items():
        (place / file).write_text(content)
    return place


def test_version_licence_and_needs_are_read(tmp_path):
    install(tmp_path, "Tab_Lib-3.9.0", METADATA)
    assert distributions.read_distributions(str(tmp_path), {"tab-lib", "other"}) == {
        "tab-lib": Distribution(
            name="tab-lib",
            version="3.9.0",
            licensing=Licensing(
                expression="MIT", classifiers=("License :: OSI Approved :: MIT License",)
            ),
            needs=("my-tables",),
        )
    }
