"""The tests' Python environment, for benchmarks that people start with any interpreter."""

import importlib.util
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def enter_environment(*modules):
    """Continues in the environment that tests/install_python.sh makes if this interpreter lacks one of `modules`."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if not missing:
        return
    if os.environ.get("PRETEXT_BENCHMARK_ENTERED"):
        raise ImportError(f"the environment of tests/install_python.sh lacks {', '.join(missing)}")
    python = subprocess.run([ROOT / "tests" / "install_python.sh"], check=True, capture_output=True,
                            text=True).stdout.strip()
    os.environ["PRETEXT_BENCHMARK_ENTERED"] = "1"
    os.execv(python, [python, *sys.argv])
