"""cc_grpc_library: a C++ library of messages and gRPC stubs, made with the system's protoc."""

def cc_grpc_library(name, srcs, services, proto_root = "proto", visibility = None, deps = []):
    """Messages of all srcs, and stubs of those that hold services.

    Args:
      name: the cc_library; NAME_descriptors is the FileDescriptorSet of all srcs.
      srcs: .proto files below proto_root; all of them must belong to one package directory.
      services: the srcs that define services; there may be none.
      proto_root: the import root, from the workspace's root.
      visibility: of the library.
      deps: further cc_library deps.
    """
    stems = [src[:-len(".proto")] for src in srcs]
    service_stems = [src[:-len(".proto")] for src in services]
    headers = [stem + ".pb.h" for stem in stems] + [stem + ".grpc.pb.h" for stem in service_stems]
    sources = [stem + ".pb.cc" for stem in stems] + [stem + ".grpc.pb.cc" for stem in service_stems]
    native.genrule(
        name = name + "_messages",
        srcs = srcs,
        outs = [stem + ext for stem in stems for ext in [".pb.h", ".pb.cc"]],
        cmd = "protoc -I%s -I/usr/include --cpp_out=$(GENDIR)/%s $(SRCS)" % (proto_root, proto_root),
    )
    if services:
        native.genrule(
            name = name + "_stubs",
            # protoc reads the imports of the services too.
            srcs = srcs,
            outs = [stem + ext for stem in service_stems for ext in [".grpc.pb.h", ".grpc.pb.cc"]],
            cmd = "protoc -I%s -I/usr/include --grpc_out=$(GENDIR)/%s " % (proto_root, proto_root) +
                  "--plugin=protoc-gen-grpc=$$(command -v grpc_cpp_plugin) " +
                  " ".join(["$(location %s)" % src for src in services]),
        )
    native.cc_library(
        name = name,
        srcs = sources,
        hdrs = headers,
        # Headers name each other from the import root.
        includes = ["."],
        copts = ["-Wno-unused-parameter", "-w"],
        visibility = visibility,
        deps = deps + ["@grpc//:lib"],
    )
