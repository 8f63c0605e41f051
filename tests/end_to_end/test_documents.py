"""What the documents say is so: examples run, fields and commands are all there, links lead somewhere."""

import json
import re
import subprocess
import sys

import pytest
from programs import ROOT, TASKS, write_pictures
from reflection_client import ReflectionClient

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def blocks(page, language):
    """The fenced blocks of a page in docs/."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "docs" / page).read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if not re.match(r"https?://", target):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_job_examples_are_accepted(pretext, tmp_path):
    examples = blocks("job-file.md", "yaml") + blocks("consistency.md", "yaml")
    assert len(examples) >= 4
    pictures = write_pictures(tmp_path / "pictures", 4)
    (pictures / "labels.csv").write_text("path,label\n")
    for example in examples:
        file = tmp_path / "job.yaml"
        file.write_text(re.sub(r"/data/(xray|labelled)", str(pictures), example))
        pretext.run("validate", file)


def test_every_field_of_a_job_is_documented(pretext):
    served = pretext.serve()
    client = ReflectionClient(served.socket())
    text = "".join((ROOT / "docs" / page).read_text() for page in [
        "job-file.md", "consistency.md", "tasks/README.md", *(f"tasks/{task}.md" for task in TASKS)])
    words = set(re.findall(r"\w+", text))
    seen, missing = set(), []

    def walk(message):
        if message.full_name in seen or not message.full_name.startswith("pretext."):
            return
        seen.add(message.full_name)
        for field in message.fields:
            if field.name not in words:
                missing.append(f"{message.name}.{field.name}")
            if field.message_type:
                walk(field.message_type)
            for value in field.enum_type.values if field.enum_type else []:
                if value.number and value.name not in words:
                    missing.append(f"{message.name}.{field.name}: {value.name}")

    walk(client.pool.FindMessageTypeByName("pretext.v1.JobSpec"))
    client.close()
    served.stop()
    assert len(seen) > 15
    assert missing == []


def test_every_command_and_exit_code_is_documented(pretext):
    text = (ROOT / "docs" / "command-line.md").read_text()
    help_text = pretext.run("--help").stdout
    script = pretext.run("completion", "bash").stdout
    commands = re.search(r'compgen -W "([^"]+)" -- "\$word"\)\)\n    return', script).group(1).split()
    assert len(commands) > 20
    assert [name for name in commands if f"`pretext {name}" not in text] == []
    named = set(re.findall(r"`pretext ([a-z-]+)", text))
    assert named <= set(commands), named - set(commands)
    codes = set(re.findall(r"\b(\d+) ", help_text.split("Exit codes:")[1]))
    documented = set(re.findall(r"\d+", " ".join(re.findall(r"^\| ([\d, ]+) \|", text, re.MULTILINE))))
    assert codes == documented


def test_the_python_client_of_the_documents_runs(pretext, tmp_path):
    (program,) = blocks("python-client.md", "python")
    (tmp_path / "client.py").write_text(program)
    served = pretext.serve("--listen", "127.0.0.1:0")
    done = subprocess.run([sys.executable, tmp_path / "client.py", served.tcp(),
                           write_pictures(tmp_path / "pictures", 64), tmp_path / "out"],
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert [f"step {i}" for i in range(1, 9)] == re.findall(r"^step \d+", done.stdout, re.MULTILINE)
    assert "ended SUCCEEDED" in done.stdout
    served.stop()


def test_the_programs_that_load_weights_run(pretext, pictures, tmp_path):
    def pretrain(name, backbone, stem, side):
        pretext.run("pretrain", "--data", pictures, "--task", "rotation", "--max-steps", 1, "--batch-size", 4,
                    "--backbone", backbone, "--image-size", side, "--threads", 1,
                    "--set", f"stages[0].pretrain.backbone.stem={stem}", "--out", tmp_path / name)

    pretrain("standard", "resnet18", "STANDARD", 64)
    pretrain("small", "resnet18", "SMALL", 32)
    pretrain("narrow", "resnet10_narrow", "SMALL", 32)
    pretext.run("finetune", "--data", pictures, "--labels", "folders", "--from", tmp_path / "standard",
                "--max-steps", 1, "--batch-size", 4, "--threads", 1, "--out", tmp_path / "finetuned")
    kinds = {"NarrowResNet": "narrow", "pretext.classes": "finetuned", "maxpool": "small"}
    used = []
    for i, program in enumerate(blocks("output-folder.md", "python")):
        used.append(next((name for word, name in kinds.items() if word in program), "standard"))
        file = tmp_path / f"load{i}.py"
        file.write_text(program.replace("OUT/", f"{tmp_path / used[-1]}/"))
        done = subprocess.run([sys.executable, file], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{program}\n{done.stderr}"
    assert sorted(used) == ["finetuned", "narrow", "small", "standard", "standard"]


def test_the_files_of_the_output_folder_are_the_documented_ones(pretext, pictures, tmp_path):
    out = tmp_path / "out"
    pretext.run("pretrain", "--data", pictures, "--task", "rotation", "--backbone", "resnet10_narrow", "--epochs", 1,
                "--batch-size", 16, "--image-size", 32, "--threads", 1, "--out", out)
    documented = re.findall(r"^\| `([^`]+)` \|", (ROOT / "docs" / "output-folder.md").read_text(), re.MULTILINE)
    names = {re.split(r"[/*]", path)[0].rstrip(".") for path in documented if not path.startswith("pretext.")}
    found = {path.name.split(".tfevents")[0] for path in out.iterdir()}
    missing = [name for name in found if name not in {n.split(".tfevents")[0] for n in names}]
    assert missing == [], f"not documented: {missing}"
    for pattern in [path.replace("STAGE-STEP", "*").replace("STAGE", "pretrain") for path in documented
                    if re.match(r"(job.yaml|exported|results|metrics|events|plots|log|checkpoints)", path)]:
        assert list(out.glob(pattern.rstrip("/"))), pattern
    row = json.loads((out / "metrics.jsonl").read_text().splitlines()[-1])
    text = (ROOT / "docs" / "output-folder.md").read_text()
    for name in row:
        short = name.removeprefix("pretrain/")
        assert f'"{name}"' in text or f"`{short}`" in text or short.startswith("rotation_"), f"{name} is not documented"
