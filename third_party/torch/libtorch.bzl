"""LibTorch out of PyTorch's wheel, as the external repository @libtorch.

Targets: :torch (CPU), :torch_cuda (adds CUDA and NCCL; links on a machine without a GPU).
The wheels are unpacked by deploy/install_dependencies.sh into one folder, as pip would. Headers of CUDA and NCCL
come from the CUDA toolkit in $CUDA_HOME (default /usr/local/cuda); only :torch_cuda needs them.
"""

def _impl(ctx):
    site = ctx.os.environ.get("LIBTORCH_SITE") or ctx.os.environ.get("HOME") + "/.cache/pretext/libtorch"
    torch = ctx.path(site + "/torch")
    if not torch.exists:
        fail("no LibTorch under %s; run deploy/install_dependencies.sh" % site)

    # Not include/google: the wheel's Protobuf 3.13 headers would shadow the system's.
    for name in ["ATen", "c10", "torch", "caffe2", "kineto"]:
        if torch.get_child("include").get_child(name).exists:
            ctx.symlink(torch.get_child("include").get_child(name), "include/" + name)
    lib = site + "/torch/lib"
    cuda = site + "/nvidia/cu13/lib"
    if not ctx.path(cuda).exists:
        fail("no %s; run deploy/install_dependencies.sh" % cuda)
    toolkit = ctx.path((ctx.os.environ.get("CUDA_HOME") or "/usr/local/cuda") + "/include")
    if toolkit.get_child("cuda_runtime_api.h").exists:
        ctx.symlink(toolkit, "cuda")
    rpaths = ["-L" + lib, "-Wl,-rpath," + lib, "-Wl,-rpath-link," + cuda]
    ctx.file("BUILD.bazel", """package(default_visibility = ["//visibility:public"])

cc_library(
    name = "torch",
    hdrs = glob(["include/**"]),
    defines = ["USE_DISTRIBUTED", "USE_C10D_GLOO"],
    includes = ["include", "include/torch/csrc/api/include"],
    linkopts = {cpu},
)

cc_library(
    name = "torch_cuda",
    defines = ["USE_C10D_NCCL", "USE_CUDA"],
    hdrs = glob(["cuda/**"]) or [":no_cuda_toolkit"],
    includes = ["cuda"],
    linkopts = {cuda},
    deps = [":torch"],
)

# Stops a build for GPUs where there is no toolkit, with the reason.
genrule(
    name = "no_cuda_toolkit",
    outs = ["cuda/no_cuda_toolkit.h"],
    cmd = "echo 'no cuda_runtime_api.h in {toolkit}; set CUDA_HOME to a CUDA 13 toolkit' >&2; exit 1",
)
""".format(
        toolkit = toolkit,
        cpu = rpaths + ["-Wl,--no-as-needed", "-ltorch_cpu", "-lc10", "-Wl,--as-needed"],
        cuda = ["-Wl,--no-as-needed", "-ltorch_cuda", "-lc10_cuda", "-Wl,--as-needed", "-Wl,--allow-shlib-undefined", "-Wl,--unresolved-symbols=ignore-in-shared-libs"],
    ))

libtorch = repository_rule(implementation = _impl, environ = ["CUDA_HOME", "LIBTORCH_SITE", "HOME"], local = True)
