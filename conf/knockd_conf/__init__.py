"""Configuration text to values: the lowest layer, standard library only. The grammar is in knockd.conf(5)."""

from knockd_conf.doors import Resolve
from knockd_conf.errors import ConfigError, Problem
from knockd_conf.load import load, system_resolver
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
    "Resolve",
    "Step",
    "TrustPolicy",
    "load",
    "system_resolver",
]
