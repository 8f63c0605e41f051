"""A client of the coordinator that knows no schema beforehand: it asks the server for it."""

import time

import grpc
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

# How long a call that should answer at once may take on a busy machine.
PATIENCE_SECONDS = 60


class ReflectionClient:
    """client.call("GetJob", name="jobs/1") -> a message; client.stream(...) -> an iterator of messages.

    Requests are given as keyword arguments in protobuf's JSON form.
    """

    def __init__(self, address, service="pretext.v1.JobService"):
        # Nothing of this machine stands between, and a restarted server is found again soon.
        self.channel = grpc.insecure_channel(address, options=[
            ("grpc.enable_http_proxy", 0), ("grpc.max_reconnect_backoff_ms", 500)])
        self.database = ProtoReflectionDescriptorDatabase(self.channel)
        self.pool = DescriptorPool(self.database)
        self.service = self.pool.FindServiceByName(service)

    def message(self, name, **fields):
        cls = message_factory.GetMessageClass(self.pool.FindMessageTypeByName(name))
        return json_format.ParseDict(fields, cls())

    def _prepare(self, method, fields):
        descriptor = self.service.FindMethodByName(method)
        request = json_format.ParseDict(fields, message_factory.GetMessageClass(descriptor.input_type)())
        answer = message_factory.GetMessageClass(descriptor.output_type)
        kind = self.channel.unary_stream if descriptor.server_streaming else self.channel.unary_unary
        call = kind(f"/{self.service.full_name}/{method}", request_serializer=type(request).SerializeToString,
                    response_deserializer=answer.FromString)
        return call, request

    def call(self, method, **fields):
        """Called again while the coordinator is away. A method that may not happen twice needs a request_id."""
        call, request = self._prepare(method, fields)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return call(request, timeout=PATIENCE_SECONDS, wait_for_ready=True)
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE or time.monotonic() > deadline:
                    raise

    def stream(self, method, seconds=PATIENCE_SECONDS, **fields):
        call, request = self._prepare(method, fields)
        return call(request, timeout=seconds, wait_for_ready=True)

    def state(self, name):
        """The job's state as a word, "RUNNING"."""
        job = self.call("GetJob", name=name)
        return job.DESCRIPTOR.fields_by_name["state"].enum_type.values_by_number[job.state].name

    def points(self, name, **fields):
        """Every metric point that there is now."""
        return [point for record in self.stream("StreamMetrics", name=name, **fields) for point in record.points]

    def close(self):
        self.channel.close()
