"""What a command line and a profile ask for together: the plan of one knock, or what is wrong with it.

Pure.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from knockd.client.choices import OF_A_KEY, Choices
from knockd.client.options import Options, UsageError
from knockd.client.profile_file import Profile
from knockd_conf.timed import Rule

TRIES: Final = 3
"""How often is knocked at most, where --verify says when it is enough."""

KEYED_DELAY: Final = 200
"""Milliseconds between packets of a rotating sequence (its specification, section 6)."""


class Keyed(NamedTuple):
    """A rotating sequence: the key's file, whose key in it (None: there is one), door and rule."""

    path: str
    name: str | None
    door: str
    rule: Rule


class Plan(NamedTuple):
    """One knock: ``ports`` as they were written, ``keyed`` or ``sequence_file``, whichever there is.

    ``delay`` is in milliseconds, ``verify`` the TCP port that has to answer.
    """

    host: str
    ports: tuple[str, ...] = ()
    keyed: Keyed | None = None
    sequence_file: str | None = None
    delay: int = 0
    verify: int | None = None
    tries: int = 1
    both: bool = False

    @property
    def glances(self) -> bool:
        """Whether the port may be looked at before the knock.

        A sequence that may hold the port itself would be spoilt by that (its specification, section 5).
        """
        if self.verify is None:
            return False
        return self.keyed is None or not self.keyed.rule.low <= self.verify <= self.keyed.rule.high


def make_plan(options: Options, profile: Profile | None, others: str) -> Plan:
    """The plan. ``others`` says which profiles there are. Raises UsageError.

    A profile is what the host stands for where it is given without ports. The command line wins; a
    ``--key`` or ``--sequence-file`` there stands in place of the profile's sequence, whatever that is.
    """
    choices, ports, host = options.choices, options.ports, options.host
    if profile is not None:
        theirs = profile.choices
        if choices.key is not None:
            theirs = theirs._replace(sequence_file=None)
        elif choices.sequence_file is not None:
            theirs = theirs._replace(key=None, **dict.fromkeys(OF_A_KEY))
        else:
            ports = profile.sequence
        choices, host = choices.over(theirs), profile.host
    ways = [*(["ports"] if ports else []), *(f"--{one}" for one in choices.chosen("key", "sequence_file"))]
    if not ways:
        raise UsageError(
            f"expected ports behind the host, or the name of a profile, got only {host!r}; {others}"
        )
    if len(ways) > 1:
        raise UsageError(f"expected one sequence, got {' and '.join(ways)}")
    keyed = _keyed(options, choices)
    usual = 0 if keyed is None else KEYED_DELAY
    plan = Plan(
        host,
        ports,
        keyed,
        choices.sequence_file,
        usual if choices.delay is None else choices.delay,
        choices.verify,
        1 if choices.verify is None else choices.tries or TRIES,
        bool(choices.both),
    )
    _check(options, choices, plan)
    return plan


def _keyed(options: Options, choices: Choices) -> Keyed | None:
    if choices.key is None:
        extra = (*choices.chosen(*OF_A_KEY), *(["wait"] if options.wait else []))
        if extra:
            raise UsageError(f"expected --{extra[0]} only with a rotating sequence (--key), got it without")
        return None
    if choices.door is None:
        raise UsageError("expected --door with --key (the name that the door has in knockd.conf), got none")
    rule = choices.rule()
    return Keyed(choices.key, choices.name, choices.door, rule)


def _check(options: Options, choices: Choices, plan: Plan) -> None:
    """Options that mean nothing without another one, or not with its value."""
    if plan.keyed is not None:
        rule = plan.keyed.rule
        if rule.steps * plan.delay >= rule.period * 1000:
            raise UsageError(
                f"expected a --delay with which {rule.steps} packets take less than the period, "
                f"{rule.period} s, got {plan.delay} ms"
            )
        if options.if_needed and plan.verify is not None and not plan.glances:
            ports = f"{rule.low}-{rule.high}"
            raise UsageError(
                f"expected a --verify port outside of {ports} with --if-needed, got {plan.verify}: "
                "it may be one of the sequence, and must not be touched before the knock"
            )
    if choices.verify is None:
        for name, given in (("tries", choices.tries is not None), ("if-needed", options.if_needed)):
            if given:
                raise UsageError(f"expected --verify with --{name}, got none")
    if options.mark and choices.sequence_file is None:
        raise UsageError("expected --sequence-file with --mark, got none")
