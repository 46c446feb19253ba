"""Whether a file lies on a disk of this machine, which no other can have mounted at the same time."""

from __future__ import annotations

import re
from pathlib import Path

_LOCAL = {"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "tmpfs", "overlay"}
"""File systems that one machine at a time can have mounted. Whatever is not named here may be shared."""


def is_local(descriptor: int) -> bool:
    """Return whether an open file is on such a disk; False where that is not known.

    Others may still reach it through this machine, as clients of its NFS server do; for them it is not local.
    """
    try:
        said = Path(f"/proc/self/fdinfo/{descriptor}").read_text("ascii")
        mount = re.search(r"^mnt_id:\s*(\d+)$", said, re.MULTILINE)
        mounts = Path("/proc/self/mountinfo").read_text("utf-8", "replace")
    except OSError:  # no Linux
        return False
    kind = mount and re.search(rf"^{mount[1]} .*? - (\S+) ", mounts, re.MULTILINE)
    return bool(kind) and kind[1] in _LOCAL
