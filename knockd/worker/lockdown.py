"""The packet process gives up what it can once its captures are open: in order, and for good."""

from __future__ import annotations

from collections.abc import Collection

from knockd.edge import seccomp
from knockd.edge.privileges import PrivilegeError, User, give_up


def lock_down(user: User | None, link: int, captures: Collection[int], *, required: bool) -> str:
    """Becomes ``user``, loses every right, and all system calls but those on its descriptors.

    Returns what it has to keep all the same, and why; empty when there is nothing. With
    ``required`` PrivilegeError is raised when it cannot become ``user``.
    """
    kept = give_up(user, max(2, link, *captures) + 1)
    reasons = list(kept.rights)
    if user is not None and kept.identity:
        why = f"it cannot become {user.name} ({', '.join(kept.identity)})"
        if required:
            raise PrivilegeError(f"packet process: {why}; start knockd as root, or leave User out")
        reasons.insert(0, why)
    try:
        seccomp.restrict(link, captures)
    except OSError as error:
        reasons.append(str(error.strerror))
    return ", ".join(reasons)
