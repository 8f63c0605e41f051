"""The real programs, each test with a state folder of its own, and pictures for them."""

import json
import os
import pathlib
import signal
import subprocess
import time

import numpy
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Every pretext task has a page; registry_test holds the table of tasks to them.
TASKS = sorted(page.stem for page in (ROOT / "docs" / "tasks").glob("*.md") if page.stem != "README")
BIN = ROOT / "bazel-bin"


def wait_until(condition, seconds, what):
    """Polls `condition` until it gives something true, and returns that."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s for {what}")


class Pretext:
    """The command line, with a home of its own, so that its embedded coordinator is its own too."""

    def __init__(self, home):
        self.home = home
        self.state = home / "state"
        self.environment = {
            "PATH": os.pathsep.join([str(BIN / part) for part in ("client", "server", "worker")] + [os.environ["PATH"]]),
            "HOME": str(home),
            "PRETEXT_STATE": str(self.state),
            "OMP_NUM_THREADS": "1",
            "TERM": "dumb",
        }

    def start(self, *arguments, **options):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, **options}
        return subprocess.Popen(["pretext", *map(str, arguments)], env=self.environment, cwd=self.home, text=True, **options)

    def run(self, *arguments, code=0, timeout=300):
        process = self.start(*arguments)
        out, err = process.communicate(timeout=timeout)
        assert process.returncode == code, (
            f"pretext {' '.join(map(str, arguments))} ended with {process.returncode}, not {code}\n{out}\n{err}\n{self.logs()}")
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "-o", "json").stdout)

    def logs(self):
        """The ends of the service's own logs, for messages of failed tests."""
        texts = []
        for log in sorted(self.state.rglob("*.log")) if self.state.exists() else []:
            texts.append(f"--- {log}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-15:]))
        return "\n".join(texts)

    def processes(self):
        """(pid, name) of every living process that was started with this test's state folder."""
        marker = f"PRETEXT_STATE={self.state}".encode()
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                if marker in (entry / "environ").read_bytes().split(b"\0") and "Z" != (
                        entry / "stat").read_text().rsplit(")", 1)[1].split()[0]:
                    found.append((int(entry.name), (entry / "comm").read_text().strip()))
            except (OSError, PermissionError):
                pass
        return found

    def pid(self, name):
        """The one living process of that name: pretext-server, pretext-worker (the agent), pretext-rank0, ..."""
        found = [pid for pid, its in self.processes() if its == name]
        assert len(found) == 1, f"{len(found)} processes are called {name}: {self.processes()}\n{self.logs()}"
        return found[0]

    def serve(self, *arguments):
        """A coordinator in the foreground, once it can be called."""
        return Coordinator(self, arguments)

    def stop_all(self):
        for _ in range(3):
            for pid, _ in self.processes():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass


class Coordinator:
    """`pretext serve`, as somebody would run it by hand. What it says goes to serve.log."""

    def __init__(self, tool, arguments=()):
        self.log = tool.home / "serve.log"
        with open(self.log, "a") as log:
            self.process = tool.start("serve", "--cpu-slots", 4, *arguments, stderr=log)
        self.addresses = []
        for line in self.process.stdout:
            what, _, address = line.strip().partition(" ")
            if what == "listening":
                self.addresses.append(address)
            if what == "ready":
                return
        raise AssertionError(f"pretext serve ended with {self.process.wait()}:\n{self.log.read_text()}")

    @property
    def pid(self):
        return self.process.pid  # `pretext serve` becomes pretext-server

    def tcp(self):
        return next(address for address in self.addresses if not address.startswith("unix:"))

    def socket(self):
        return next(address for address in self.addresses if address.startswith("unix:"))

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        assert self.process.wait(timeout=60) == 0, self.log.read_text()


def write_pictures(folder, count, side=48, seed=0):
    """JPEGs of coloured shapes on noise: a square or a disc, which is also the sub-folder's name."""
    random = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[:side, :side]
    for i in range(count):
        kind = ("disc", "square")[i % 2]
        picture = random.normal(110, 20, (side, side, 3))
        cy, cx, r = random.uniform(16, side - 16, 2).tolist() + [random.uniform(7, 13)]
        inside = (numpy.hypot(y - cy, x - cx) < r) if kind == "disc" else (
            numpy.maximum(abs(y - cy), abs(x - cx)) < r)
        picture[inside] = random.uniform(0, 255, 3)
        (folder / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture.clip(0, 255).astype("uint8")).save(folder / kind / f"{i:04}.jpg", quality=90)
    return folder
