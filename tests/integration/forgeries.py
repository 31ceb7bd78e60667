"""Ways to make a red run look green, and to have the tests that are red not run at all.

Files by path, each set beside `test_sums.py` with a test that fails.
"""

from tests.integration.check_samples import GREEN

FORGERIES = {
    "the exit code is set to 0": {
        "conftest.py": """
            def pytest_sessionfinish(session):
                session.exitstatus = 0
        """
    },
    "reports of chosen tests are turned green": {
        "conftest.py": """
            import pytest
            @pytest.hookimpl(hookwrapper=True, tryfirst=True)
            def pytest_runtest_makereport(item, call):
                outcome = yield
                report = outcome.get_result()
                if "test_sums" in report.nodeid:
                    report.outcome = "passed"
        """
    },
    "tests are called and what they raise is dropped": {
        "conftest.py": """
            import pytest
            @pytest.hookimpl(tryfirst=True)
            def pytest_pyfunc_call(pyfuncitem):
                return True
        """
    },
    "what tests raise is swallowed in one folder": {
        "inner/conftest.py": """
            import pytest
            @pytest.hookimpl(tryfirst=True)
            def pytest_pyfunc_call(pyfuncitem):
                try:
                    pyfuncitem.obj()
                except AssertionError:
                    pass
                return True
        """,
        "inner/test_inner.py": "def test_inner():\n    assert 0\n",
        "test_sums.py": GREEN["test_sums.py"],
    },
    "everything is skipped": {
        "conftest.py": """
            import pytest
            def pytest_runtest_setup(item):
                pytest.skip("later")
        """
    },
    "everything is expected to fail": {
        "conftest.py": """
            import pytest
            @pytest.hookimpl(hookwrapper=True, tryfirst=True)
            def pytest_runtest_makereport(item, call):
                outcome = yield
                report = outcome.get_result()
                if report.failed:
                    report.outcome = "skipped"
                    report.wasxfail = "known"
        """
    },
    "the process ends itself within a test": {
        "test_a.py": "import os\n\n\ndef test_end():\n    os._exit(0)\n"
    },
    "the process ends itself when all is over": {
        "conftest.py": """
            import os
            def pytest_unconfigure(config):
                os._exit(0)
        """
    },
    "sys.exit while loading": {"conftest.py": "import sys\nsys.exit(0)\n"},
    "an option switches our plugin off": {
        "pytest.ini": "[pytest]\naddopts = -p no:mergewright_pytest --co\n"
    },
    "a module poses as pytest": {
        "pytest.py": "print('1 passed')\nraise SystemExit(0)\n",
        "_pytest.py": "raise SystemExit(0)\n",
    },
    "a module poses as our plugin": {
        "mergewright_pytest.py": "def begin(*a): pass\n",
        "mergewright_report.py": "def accept_order(): raise SystemExit(0)\n",
    },
    "a hook runs half": {
        "conftest.py": """
            def pytest_runtest_protocol(item, nextitem):
                if "test_sums" in item.nodeid:
                    return True
        """
    },
    "the report is written beforehand": {
        "conftest.py": """
            import glob, json
            for name in glob.glob("/out/*"):
                with open(name, "a") as file:
                    for line in ({"event": "exit", "code": 0}, {"event": "test", "id": "x"}):
                        file.write("0" * 32 + " " + json.dumps(line) + "\\n")
        """
    },
    "the report becomes huge": {
        "conftest.py": """
            import glob, os
            def pytest_unconfigure(config):
                for name in glob.glob("/out/*"):
                    with open(name, "ab") as file:
                        file.truncate(1024 ** 3)
        """
    },
}

DELETED = {
    "a conftest deletes the items": {
        "conftest.py": """
            def pytest_collection_modifyitems(items):
                items[:] = [item for item in items if "wrong" not in item.name]
        """
    },
    "a conftest ignores the module": {"conftest.py": "collect_ignore = ['test_sums.py']\n"},
    "the module is skipped": {
        "test_sums.py": """
            import pytest
            pytest.skip("later", allow_module_level=True)
            def test_sum(): pass
            def test_wrong(): assert 1 == 2
        """
    },
}
