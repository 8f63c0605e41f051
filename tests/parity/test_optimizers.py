"""The optimizers against torch.optim's, step by step, from the same parameters and gradients."""

import pytest
import torch
from safetensors.torch import load_file, save_file

# In the order of the file, which is by name: a norm's last bit depends on the order of its terms.
SHAPES = {"bn.weight": (8,), "conv.weight": (8, 5, 3, 3), "conv1x1.weight": (16, 8, 1, 1), "fc.bias": (10,),
          "fc.weight": (10, 37)}
RATES = [0.1, 0.05, 0.2, 0.01, 0.03, 0.07]
MOMENTA = [0.9, 0.9, 0.95, 0.85, 0.8, 0.9]
# The convolution gets its first gradient late, and the bias loses its own.
ABSENT = {("conv.weight", 0), ("conv.weight", 1), ("fc.bias", 4), ("fc.bias", 5)}


def make_tensors(absent=ABSENT):
    generator = torch.Generator().manual_seed(5)
    parameters = {name: torch.randn(shape, generator=generator) for name, shape in SHAPES.items()}
    gradients = [{name: torch.randn(shape, generator=generator) * (1 + step) for name, shape in SHAPES.items()
                  if (name, step) not in absent} for step in range(len(RATES))]
    return parameters, gradients


def pytorch(kind, parameters, gradients, weight_decay, clip_norm, momenta, **options):
    """Parameters, optimizer state and gradient norms as torch.optim gives them."""
    parameters = {name: torch.nn.Parameter(tensor.clone()) for name, tensor in parameters.items()}
    groups = [{"params": [p for p in parameters.values() if p.dim() > 1], "weight_decay": weight_decay},
              {"params": [p for p in parameters.values() if p.dim() <= 1], "weight_decay": 0.0}]
    if kind == "SGD":
        optimizer = torch.optim.SGD(groups, lr=1.0, momentum=0.9, **options)
    else:
        optimizer = torch.optim.AdamW(groups, lr=1.0, betas=(0.9, 0.99), eps=1e-5, **options)
    norms = []
    for step, (rate, momentum) in enumerate(zip(RATES, momenta)):
        for group in optimizer.param_groups:
            group["lr"] = rate
            group.update({"momentum": momentum} if kind == "SGD" else {"betas": (momentum, 0.99)})
        for name, parameter in parameters.items():
            gradient = gradients[step].get(name)
            parameter.grad = None if gradient is None else gradient.clone()
        largest = clip_norm if clip_norm > 0 else float("inf")
        norms.append(torch.nn.utils.clip_grad_norm_(parameters.values(), largest))
        optimizer.step()
    state = {f"{name}.{key}": value for name, parameter in parameters.items()
             for key, value in optimizer.state[parameter].items() if value is not None}
    return {name: parameter.detach() for name, parameter in parameters.items()}, state, norms


@pytest.fixture
def steps(run_program, tmp_path):
    def run(kind, parameters, gradients, weight_decay, clip_norm, momenta, *flags):
        tensors = {f"p.{name}": tensor for name, tensor in parameters.items()}
        for step, of_step in enumerate(gradients):
            tensors.update({f"g.{step}.{name}": tensor for name, tensor in of_step.items()})
        save_file(tensors, tmp_path / "in.safetensors")
        run_program("//worker/optim:optimizer_steps", "--kind", kind, "--input", tmp_path / "in.safetensors",
                    "--output", tmp_path / "out.safetensors", "--weight_decay", weight_decay, "--clip_norm",
                    clip_norm, "--learning_rates", *RATES, "--momenta", *momenta, *flags)
        return load_file(tmp_path / "out.safetensors")

    return run


@pytest.mark.parametrize("kind", ["SGD", "ADAMW"])
@pytest.mark.parametrize("weight_decay, clip_norm", [(0.0, 0.0), (0.1, 0.0), (0.1, 5.0)])
@pytest.mark.parametrize("flags", [(), ("--channels_last",)], ids=["row_major", "channels_last"])
def test_steps_equal_torch_optims(steps, kind, weight_decay, clip_norm, flags):
    parameters, gradients = make_tensors()
    got = steps(kind, parameters, gradients, weight_decay, clip_norm, MOMENTA, *flags)
    want, state, norms = pytorch(kind, parameters, gradients, weight_decay, clip_norm, MOMENTA, foreach=False)
    for name, tensor in {**want, **state}.items():
        torch.testing.assert_close(got[name].to(tensor.dtype), tensor, rtol=1e-5, atol=1e-6, msg=name)
    for step, norm in enumerate(norms):
        torch.testing.assert_close(got[f"norm.{step}"], norm, rtol=1e-6, atol=0)
    assert set(got) == set(want) | set(state) | {f"norm.{step}" for step in range(len(RATES))}


@pytest.mark.parametrize("kind", ["SGD", "ADAMW"])
@pytest.mark.parametrize("clip_norm", [0.0, 5.0])
def test_steps_are_those_of_torch_optims_fused_kernels_bit_for_bit(steps, kind, clip_norm):
    # With all gradients there: PyTorch's fused SGD refuses parameters that have taken unlike numbers of steps.
    parameters, gradients = make_tensors(absent=())
    got = steps(kind, parameters, gradients, 0.1, clip_norm, MOMENTA)
    want, state, _ = pytorch(kind, parameters, gradients, 0.1, clip_norm, MOMENTA, fused=True)
    for name, tensor in {**want, **state}.items():
        assert torch.equal(got[name].to(tensor.dtype), tensor), name


def test_sgd_without_momentum_is_torch_optims(steps):
    parameters, gradients = make_tensors()
    got = steps("SGD", parameters, gradients, 0.1, 0.0, [0.0] * len(RATES))
    want, _, _ = pytorch("SGD", parameters, gradients, 0.1, 0.0, [0.0] * len(RATES), foreach=False)
    for name, tensor in want.items():
        torch.testing.assert_close(got[name], tensor, rtol=1e-6, atol=1e-7)
    assert not any(name.endswith("momentum_buffer") for name in got)
