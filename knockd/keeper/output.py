"""The daemon's log and standard output, as the options of now want them.

Pure.
"""

from __future__ import annotations

from knockd.keeper.settings import Settings
from knockd.log.logger import BoundLogger, Logger
from knockd.log.names import Names
from knockd.log.render import configure
from knockd.log.sinks import Sinks
from knockd_conf.model import Options


class Output:
    """Opens the sinks of a configuration; ``logger`` stays the same when another one is adopted."""

    def __init__(
        self,
        settings: Settings,
        options: Options,
        names: Names | None,
        journal: frozenset[int] = frozenset(),
    ) -> None:
        """``journal`` says which of the standard streams are systemd's journal."""
        self._settings = settings
        self._journal = journal
        self._options = options
        self._sinks = self._open_sinks()
        self.logger = Logger(self._bound_logger(), names)

    def adopt(self, options: Options) -> None:
        """Writes to the sinks of other options."""
        before, self._options = self._options, options
        if options == before:
            return
        sinks, self._sinks = self._sinks, self._open_sinks()
        self.logger.bound = self._bound_logger()
        self._sinks.take_over(sinks)
        if options.log_file not in {None, before.log_file}:
            self.logger.log("reopening", path=options.log_file)

    def reopen_file(self) -> None:
        """Opens the log file, if there is one, anew: it may have been rotated."""
        if self._sinks.path is not None:
            self.logger.log("reopening", path=self._sinks.path)
            self._sinks.reopen_file()

    def show(self, line: str) -> None:
        """Prints a line about a packet (-D)."""
        self._sinks.show(line)

    def close(self) -> None:
        """Closes all sinks."""
        self._sinks.close()

    def _bound_logger(self) -> BoundLogger:
        debug = self._sinks.show if self._settings.debug else None
        return configure(self._sinks.write, self._options.log_format, debug)

    def _open_sinks(self) -> Sinks:
        return Sinks(
            self._options.log_file,
            use_syslog=self._options.use_syslog,
            echo=self._settings.verbose,
            log_format=self._options.log_format,
            daemon=self._settings.daemon,
            journal=self._journal,
        )
