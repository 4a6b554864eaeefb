"""Wheels of one module each, for tests that install something."""

from __future__ import annotations

import base64
import hashlib
import zipfile


def write_wheel(folder, name, version, source=None, needs=(), size_bytes=0):
    """Write a wheel, and return its path.

    Parameters
    ----------
    source : str, optional
        Text of its only module, which has the package's name.
    needs : sequence of str
        Requirements.
    size_bytes : int
        Length of a file of incompressible data that it has besides.
    """
    tag = "py3-none-any"
    stem = name.replace("-", "_")
    info = f"{stem}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1\n", f"Name: {name}\n", f"Version: {version}\n"]
    lines += [f"Requires-Dist: {need}\n" for need in needs]
    files = {
        f"{stem}.py": (source or f"version = {version!r}\n").encode(),
        f"{info}/METADATA": "".join(lines).encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
    }
    if size_bytes:
        files[f"{stem}_data.bin"] = b"".join(
            hashlib.sha256(f"{name}{i}".encode()).digest() for i in range(size_bytes // 32)
        )
    rows = [f"{path},{_hash(content)},{len(content)}" for path, content in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()
    wheel = folder / f"{stem}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return wheel


def _hash(content):
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode()
    return "sha256=" + digest.rstrip("=")
