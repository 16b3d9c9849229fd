"""Configuration text to values: the lowest layer, standard library only. The grammar is in knockd.conf(5).

Here are the values. What makes them out of files is in ``knockd_conf.load``: whoever has a
configuration already does without.
"""

from knockd_conf.errors import ConfigError, Problem
from knockd_conf.model import (
    MAX_STEPS,
    Config,
    Door,
    FlagRule,
    GuardPorts,
    LogFormat,
    OnExit,
    Options,
    Protocol,
    Reknock,
    Step,
)
from knockd_conf.trust import TrustPolicy

__all__ = [
    "MAX_STEPS",
    "Config",
    "ConfigError",
    "Door",
    "FlagRule",
    "GuardPorts",
    "LogFormat",
    "OnExit",
    "Options",
    "Problem",
    "Protocol",
    "Reknock",
    "Step",
    "TrustPolicy",
]
