"""The configuration: whether it can be used, and who can read and change its files.

World: the configuration's files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from knockd.doctor.findings import Finding, Looked, from_note
from knockd.keeper.settings import Settings
from knockd_conf.errors import ConfigError, Problem
from knockd_conf.model import Config
from knockd_conf.source import read_source
from knockd_conf.trust import TrustPolicy

SUBJECT = "configuration"


def look_at_configuration(settings: Settings) -> tuple[Config | None, Looked]:
    """The configuration, None when it cannot be used, and what was found."""
    if (
        os.geteuid() != 0
        and not os.access(settings.config_path, os.R_OK)
        and os.path.exists(settings.config_path)
    ):
        return None, Looked(SUBJECT, (), (f"{settings.config_path}: only root may read it",))
    try:
        config = settings.load_config()
    except ConfigError as error:
        return None, Looked(SUBJECT, tuple(_from_problem("config-bad", one) for one in error.problems))
    files = [*config.files, *(door.one_time_file for door in config.doors if door.one_time_file)]
    return config, Looked(SUBJECT, tuple(dict.fromkeys(_look_at_files(files))))


def _look_at_files(paths: list[str]) -> Iterator[Finding]:
    """Who can read and write each file, also where the daemon was told to take it all the same."""
    policy = TrustPolicy(enforce=True, owners=TrustPolicy.current().owners)
    for path in dict.fromkeys(paths):
        source = read_source(path, policy)
        if source.note is not None:
            yield from_note("config-readable", source.note)
        if source.data is None:
            yield from (_from_problem("config-writable", one) for one in source.problems)


def _from_problem(name: str, problem: Problem) -> Finding:
    text, _, cure = problem.message.partition(": ")
    place = str(Problem(problem.path, problem.line, problem.key, "")).rpartition(": ")[0]
    return Finding(name, text, cure or "correct it, then check it with 'knockd -t'", place)
