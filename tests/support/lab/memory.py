"""What is in the memory of a process (proc(5))."""

from __future__ import annotations

from pathlib import Path


def occurrences(pid: int, text: bytes) -> int:
    """How often a text is in the memory of a process, whatever it is mapped for."""
    found = 0
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            bounds, rights = line.split()[:2]
            if "r" not in rights or line.endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                continue
            low, high = (int(bound, 16) for bound in bounds.split("-"))
            memory.seek(low)
            try:
                found += memory.read(high - low).count(text)
            except OSError:  # a page of a file that has become shorter, the capture's ring
                continue
    return found
