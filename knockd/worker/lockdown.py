"""The packet process gives up what it can once its captures are open: in order, and for good.

World: this process's rights.
"""

from __future__ import annotations

from collections.abc import Collection

from knockd.process import seccomp
from knockd.process.privileges import PrivilegeError, User, give_up


def lock_down(user: User | None, links: Collection[int], captures: Collection[int], *, required: bool) -> str:
    """Becomes ``user``, loses every right, and all system calls but those on its descriptors.

    Returns what it has to keep all the same, and why; empty when there is nothing. With
    ``required`` PrivilegeError is raised when it cannot become ``user``.
    """
    kept = give_up(user, max(2, *links, *captures) + 1)
    reasons = list(kept.rights)
    if user is not None and kept.identity:
        why = f"it cannot become {user.name} ({', '.join(kept.identity)})"
        if required:
            raise PrivilegeError(f"packet process: {why}; start knockd as root, or leave User out")
        reasons.insert(0, why)
    try:
        seccomp.restrict(links, captures)
    except OSError as error:
        reasons.append(str(error.strerror))
    return ", ".join(reasons)
