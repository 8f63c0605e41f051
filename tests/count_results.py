"""Counts what tests/run.sh ran and prints the one line that sums it up.

Reads from the folder given: `steps` (a line a check: "passed NAME" or "failed NAME"), `*.events` with
`*.exit` (Bazel's build events and exit code) and `*.xml` with `*.exit` (JUnit, from pytest). A run that
ended badly without naming a failed test counts as one failure. Exits 1 when anything failed.
"""

import json
import pathlib
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree


class Count:
    def __init__(self):
        self.passed = 0
        self.skipped = 0
        self.failed = []

    def add_junit(self, source, where):
        """Counts the cases of a JUnit file; returns how many there were."""
        cases = list(ElementTree.fromstring(source).iter("testcase"))
        for case in cases:
            name = f"{where} {case.get('classname', '')}.{case.get('name')}"
            if case.find("failure") is not None or case.find("error") is not None:
                self.failed.append(name)
            elif case.find("skipped") is not None or case.get("status") == "notrun":
                self.skipped += 1
            else:
                self.passed += 1
        return len(cases)


def count_bazel(count, events, exit_code, run):
    failed_before = len(count.failed)
    for line in events.read_text().splitlines():
        event = json.loads(line)
        label = next((v["label"] for k, v in event.get("id", {}).items() if isinstance(v, dict) and "label" in v), "")
        if "testResult" in event:
            outputs = {o["name"]: o.get("uri", "") for o in event["testResult"].get("testActionOutput", [])}
            path = pathlib.Path(urllib.parse.urlparse(outputs.get("test.xml", "")).path)
            ok = event["testResult"]["status"] == "PASSED"
            failures = len(count.failed)
            cases = count.add_junit(path.read_bytes(), f"{run} {label}") if path.is_file() else 0
            if ok and cases == 0:
                count.passed += 1
            if not ok and len(count.failed) == failures:
                count.failed.append(f"{run} {label} ({event['testResult']['status']})")
        elif "completed" in event and not event["completed"].get("success", False):
            # Failed to build; a test that failed has its own event.
            if "targetCompleted" in event["id"]:
                count.failed.append(f"{run} {label} (does not build)")
    if exit_code != 0 and len(count.failed) == failed_before:
        count.failed.append(f"{run} (bazel ended with code {exit_code})")


def main():
    folder = pathlib.Path(sys.argv[1])
    count = Count()
    steps = folder / "steps"
    for line in steps.read_text().splitlines() if steps.exists() else []:
        verdict, _, name = line.partition(" ")
        if verdict == "passed":
            count.passed += 1
        else:
            count.failed.append(name)
    for exit_file in sorted(folder.glob("*.exit")):
        run = exit_file.stem
        code = int(exit_file.read_text())
        events = exit_file.with_suffix(".events")
        junit = exit_file.with_suffix(".xml")
        if events.exists():
            count_bazel(count, events, code, run)
        else:
            failed_before = len(count.failed)
            if junit.exists():
                count.add_junit(junit.read_bytes(), run)
            if code != 0 and len(count.failed) == failed_before:
                count.failed.append(f"{run} (ended with code {code})")
    for name in count.failed:
        print(f"FAILED {name}")
    skipped = f", {count.skipped} skipped" if count.skipped else ""
    print(f"{count.passed} passed, {len(count.failed)} failed{skipped}")
    return 1 if count.failed else 0


if __name__ == "__main__":
    sys.exit(main())
