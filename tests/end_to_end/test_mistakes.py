"""Mistakes are all reported at once, with where they stand."""


def test_submit_reports_five_mistakes_with_their_lines(pretext, tmp_path):
    spec = tmp_path / "job.yaml"
    spec.write_text("""name: five
data: {images: /data/pictures}
stages:
- pretrain:
    backbone: {name: resnet19}
    tasks:
    - moco: {temprature: 0.2}
    - {weight: -1, rotation: {}}
    epochs: many
    batch_size: 256
resources: {world_size: 3}
""")
    done = pretext.run("submit", spec, code=64)
    for line, what in [(5, "resnet19"), (7, "temprature"), (8, "weight"), (9, "epochs"), (11, "world_size")]:
        assert any(f"{spec.name}:{line}" in text and what in text for text in done.stderr.splitlines()), (
            f"line {line} ({what}) is not reported:\n{done.stderr}")
    assert "temperature" in done.stderr, "the nearest name is not offered"
