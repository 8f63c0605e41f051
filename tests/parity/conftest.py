"""What the parity tests share: the programs under test and a way to run them."""

import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def run_program():
    """run_program("//worker/models:features", args...) -> the finished process; fails the test on an error."""

    def run(target, *arguments, **options):
        folder, _, name = target.removeprefix("//").partition(":")
        program = ROOT / "bazel-bin" / folder / name
        assert program.exists(), f"{target} is not built; tests/run.sh builds it"
        done = subprocess.run([program, *map(str, arguments)], capture_output=True, timeout=600, **options)
        assert done.returncode == 0, f"{target} ended with {done.returncode}: {done.stderr.decode()[-2000:]}"
        return done

    return run
