"""What doors with keys are made of in the daemon: files of notes, the kernel's clock, forked children.

World: the environment and a child process.
"""

from __future__ import annotations

import os
from binascii import crc32

from knockd.leases.journal_file import find_runtime_directory
from knockd.log.logger import Log
from knockd.process.fork import fork_child
from knockd.process.loop import Loop
from knockd.sequences.burnt_periods import NAME, BurntPeriods
from knockd.sequences.kernel_clock import read_clock
from knockd.sequences.key_child import KeyChild
from knockd.sequences.keyed_doors import KeyedDoors
from knockd_conf.model import Config
from knockd_conf.trust import TrustPolicy


def make_keyed_doors(loop: Loop, log: Log, config: Config) -> KeyedDoors:
    """Doors with keys, of which ``adopt`` is to be told; nothing is read or started before.

    The notes of this boot are named after the configuration: they stay when that names another StateDir.
    """
    policy = TrustPolicy.current(allow_insecure=config.insecure)
    name = f"{NAME}-{crc32(os.fsencode(os.path.realpath(config.path))):08x}"
    burnt = BurntPeriods(config.options.state_dir, find_runtime_directory(), name, policy, log)
    return KeyedDoors(
        loop,
        log,
        burnt,
        clock=read_clock,
        start=lambda questions, now: KeyChild(fork_child, questions, policy, now),
    )
