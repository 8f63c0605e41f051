"""The service from another language, with nothing but what the server says about itself."""

import uuid

import grpc
import pytest
from programs import write_pictures
from reflection_client import ReflectionClient


def job(pictures, output, steps):
    return {
        "name": "from-python",
        "data": {"images": str(pictures)},
        "output": str(output),
        "resources": {"worldSize": 1, "threads": 1, "dataThreads": 1},
        "stages": [{"pretrain": {"backbone": {"name": "resnet10_narrow"}, "tasks": [{"rotation": {}}],
                                 "maxSteps": str(steps), "batchSize": 16, "imageSize": 32}}],
    }


@pytest.fixture
def api(pretext):
    served = pretext.serve("--listen", "127.0.0.1:0")
    client = ReflectionClient(served.tcp())
    yield client
    client.close()
    served.stop()


def state_name(message):
    return message.DESCRIPTOR.fields_by_name["state"].enum_type.values_by_number[message.state].name


def test_reflection_lists_the_services(api):
    assert {"pretext.v1.JobService", "pretext.v1.ClusterService", "grpc.health.v1.Health"} <= set(
        api.database.get_services())


def test_create_watch_and_stream_metrics_to_the_end(api, tmp_path):
    pictures = write_pictures(tmp_path / "pictures", 64)
    request = {"spec": job(pictures, tmp_path / "out", 30), "requestId": str(uuid.uuid4())}
    created = api.call("CreateJob", **request)
    assert created.name.startswith("jobs/")
    # Asked again, as after a lost answer: the same job.
    assert api.call("CreateJob", **request).name == created.name

    steps, cursor, terminal = [], 0, None
    seen_at = {}  # cursor: how many points had come by then
    for record in api.stream("StreamMetrics", 600, name=created.name, metrics=["pretrain/loss"], follow=True):
        steps += [point.step for point in record.points]
        assert record.cursor >= cursor
        cursor = record.cursor
        seen_at[cursor] = len(steps)
        assert terminal is None, "something follows the terminal record"
        terminal = record.terminal if record.HasField("terminal") else None
    assert terminal is not None and state_name(terminal) == "SUCCEEDED"
    assert steps == list(range(1, 31))

    states = []
    for record in api.stream("WatchJob", 600, name=created.name):
        if record.HasField("job"):
            states.append(state_name(record.job))
            assert record.job.revision > 0
        else:
            assert state_name(record.terminal) == "SUCCEEDED"
            states.append("terminal")
    assert states[-1] == "terminal" and "SUCCEEDED" in states

    # From any cursor: what came after it, once.
    assert len(seen_at) > 1, "all points came at once: nothing is shown"
    for cursor, seen in [(0, 0), *seen_at.items()]:
        records = api.stream("StreamMetrics", 60, name=created.name, metrics=["pretrain/loss"], cursor=cursor)
        assert [point.step for record in records for point in record.points] == steps[seen:]

    lines = [line.text for record in api.stream("TailLogs", 60, name=created.name) for line in record.lines]
    assert lines
    artifacts = {artifact.path for artifact in api.call("ListArtifacts", name=created.name).artifacts}
    assert "exported/backbone.safetensors" in artifacts


def test_cancel_ends_every_stream_with_a_terminal_record(api, tmp_path):
    pictures = write_pictures(tmp_path / "pictures", 64)
    name = api.call("CreateJob", spec=job(pictures, tmp_path / "out", 1000000)).name
    watch = api.stream("WatchJob", 600, name=name)
    metrics = api.stream("StreamMetrics", 600, name=name, follow=True)
    logs = api.stream("TailLogs", 600, name=name, follow=True)
    next(record for record in metrics if record.points)  # it trains
    api.call("CancelJob", name=name, reason="enough")
    for stream in (watch, metrics, logs):
        *_, last = stream
        assert last.HasField("terminal") and state_name(last.terminal) == "CANCELLED"
        assert "enough" in last.terminal.reason


def test_errors_carry_their_details(api, tmp_path):
    pictures = write_pictures(tmp_path / "pictures", 8)
    spec = job(pictures, tmp_path / "out", 10)
    spec["stages"][0]["pretrain"]["backbone"]["name"] = "resnet19"
    spec["resources"]["worldSize"] = 3
    with pytest.raises(grpc.RpcError) as error:
        api.call("CreateJob", spec=spec)
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    details = dict(error.value.trailing_metadata())["grpc-status-details-bin"]
    assert b"google.rpc.BadRequest" in details and b"google.rpc.ErrorInfo" in details
    assert b"stages[0].pretrain.backbone.name" in details and b"resources.world_size" in details
    with pytest.raises(grpc.RpcError) as error:
        api.call("GetJob", name="jobs/never")
    assert error.value.code() == grpc.StatusCode.NOT_FOUND
