"""What a run sets in torch is put back."""

import pytest
import torch

from bench.hardware.settings import torch_settings_kept, using_threads


@pytest.fixture
def odd_torch():
    """Torch set as no run would have it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(7)
    yield
    torch.set_num_threads(threads)
    torch.set_default_dtype(torch.float32)


def settings():
    return (
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
    )


def upset():
    torch.manual_seed(1)
    torch.rand(9)
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.bfloat16)
    torch.set_grad_enabled(False)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.enable_grad, torch.inference_mode])
def test_torch_is_left_as_it_was_found(odd_torch, mode):
    wanted = torch.rand(3)
    torch.manual_seed(7)
    with mode():
        before = settings()
        with torch_settings_kept():
            assert settings() == (3, torch.float32, True, False)
            upset()
        assert settings() == before
    assert torch.equal(torch.rand(3), wanted)


@pytest.mark.parametrize("kind", ["cpu", "cuda", "mps"])
def test_autocast_of_the_user_s_is_off_and_then_on_again(kind):
    torch.set_autocast_enabled(kind, True)
    try:
        with torch_settings_kept():
            assert not torch.is_autocast_enabled(kind)
        assert torch.is_autocast_enabled(kind)
    finally:
        torch.set_autocast_enabled(kind, False)


def test_an_error_leaves_it_so_too(odd_torch):
    before = settings(), torch.get_rng_state()
    with pytest.raises(KeyError), torch_settings_kept():
        upset()
        raise KeyError
    assert settings() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])


def test_threads_are_those_asked_for_and_then_those_before():
    before = torch.get_num_threads()
    with using_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
