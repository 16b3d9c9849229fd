"""What the daemon runs by: the configuration, or at a start the last good one when that is bad.

The files are kept by the child that has read them: the daemon never holds their text.

World: files.
"""

from __future__ import annotations

import os
from dataclasses import replace

from knockd.files.last_good import LastGood
from knockd.keeper.settings import Loaded, NoDoorError, Settings
from knockd_conf.errors import ConfigError, Problem
from knockd_conf.load import RefusedError
from knockd_conf.model import Options


def load_and_keep(settings: Settings) -> Loaded:
    """Returns what is configured, and keeps it for a start at which it is bad. Raises ConfigError."""
    full = settings.load_all()
    loaded, options = _without_texts(full), full.config.options
    last_good = LastGood(options.state_dir, settings.config_path)
    try:
        if options.last_good:
            last_good.keep(tuple(zip(full.config.files, full.config.texts, strict=True)))
        else:
            last_good.forget()
    except OSError as error:
        return loaded._replace(unkept=f"{last_good.path}: {error.strerror}")
    return loaded


def load_or_last_good(settings: Settings) -> Loaded:
    """Returns what is configured, or what was the last time that it was good. Raises ConfigError."""
    try:
        return load_and_keep(settings)
    except ConfigError as error:
        place = find_place(settings, error)
        if place is None:
            raise
        return _load_kept(settings, place, error)


def find_place(settings: Settings, error: ConfigError) -> LastGood | None:
    """Where a start looks for the last good configuration in place of one with this ``error``; None: nowhere.

    Who wants nobody to be let in removes the file, or its doors: then nothing else is used. What may be
    better in a moment is tried again.
    """
    if isinstance(error, NoDoorError) or error.passing or not os.path.lexists(settings.config_path):
        return None
    options = error.options if isinstance(error, RefusedError) else Options()
    try:
        state_dir = settings.choose_state_dir(options)
    except ConfigError:  # a relative one, and no working directory
        return None
    return LastGood(state_dir, settings.config_path) if options.last_good else None


def _load_kept(settings: Settings, last_good: LastGood, error: ConfigError) -> Loaded:
    try:
        files = last_good.find()
        if files is None:
            raise error
        loaded = _without_texts(settings.load_all(files))
    except (OSError, ConfigError) as reason:
        if reason is error:
            raise
        why = reason.strerror if isinstance(reason, OSError) else str(reason)
        problem = Problem(last_good.path, None, None, f"the last good configuration cannot be used: {why}")
        raise ConfigError([*error.problems, problem]) from None
    return loaded._replace(refused=error.problems, kept=last_good.path)


def _without_texts(loaded: Loaded) -> Loaded:
    return loaded._replace(config=replace(loaded.config, texts=()))
