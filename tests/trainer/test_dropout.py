"""Dropout and attention on a CPU are torch's but for which elements are drawn."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from trainer.dropout import CheapDropout, attention, dropout


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_the_share_is_dropped_and_the_rest_makes_up_for_it(p: float) -> None:
    torch.manual_seed(0)
    x = torch.full((321, 1001), 2.0, requires_grad=True)
    y = dropout(x, p)
    (y * 3).sum().backward()
    kept = y != 0
    assert kept.float().mean().item() == pytest.approx(1 - p, abs=0.005)
    assert y.mean().item() == pytest.approx(2, abs=0.01)
    assert x.grad is not None
    assert torch.equal(x.grad, 1.5 * y)  # the gradient goes where the value went
    columns = kept.float().mean(dim=0)  # every one of the eight bytes of a draw is as random
    assert (columns - (1 - p)).abs().max().item() < 0.15
    assert dropout(x, p, training=False) is x
    assert dropout(x, 0.0) is x


def test_what_is_dropped_is_a_function_of_the_seed_alone() -> None:
    x, found = torch.ones(10_007), []
    threads = torch.get_num_threads()
    for count in (1, 2):
        torch.set_num_threads(count)
        torch.manual_seed(7)
        found.append(dropout(x, 0.1))
    torch.set_num_threads(threads)
    assert torch.equal(*found)
    assert not torch.equal(found[0], dropout(x, 0.1))


@pytest.mark.parametrize("mask", ["none", "bool", "addend", "causal"])
@pytest.mark.parametrize("scale", [None, 0.3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attention_is_that_of_torch(mask: str, scale: float | None, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, 3, 5, 4).to(dtype) for _ in range(3))
    reads = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])[:, None, None, :]
    addend = torch.zeros(2, 1, 1, 5, dtype=dtype).masked_fill_(~reads, torch.finfo(dtype).min)
    given: dict[str, Any] = {
        "attn_mask": {"bool": reads, "addend": addend}.get(mask),
        "is_causal": mask == "causal",
        "scale": scale,
    }
    expected = F.scaled_dot_product_attention(query, key, value, **given)
    found = attention(query, key, value, **given)
    near = {torch.float32: 1e-6, torch.bfloat16: 1e-2}[dtype]
    torch.testing.assert_close(found, expected, atol=near, rtol=near)


def test_it_takes_the_place_of_torchs_own_in_modules_and_in_attention() -> None:
    x = torch.ones(64, 64)
    heads = x.view(1, 1, 64, 64)
    for work in (
        torch.nn.Dropout(0.25),
        lambda _: F.scaled_dot_product_attention(heads, heads, heads, dropout_p=0.25),
    ):
        torch.manual_seed(0)
        own = work(x)
        torch.manual_seed(0)
        with CheapDropout():
            cheap = work(x)
        assert not torch.equal(cheap, own)
    torch.manual_seed(0)
    expected = dropout(x, 0.25)
    torch.manual_seed(0)
    with CheapDropout():
        assert torch.equal(torch.nn.Dropout(0.25)(x), expected)
