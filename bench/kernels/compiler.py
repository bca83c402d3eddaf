"""Compiling a kernel with the machine's C++ compiler, and finding it again on the disk."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from filelock import FileLock, Timeout

__all__ = ["NoCompiler", "c_compiler", "compiled", "compiler", "complaint", "version"]

_FLAGS = (
    "-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-ffp-contract=fast", "-nostdinc++", "-fPIC", "-shared",
    "-w",
)  # fmt: skip


_LONGEST = 60.0  # seconds of waiting for another process: it may hang


class NoCompiler(RuntimeError):
    """There is no compiler, or it does not compile the kernel."""


@cache
def compiler() -> tuple[str, ...]:
    """The command of a C++ compiler: `$CXX`, c++, g++, clang++, or that of the package ziglang. Raises NoCompiler."""
    return _found("CXX", ("c++", "g++", "clang++")) or _zig("C++", "-x", "c++")  # its c++ would build a library first


@cache
def c_compiler() -> tuple[str, ...]:
    """The command of a C compiler: `$CC`, cc, gcc, clang, or that of the package ziglang. Raises NoCompiler."""
    return _found("CC", ("cc", "gcc", "clang")) or _zig("C")


def _found(variable: str, names: Sequence[str]) -> tuple[str, ...]:
    """The command that a variable of the environment names, or the first of these programs; nothing if none is here."""
    for words in (os.environ.get(variable, "").split(), *([name] for name in names)):
        if words and (path := shutil.which(words[0])):
            return (path, *words[1:])
    return ()


def _zig(language: str, *flags: str) -> tuple[str, ...]:
    try:
        import ziglang  # type: ignore[import-not-found]  # noqa: F401
    except ImportError:
        raise NoCompiler(f"there is no {language} compiler here: install one, or bench-sequences[kernels]") from None
    return (sys.executable, "-m", "ziglang", "cc", *flags)


@cache
def version() -> str:
    """What the compiler says of itself, in a line. Raises NoCompiler."""
    command = compiler()
    try:
        said = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise NoCompiler(f"{command[0]} does not run ({error})") from error
    return said.strip().partition("\n")[0]


@cache
def _setting() -> str:
    """What decides the machine code beside the source: the compiler, its flags, and what -march=native means here."""
    return " ".join((*compiler(), *_FLAGS, version(), platform.machine(), _features()))


def _features() -> str:
    """The processor's instruction sets, as far as the system tells them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return next(line for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        return platform.processor()


def compiled(source: str, folder: Path) -> ctypes.CDLL:
    """The library of a source, from `folder` where it was compiled before. Raises NoCompiler.

    A file is named by the hash of all that decides its content. Beside it lies the hash of the content, so that one
    that was cut short or altered is compiled again. It appears by one rename. Of several processes one compiles it, and
    the others wait. A folder that cannot be written, or that others can write to, is done without.
    """
    name = hashlib.sha256(f"{_setting()}\n{source}".encode()).hexdigest()[:24]
    path = folder / f"{name}.so"
    if (library := _known(path)) is not None:
        return library
    with _turn(path):
        return _known(path) or _made(source, path)


def _known(path: Path) -> ctypes.CDLL | None:
    """The library that was compiled before; None where there is none that this system loads."""
    if _is_mine(path.parent) and _is_whole(path):
        try:
            return ctypes.CDLL(str(path))
        except OSError:
            pass  # of another system, where folders are shared
    return None


def _made(source: str, path: Path) -> ctypes.CDLL:
    """The library of a source, compiled now, and kept at the path if that can be."""
    try:
        with tempfile.TemporaryDirectory(prefix="bench-kernels-") as work:
            built = _compile(source, Path(work))
            return _loaded([path, built] if _is_kept(built, path) else [built])
    except OSError as error:  # no room, or no folder from which a library may be loaded
        raise NoCompiler(
            f"a kernel can be neither kept in {path.parent} nor made in a temporary folder: {error}"
        ) from error


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """One process at a time makes a kernel: others would have all processors compile what one of them needs once.

    Where no lock can be had, as in a folder that cannot be written, or not within a minute, each makes its own.
    """
    lock = FileLock(path.with_suffix(".lock"), timeout=_LONGEST)
    with suppress(OSError, Timeout, NotImplementedError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_mine(path.parent):
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _loaded(places: Sequence[Path]) -> ctypes.CDLL:
    """A library from the first of several places that the system loads it from: not all let programs run."""
    for path in places[:-1]:
        try:
            return ctypes.CDLL(str(path))
        except OSError:
            pass
    return ctypes.CDLL(str(places[-1]))


def _compile(source: str, work: Path) -> Path:
    text, built = work / "kernel.cpp", work / "kernel.so"
    text.write_text(source, encoding="utf-8")
    command = [*compiler(), *_FLAGS, str(text), "-o", str(built)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    except (OSError, subprocess.SubprocessError) as error:
        raise NoCompiler(f"{command[0]} does not run ({error})") from error
    if done.returncode or not built.is_file():
        raise NoCompiler(f"{command[0]} does not compile the kernel: {complaint(done)}")
    return built


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """What a compiler that made nothing says of it, in a line."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    said = next((line for line in lines if "error" in line), lines[0] if lines else "")
    return said[:200] or f"it ends with {done.returncode}, and says nothing"


def _is_mine(folder: Path) -> bool:
    """Whether nobody else can put code into a folder, as far as the system tells."""
    try:
        status = folder.stat()
    except OSError:
        return False
    return not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o022)


def _is_whole(path: Path) -> bool:
    try:
        return path.with_suffix(".sha256").read_text() == hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, UnicodeDecodeError):
        return False


def _is_kept(built: Path, path: Path) -> bool:
    """Whether a library could be put where the next process finds it."""
    try:
        if not _is_mine(path.parent):
            return False
        content = built.read_bytes()
        for suffix, data in ((".so", content), (".sha256", hashlib.sha256(content).hexdigest().encode())):
            _put(path.with_suffix(suffix), data, 0o755 if suffix == ".so" else 0o644)
    except OSError:
        return False
    return True


def _put(path: Path, data: bytes, mode: int) -> None:
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.")
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
        os.chmod(draft, mode)
        os.replace(draft, path)
    except OSError:
        os.unlink(draft)
        raise
