"""``knockd --init``: looks at this host, writes a first configuration and says what is to be done next.

It changes nothing but the files that it makes. Runs in the child that reads the command line.

World: this host and the standard streams.
"""

from __future__ import annotations

import errno
import os
import secrets
import shlex
import sys
from collections.abc import Iterator

from knockd.arguments import DEFAULT_CONFIG, Init
from knockd.doctor.firewall import Surroundings
from knockd.doctor.network import find_surroundings
from knockd.init.commands import make_command, plan_work
from knockd.init.content import Content, Signed, format_configuration, format_step
from knockd.init.foresight import find_trouble
from knockd.init.host import (
    choose_service,
    find_addresses,
    find_log_file,
    find_start,
    is_private,
    read_ports,
)
from knockd.init.known_keys import find_known_keys
from knockd.init.new_files import NewFile, ThereError, find_obstacle, write_new
from knockd.init.ports import choose_port, choose_steps
from knockd.init.report import SignedSummary, Summary, describe_finding, format_report
from knockd.init.secret_files import make_key_file, make_secret_file
from knockd.init.walls import Walls, read_walls
from knockd.init.ways import NoToolError, Stranger, Way, choose_ways
from knockd.keeper.settings import Settings, explain_absent, explain_trouble
from knockd.net.interfaces import read_default_routes, read_interfaces
from knockd.net.ports_in_use import ports_in_use
from knockd.net.selection import choose_interfaces
from knockd.sequences.kernel_clock import read_clock
from knockd.signed.signature import explain_missing
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Door, Service, Step
from knockd_conf.text import encoded, printable

_AUTO = ("auto",)


class Survey(NamedTuple):
    """What this host is like."""

    names: tuple[str, ...]
    """Interfaces to listen at."""
    in_use: frozenset[Step]
    service: Service
    door: str
    others: tuple[int, ...]
    """More ports at which SSH is served."""
    walls: Walls
    here: Surroundings
    addresses: tuple[str, ...]

    @property
    def stranger(self) -> Stranger:
        """Whose packets the door is about."""
        return Stranger(self.service, self.here.interfaces, self.here.own)


class NoInterfaceError(Exception):
    """There is no interface to listen at; the text says which there are."""


def init(settings: Settings, wanted: Init) -> int:
    """Writes or prints the file; the exit status (sysexits.h)."""
    path = settings.config_path
    if os.geteuid() != 0 and not wanted.printing:
        return _refuse(
            os.EX_NOPERM, f"only root may write {printable(path)}; --dry-run prints what would be in it"
        )
    try:
        if not wanted.printing:
            find_obstacle(path)
        survey = survey_host(settings, wanted)
        ways = choose_ways(survey.walls, survey.stranger)
    except ThereError as error:
        return _refuse_there(error)
    except (NoInterfaceError, NoToolError) as error:
        return _refuse(os.EX_UNAVAILABLE, str(error))
    content = _choose_content(settings, wanted, survey, ways)
    try:
        files = _make_files(content)
    except OSError as error:
        return _refuse(os.EX_CANTCREAT, _explain_kept(error, content))
    data = encoded(format_configuration(content, path))
    door = settings.load_config(((path, data),)).doors[0]
    trouble = tuple(_find_trouble(settings, wanted, survey, ways, door))
    files.append(NewFile(path, data))
    summary = _summarise(settings, wanted, survey, ways, content, trouble, files)
    if wanted.printing:
        return _print(data, summary)
    try:
        write_new(files)
    except ThereError as error:
        return _refuse_there(error)
    except OSError as error:
        return _refuse(os.EX_CANTCREAT, _explain(error, path))
    print("\n".join(format_report(summary)))
    return os.EX_OK


def survey_host(settings: Settings, wanted: Init) -> Survey:
    """Looks at this host. Raises NoInterfaceError and OSError."""
    there = read_interfaces()
    asked = settings.interfaces or _AUTO
    names = choose_interfaces(asked, there, read_default_routes(there))
    absent = explain_absent(names)
    if absent is not None:
        raise NoInterfaceError(absent.replace("-i or Interface", "-i"))
    in_use = ports_in_use()
    service, others = choose_service(in_use)
    is_ssh = wanted.service in (None, service)
    service = wanted.service or service
    walls = read_walls(names)
    return Survey(
        names,
        in_use,
        service,
        "ssh" if is_ssh else f"port{service.low}",
        others if is_ssh else (),
        walls,
        find_surroundings(names, walls.firewall, ipv6=True),
        find_addresses(names, there),
    )


