"""The precisions of `hardware.precision`: the dtype of the weights in each, and the devices that have it."""

from __future__ import annotations

import os

import torch

WEIGHTS = {
    "float32": torch.float32,
    "tf32": torch.float32,
    "bfloat16": torch.float32,  # by autocast
    "float64": torch.float64,
}
"""The dtype of the weights by precision."""

_TENSOR_CORES = (8, 0)  # the compute capability of the first NVIDIA GPUs with TF32 and bfloat16
_MACOS = 14, 0  # the first with bfloat16 on MPS


def precisions(device: torch.device) -> list[str]:
    """The precisions that `device` can compute in."""
    return [precision for precision in WEIGHTS if lack(device, precision) is None]


def lack(device: torch.device, precision: str) -> str | None:
    """Why `device` cannot compute in `precision`, in a few words; None where it can."""
    if precision == "tf32" and (device.type != "cuda" or torch.version.hip):
        return f"TF32 is the arithmetic of NVIDIA GPUs, and the device is {device}"
    if precision == "tf32" and os.environ.get("NVIDIA_TF32_OVERRIDE") == "0":  # above all that a program sets
        return "NVIDIA_TF32_OVERRIDE=0 in the environment keeps NVIDIA's libraries from it: unset it"
    if precision in ("tf32", "bfloat16") and device.type == "cuda" and not torch.version.hip:
        capability = torch.cuda.get_device_capability(device)
        if capability < _TENSOR_CORES:
            name, has = torch.cuda.get_device_name(device), "{}.{}".format(*capability)
            return f"{name} has compute capability {has}, and {precision} begins at 8.0"
    if precision == "bfloat16" and device.type == "mps" and not torch.backends.mps.is_macos_or_newer(*_MACOS):
        return "MPS has bfloat16 from macOS 14 on"
    if precision == "float64" and device.type == "mps":
        return "MPS has no float64"
    return None
