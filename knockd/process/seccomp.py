"""Takes system calls away from this process. The only file that installs a seccomp program.

World: system calls.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Collection

from knockd_bpf.instruction import pack
from knockd_bpf.seccomp import Machine, find_machine, seccomp_program

_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2  # linux/prctl.h, linux/seccomp.h

_prctl = ctypes.CDLL(None, use_errno=True).prctl
_prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_char_p)


def find_own_machine() -> Machine | None:
    """The machine whose calls this process makes; None: we have no numbers of them."""
    return find_machine(os.uname().machine, struct.calcsize("P"), sys.byteorder)


def restrict(links: Collection[int], captures: Collection[int]) -> bool:
    """Leaves only the calls that the packet process needs, for good; no_new_privs must be set.

    Returns False on machines whose calls we have no numbers of, and where the kernel has no
    seccomp. Raises OSError where it has and does not take the program.
    """
    machine = find_own_machine()
    if machine is None:
        return False
    if _set(None) == errno.EINVAL:  # a kernel with seccomp finds no program at address 0: EFAULT
        return False
    program = seccomp_program(machine, links, captures)
    code = ctypes.create_string_buffer(pack(program))
    failed = _set(struct.pack("@HP", len(program), ctypes.addressof(code)))
    if failed:
        raise OSError(failed, f"seccomp: {os.strerror(failed)}")
    return True


def _set(program: bytes | None) -> int:
    """Hands a struct sock_fprog to the kernel; the error number, 0 for none."""
    return ctypes.get_errno() if _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program) else 0
