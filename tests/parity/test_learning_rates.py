"""Learning rates against PyTorch's schedulers where there is an equal one, else against the papers' and
fastai's formulas, written down here a second time."""

import json
import math

import pytest
import torch


@pytest.fixture
def trace(run_program):
    """trace("one_cycle", steps=100, ...) -> {"learning_rate": [...], "momentum": [...]}"""

    def run(schedule, **options):
        arguments = [word for name, value in options.items() for word in (f"--{name}", repr(value))]
        return json.loads(run_program("//worker/optim:rate_traces", schedule, *arguments).stdout)

    return run


def cosine(start, end, share):
    """fastai's SchedCos."""
    return start + (1 + math.cos(math.pi * (1 - share))) * (end - start) / 2


def one_cycle(peak, position, rise, div, div_final=1e5, momenta=(0.95, 0.85, 0.95)):
    """fastai's Learner.fit_one_cycle at `position` = batches done / batches: (rate, momentum)."""
    if position < rise:
        share = position / rise
        return cosine(peak / div, peak, share), cosine(momenta[0], momenta[1], share)
    share = (position - rise) / (1 - rise)
    return cosine(peak, peak / div_final, share), cosine(momenta[1], momenta[2], share)


def fine_tune(base, groups, frozen_batches, batches, multiplier=100):
    """fastai's Learner.fine_tune: for each batch of both phases, (rate, momentum) of each group. slice(x) is x
    for the last group and x / 10 for the others; slice(a, b) is a geometric series."""
    for batch in range(frozen_batches):
        peaks = [base / 10] * (groups - 1) + [base]
        yield [one_cycle(peak, batch / frozen_batches, rise=0.99, div=25) for peak in peaks]
    base /= 2
    for batch in range(batches):
        ratio = multiplier ** (1 / (groups - 1)) if groups > 1 else 1
        peaks = [base / ratio**i for i in reversed(range(groups))]
        yield [one_cycle(peak, batch / batches, rise=0.3, div=5) for peak in peaks]


def check_groups(got, want):
    assert len(got["learning_rate"]) == len(want)
    for rates, momenta, groups in zip(got["learning_rate"], got["momentum"], want):
        assert rates == pytest.approx([rate for rate, _ in groups], rel=1e-9)
        assert momenta == pytest.approx([momentum for _, momentum in groups], rel=1e-9)


@pytest.mark.parametrize("steps", [1, 7, 100])
@pytest.mark.parametrize("peak, rise, div", [(1e-3, 0.25, 25.0), (0.3, 0.4, 10.0), (2e-3, 0.99, 25.0)])
def test_one_cycle_is_fastais(trace, steps, peak, rise, div):
    got = trace("one_cycle", peak=peak, steps=steps, rise=rise, div=div)
    want = [one_cycle(peak, step / steps, rise, div) for step in range(steps)]
    assert got["learning_rate"] == pytest.approx([rate for rate, _ in want], rel=1e-9)
    assert got["momentum"] == pytest.approx([momentum for _, momentum in want], rel=1e-9)


@pytest.mark.parametrize("groups", [1, 2, 3, 5])
def test_fine_tune_is_fastais_in_both_phases(trace, groups):
    want = list(fine_tune(2e-3, groups, frozen_batches=13, batches=40))
    check_groups(trace("fine_tune_frozen", peak=2e-3, steps=13, groups=groups), want[:13])
    check_groups(trace("fine_tune_unfrozen", peak=2e-3, steps=40, groups=groups), want[13:])


def test_fine_tunes_rates_as_fastai_itself_gave_them(trace):
    """From a run of fastai 2.8.12: fine_tune(5, base_lr=2e-3, freeze_epochs=3) over 20 batches an epoch and
    three layer groups. It computes in single precision."""
    frozen = trace("fine_tune_frozen", peak=2e-3, steps=60, groups=3)
    unfrozen = trace("fine_tune_unfrozen", peak=2e-3, steps=100, groups=3)
    recorded = [
        (frozen, 0, [8e-06, 8e-06, 8e-05], 0.95),
        (frozen, 30, [0.0001055231, 0.0001055231, 0.001055231], 0.89920671),
        (frozen, 59, [0.0001999785, 0.0001999785, 0.001999785], 0.85001119),
        (unfrozen, 0, [2e-06, 2e-05, 0.0002], 0.95),
        (unfrozen, 15, [6e-06, 6e-05, 0.0006], 0.9),
        (unfrozen, 30, [1e-05, 0.0001, 0.001], 0.85),
        (unfrozen, 65, [5.00005e-06, 5.00005e-05, 0.000500005], 0.9),
        (unfrozen, 99, [5.134595e-09, 5.134595e-08, 5.134595e-07], 0.94994965),
    ]
    for got, batch, rates, momentum in recorded:
        assert got["learning_rate"][batch] == pytest.approx(rates, rel=1e-5)
        assert got["momentum"][batch] == pytest.approx([momentum] * 3, rel=1e-6)


@pytest.mark.parametrize("steps", [10, 57, 100])
def test_ulmfit_is_the_papers_slanted_triangle_divided_by_group(trace, steps):
    peak, cut_share, ratio = 0.01, 0.1, 32
    cut = math.floor(steps * cut_share)
    got = trace("ulmfit", peak=peak, steps=steps, groups=4)
    for step in range(steps):
        p = step / cut if step < cut else 1 - (step - cut) / (cut * (1 / cut_share - 1))
        # Rounding the cut down may let the fall end early; the rate then stays at its lowest.
        rate = peak * (1 + max(0, p) * (ratio - 1)) / ratio
        assert got["learning_rate"][step] == pytest.approx([rate / 2.6**i for i in (3, 2, 1, 0)], rel=1e-9)


@pytest.mark.parametrize("steps, warmup", [(100, 0.1), (50, 0.02), (30, 0.0), (64, 0.25)])
def test_warmup_cosine_is_pytorchs_two_schedulers_in_sequence(trace, steps, warmup):
    got = trace("warmup_cosine", peak=0.03, steps=steps, warmup=warmup)
    warmup_steps = round(steps * warmup)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.03)
    schedulers = [torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps - warmup_steps)]
    if warmup_steps > 0:
        schedulers.insert(0, torch.optim.lr_scheduler.LinearLR(
            optimizer, start_factor=1 / (warmup_steps + 1), end_factor=1, total_iters=warmup_steps))
    milestones = [warmup_steps] if warmup_steps > 0 else []
    scheduler = torch.optim.lr_scheduler.SequentialLR(optimizer, schedulers, milestones)
    want = []
    for _ in range(steps):
        want.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert got["learning_rate"] == pytest.approx(want, rel=1e-6, abs=1e-12)
