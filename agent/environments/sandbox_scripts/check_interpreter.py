"""Say which parts of its standard library this interpreter lacks, as /out/report.json."""

import importlib
import json
import platform

NEEDED = ("ssl", "sqlite3", "ctypes", "lzma", "bz2", "zlib", "hashlib", "venv", "unittest")


def main() -> None:
    """Try every module that checks and builds rely on."""
    missing = []
    for name in NEEDED:
        try:
            importlib.import_module(name)
        except Exception:  # a broken library fails in many ways, all of them mean "not there"
            missing.append(name)
    with open("/out/report.json", "w", encoding="utf-8") as report:
        json.dump({"version": platform.python_version(), "missing": missing}, report)


main()
