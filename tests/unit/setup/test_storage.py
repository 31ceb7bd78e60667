import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent.settings import Settings
from agent.setup import storage
from agent.telemetry.private_files import write_private_file
from agent.text.bytecode import compile_module


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path)


def test_what_is_built_appears_only_when_complete(settings):
    goal = storage.locate_environment(settings, "a")
    with storage.reserve_build_folder(settings, goal) as part:
        (part / "file").write_text("x")
        assert not goal.exists()
    assert (goal / "file").read_text() == "x"
    with pytest.raises(KeyboardInterrupt), storage.reserve_build_folder(settings, goal):
        raise KeyboardInterrupt
    assert not list((storage.folder(settings) / "building").iterdir())


def test_what_a_killed_process_left_is_swept_after_a_day(settings):
    folder = storage.folder(settings) / "building"
    old, new = folder / "1-a", folder / "1-b"
    for place in (old, new):
        place.mkdir(parents=True)
    os.utime(old, (1, 1))
    storage.remove_unused(settings)
    assert [place.exists() for place in (old, new)] == [False, True]


def test_several_runs_of_a_worker_write_one_file_at_a_time_each_whole(tmp_path):
    place, contents = tmp_path / "known.json", [letter * 50_000 for letter in "ABCD"]

    def write(content: str) -> None:
        for _ in range(10):
            write_private_file(place, content)
            assert place.read_text() in contents

    with ThreadPoolExecutor(len(contents)) as pool:
        list(pool.map(write, contents))
    assert [path.name for path in tmp_path.iterdir()] == ["known.json"]


def test_python_takes_the_bytecode_that_lies_beside_a_script(tmp_path):
    name, compiled = compile_module("told.py", b"WORD = 'compiled'\n")
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_bytes(compiled)
    (tmp_path / "told.py").write_text("WORD = 'from the source'\n")
    asked = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import told; print(told.WORD)"
    argv = [sys.executable, "-I", "-S", "-B", "-c", asked]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout == "compiled\n"