def _choose_content(settings: Settings, wanted: Init, survey: Survey, ways: tuple[Way, ...]) -> Content:
    ports = read_ports(survey.in_use)
    taken = ports.taken | {survey.service.low}
    folder = os.path.join(os.path.dirname(settings.config_path), "knockd")
    signed = None
    if wanted.signed:
        port = choose_port(secrets.randbelow, taken, ports.clients)
        signed = Signed(port, *(os.path.join(folder, name) for name in ("knock_secret", "authorized_keys")))
    random = not wanted.keyed and not wanted.signed
    return Content(
        survey.door,
        survey.service,
        settings.interfaces or survey.names,
        choose_steps(secrets.randbelow, taken, ports.clients) if random else (),
        os.path.join(folder, f"{survey.door}.key") if wanted.keyed else "",
        make_command(ways, survey.service, 4),
        make_command(ways, survey.service, 6),
        find_log_file(),
        signed,
    )


def _make_files(content: Content) -> list[NewFile]:
    """The files besides the configuration. Raises OSError: a knock secret is there and cannot be used."""
    if content.key:
        return [make_key_file(content.key)]
    made = None if content.signed is None else make_secret_file(content.signed.secret)
    return [] if made is None else [made]


def _summarise(
    settings: Settings,
    wanted: Init,
    survey: Survey,
    ways: tuple[Way, ...],
    content: Content,
    trouble: tuple[str, ...],
    files: list[NewFile],
) -> Summary:
    path, walls, service = settings.config_path, survey.walls, survey.service
    elsewhere = path != DEFAULT_CONFIG
    signed = None
    if content.signed is not None:
        kept = [one for one in (content.signed.secret, content.signed.keys) if os.path.lexists(one)]
        signed = SignedSummary(content.signed.port, tuple(kept), find_known_keys())
    return Summary(
        () if wanted.printing else tuple(file.path for file in files),
        survey.names,
        survey.addresses,
        bool(survey.addresses) and is_private(survey.addresses[0]),
        survey.door,
        service,
        Step(service.low, service.protocol) in survey.in_use,
        wanted.keyed,
        tuple(map(format_step, content.steps)),
        ways,
        survey.here.versions,
        plan_work(ways, service, walls, survey.here.versions),
        walls.systemd,
        find_start(path if elsewhere else None),
        f" -c {shlex.quote(path)}" if elsewhere else "",
        walls.firewall.unlooked if walls.ruleset is None else (),
        trouble,
        signed,
    )


def _find_trouble(
    settings: Settings, wanted: Init, survey: Survey, ways: tuple[Way, ...], door: Door
) -> Iterator[str]:
    """Yields what is not well, or will not be when all is done that is proposed."""
    yield from explain_trouble(survey.names, any_will_do=settings.interfaces == ("any",))
    if survey.others:
        ports = ", ".join(map(str, survey.others))
        yield f"SSH is served at {ports} too, and no door is in front of that"
    if (wanted.keyed or wanted.signed) and (loose := read_clock().loose):
        what = "signed knocks" if wanted.signed else "knocks with a key"
        yield (
            f"{what} wait until the clock is synchronised ({loose}): let NTP set it, or write"
            " Clock = trust under [options] where a battery keeps it"
        )
    if wanted.signed and (missing := explain_missing()):
        yield f"{missing}; without it knockd does not start"
    ruleset = survey.walls.ruleset
    if ruleset is not None:
        yield from map(describe_finding, find_trouble(door, ways, survey.service, ruleset, survey.here))


def _print(data: bytes, summary: Summary) -> int:
    sys.stdout.write(data.decode("utf-8", "surrogateescape"))
    sys.stdout.flush()
    print("\n".join(format_report(summary)), file=sys.stderr)
    return os.EX_OK


def _explain(error: OSError, path: str) -> str:
    """Why a file could not be written."""
    where = error.filename if isinstance(error.filename, str) else path
    if error.errno == errno.ENOENT:
        folder = os.path.dirname(where)
        return f"there is no directory {printable(folder)}: make it, or name another file with -c"
    return f"could not write {printable(where)}: {error.strerror}; nothing was written"


def _explain_kept(error: OSError, content: Content) -> str:
    """Why the knock secret that is there cannot be used."""
    path = content.signed.secret if content.signed is not None else ""
    return f"{printable(path)} is there already and cannot be used: {error.strerror}; nothing was written"


def _refuse_there(error: ThereError) -> int:
    return _refuse(
        os.EX_CANTCREAT,
        f"{printable(str(error))} is there already and stays as it is; --dry-run prints what would be"
        " written, -c names another file",
    )


def _refuse(status: int, text: str) -> int:
    print(f"knockd: {text}", file=sys.stderr)
    return status
