"""Each kind of mistake in a file, with the exact message that it is refused with."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Problems = Callable[..., list[str]]

DOOR_VALUES = [
    ("Allow = 2001:db8::1/64", "expected 2001:db8::/64, got '2001:db8::1/64'"),
    (
        "Allow = home.example",
        "expected an address or a network, got 'home.example': a name is no rule, as whoever answers for it"
        " would say who may knock",
    ),
    *(
        (f"Expires = {day}", f"expected a day as YYYY-MM-DD, got '{day}'")
        for day in (
            "",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "26-12-31",
            "31.12.2026",
            "never",
            "2026-12-31 12:00",
        )
    ),
    ("Open_Prefix = 33", "expected an IPv4 network of 8 to 32 bits, got 33 in '33'"),
    ("Open_Prefix = /56", "expected the bits of an IPv4 network, and of an IPv6 one, as 24/56, got '/56'"),
    ("Allow = none", "expected all or a list of addresses and networks, got 'none'"),
    (
        "Deny = fe80::1%eth0",
        "expected an address or a network without a zone (packets carry none; say the interface with"
        " Interface), got 'fe80::1%eth0'",
    ),
    (
        "Deny = ::ffff:192.0.2.1",
        "expected 192.0.2.1 (packets of IPv4 come with the address itself), got '::ffff:192.0.2.1'",
    ),
    ("Sequence = abc", "expected a port from 0 to 65535, got 'abc'"),
    ("Sequence = 1,-2", "expected a port from 0 to 65535, got '-2'"),
    ("Sequence = +5", "expected a port from 0 to 65535, got '+5'"),
    ("Sequence = 0x10", "expected a port from 0 to 65535, got '0x10'"),
    ("Sequence = 5 5", "expected commas between steps, got white space"),
    ("Sequence = 5;5;6", "expected commas between steps, got ';'"),
    ("Sequence = 5:tcp 5:udp 7", "expected commas between steps, got white space"),
    ("Sequence = 5-9,4", "expected single ports (there are no ranges: write each), got '5-9'"),
    ("Sequence = 5 - 9:udp", "expected single ports (there are no ranges: write each), got '5 - 9:udp'"),
    ("Sequence = tcp:5,6", "expected 5:tcp, got 'tcp:5'"),
    ("Sequence = 5,6/UDP", "expected 6:udp, got '6/UDP'"),
    ('Sequence = "5,6"', 'expected steps without quotes, got "'),
    ("Sequence = 5,\u201c6\u201d", "expected steps without quotes, got \u201c"),
    ("Sequence = \u0663", "expected digits, colons and commas of ASCII, got '\u0663' (U+0663)"),
    ("Sequence = 5\uff0c6", "expected digits, colons and commas of ASCII, got '\uff0c' (U+FF0C)"),
    ("Sequence = 5\u00a07", "expected digits, colons and commas of ASCII, got '\\xa0' (U+00A0)"),
    ("Sequence = 1,65536", "expected a port from 0 to 65535, got '65536'"),
    ("Sequence = " + "9" * 30, "expected a port from 0 to 65535, got '" + "9" * 30 + "'"),
    ("Sequence = :udp", "expected a port from 0 to 65535, got ''"),
    ("Sequence =", "expected port[:tcp|udp] steps divided by commas, got ''"),
    ("Sequence = 1,,2", "expected a step before and behind each comma, got none"),
    ("Sequence = 1,2,", "expected a step before and behind each comma, got none"),
    ("Sequence = 1:icmp", "expected tcp or udp, got 'icmp'"),
    ("Sequence = 1:", "expected tcp or udp, got ''"),
    ("Sequence = 1:udp:tcp", "expected tcp or udp, got 'udp:tcp'"),
    ("Sequence = " + ",".join("1" * 33), "expected at most 32 steps, got 33"),
    ("One_Time_Sequences =", "expected a path, got ''"),
    ("Seq_Timeout = 5x", "expected whole seconds, 0 or more, got '5x'"),
    ("Seq_Timeout = 1.5", "expected whole seconds, 0 or more, got '1.5'"),
    ("Seq_Timeout = 10# s", "expected whole seconds, 0 or more, got '10# s'"),
    ("Seq_Timeout = 10m", "expected whole seconds, 0 or more, got '10m'"),
    ('Seq_Timeout = "10"', "expected a value without quotes, got '\"10\"'"),
    ("Timeout =", "expected whole seconds, 0 or more, got ''"),
    ("Cmd_Timeout = -1", "expected whole seconds, 0 or more, got '-1'"),
    ("Command_Deadline = 2147483648", "expected whole seconds, 0 or more, got '2147483648'"),
    ("TCPFlags =", "expected fin, syn, rst, psh, ack or urg, each with or without '!', got ''"),
    ("TCPFlags = syn,,ack", "expected fin, syn, rst, psh, ack or urg, each with or without '!', got ''"),
    ("TCPFlags = synack", "expected fin, syn, rst, psh, ack or urg, each with or without '!', got 'synack'"),
    ("TCPFlags = SYN ACK", "expected commas between flags (syn,ack), got 'SYN ACK'"),
    ("TCPFlags = syn|!ack", "expected commas between flags (syn,!ack), got 'syn|!ack'"),
    ("TCPFlags = 'syn'", "expected a value without quotes, got ''syn''"),
    (
        "TCPFlags = syn,!syn",
        "expected each flag either set or clear (no packet has it both ways), got 'syn,!syn'",
    ),
    ("Target =", "expected an IPv4 or IPv6 address or a host name, got ''"),
    ("Target = 10.0.0.256", "expected an IPv4 or IPv6 address or a host name, got '10.0.0.256'"),
    ("Target = 10.0.0.1,", "expected an IPv4 or IPv6 address or a host name, got ''"),
    ("Target = no such", "expected an IPv4 or IPv6 address or a host name, got 'no such'"),
    (
        "Target = fe80::1%eth0",
        "expected an address without a zone (packets carry none; say the interface with Interface), "
        "got 'fe80::1%eth0'",
    ),
    ("Reknock = sometimes", "expected renew, extend or repeat, got 'sometimes'"),
    ("Command_Output = file", "expected log, inherit or none, got 'file'"),
    ("Max_Commands = 0", "expected a whole number from 1 to 256, got '0'"),
    ("Max_Commands = 257", "expected a whole number from 1 to 256, got '257'"),
    ("Close_When_Idle = never", "expected whole seconds, 0 or more, got 'never'"),
    ("Service = 22", "expected 22/tcp or 22/udp, got '22'"),
    ("Open_Max = -1", "expected whole seconds, 0 or more, got '-1'"),
    ("Command", "expected Start_Command = value, got no '='"),
    ("Sequence", "expected Sequence = value, got no '='"),
    ("Sequnce = 1", "expected a known key (the nearest is Sequence), got 'Sequnce'"),
    ("start_comand_6 = x", "expected a known key (the nearest is Start_Command_6), got 'start_comand_6'"),
    ("Port = 1", "expected a key that knockd.conf(5) lists, got 'Port'"),
    (
        "Logfle = /x",
        "expected a known key (the nearest is LogFile, which belongs in [options]), got 'Logfle'",
    ),
    ("hello", "expected key = value, got no '='"),
    ("Command: /bin/x", "expected '=' behind Command, got ':'"),
    ("Seq_Timeout 5", "expected '=' behind Seq_Timeout, got ' '"),
    ("Interface = eth0", "expected in [options], got it in a door's section"),
]

OPTION_VALUES = [
    ("UseSyslog = maybe", "expected yes or no, got 'maybe'"),
    ("Allow = 192.0.2.1/24", "expected 192.0.2.0/24, got '192.0.2.1/24'"),
    ("Deny = all", "expected none or a list of addresses and networks, got 'all'"),
    ("Deny =", "expected an address or a network, got ''"),
    ("Allow", "expected Allow = value, got no '='"),
    ("LogFile =", "expected a path, got ''"),
    ("LogFile", "expected LogFile = value, got no '='"),
    ("PidFile =", "expected a path, got ''"),
    ("Latency = 0", "expected a whole number of milliseconds from 1 to 1000, got '0'"),
    ("Latency = 1001", "expected a whole number of milliseconds from 1 to 1000, got '1001'"),
    ("Capture = libpcap", "expected auto, pcapy or socket, got 'libpcap'"),
    ("LogFormat = xml", "expected classic or json, got 'xml'"),
    ("Log_Failures = 1", "expected yes or no, got '1'"),
    ("Max_Attempts = 1023", "expected a whole number from 1024 to 1048576, got '1023'"),
    ("Max_Leases = 65537", "expected a whole number from 1 to 65536, got '65537'"),
    ("StateDir =", "expected a path, got ''"),
    ("State_Required = maybe", "expected yes or no, got 'maybe'"),
    ("On_Exit = open", "expected close or keep, got 'open'"),
    ("User = a b", "expected the name of a user, got 'a b'"),
    ("User =", "expected the name of a user, got ''"),
    ("Include =", "expected a path, got ''"),
    ("Interface = eth0,any", "expected any alone or a list of names, got 'eth0,any'"),
    ("Interface = auto,eth0", "expected auto alone or a list of names, got 'auto,eth0'"),
    ("Latencey = 1", "expected a known key (the nearest is Latency), got 'Latencey'"),
    ("Sequence = 1", "expected in a door's section, got it in [options]"),
    *(
        (
            f"Interface = {name}",
            "expected an interface name (1 to 127 bytes without '/' or white space), auto or any, "
            f"got '{name}'",
        )
        for name in ("", "/dev/eth0", "et h0", "..", ".")
    ),
]


@pytest.mark.parametrize(("line", "message"), DOOR_VALUES, ids=[line for line, _ in DOOR_VALUES])
def test_bad_door_key(problems: Problems, line: str, message: str) -> None:
    """A bad key or value of a door is refused with file, line, key, what was expected and what was seen."""
    key = line.partition("=")[0].strip()
    assert [f"knockd.conf:3: {key}: {message}"] == problems(f"[a]\nsequence = 1\n\t{line}\n")


@pytest.mark.parametrize(("line", "message"), OPTION_VALUES, ids=[line for line, _ in OPTION_VALUES])
def test_bad_option(problems: Problems, line: str, message: str) -> None:
    """A bad key or value in [options] is refused likewise."""
    key = line.partition("=")[0].strip()
    assert [f"knockd.conf:2: {key}: {message}"] == problems(f"[options]\n  {line}\n")


LINES: list[tuple[str, str | bytes, str]] = [
    (
        "key before a section",
        "a = 1\n",
        "knockd.conf:1: expected a section such as [options] before the first key, got 'a = 1'",
    ),
    (
        "open header",
        "[a\nsequence=1\n",
        "knockd.conf:1: expected a section header that ends with ']', got '[a'",
    ),
    (
        "comment after a header",
        "[a] # mine\nsequence=1\n",
        "knockd.conf:1: expected a section header that ends with ']', got '[a] # mine'",
    ),
    ("empty header", "[]\nsequence=1\n", "knockd.conf:1: expected a name in the brackets, got ''"),
    ("blank header", "[ ]\nsequence=1\n", "knockd.conf:1: expected a name in the brackets, got ' '"),
    (
        "control character in a name",
        "[a\x1b[2Jb]\nsequence=1\n",
        "knockd.conf:1: expected a name without control characters, got 'a\\x1b[2Jb'",
    ),
    (
        "writing direction in a name",
        "[a\u202eb]\nsequence=1\n",
        "knockd.conf:1: expected a name without control characters, got 'a\\u202eb'",
    ),
    (
        "long name",
        f"[{'n' * 129}]\nsequence=1\n",
        "knockd.conf:1: expected a name of at most 128 bytes, got 129",
    ),
    (
        "no sequence",
        "[a]\ncommand = x\n",
        "knockd.conf:1: [a]: expected a Sequence, One_Time_Sequences, Sequence_Key or Signed_Port, got a"
        " door without one (a template may lack it, but no section names this one as its template)",
    ),
    (
        "template with another name than its door says",
        "[ssh : quik]\nsequence = 7000,9000,8000\n[quick]\nseq_timeout = 5\n",
        "knockd.conf:3: [quick]: expected a Sequence, One_Time_Sequences, Sequence_Key or Signed_Port, got a"
        " door without one (a template may lack it, but no section names this one as its template;"
        " is it meant by [ssh : quik] in line 1?)",
    ),
    (
        "sequence after file",
        "[a]\none_time_sequences = /f\nsequence = 1\n",
        "knockd.conf:3: sequence: expected one of Sequence and One_Time_Sequences, got both",
    ),
    ("no key", "[a]\nsequence=1\n = 5\n", "knockd.conf:3: expected a key before '=', got '5'"),
    (
        "bad host",
        "[a]\nsequence=1\nTarget[we b] = 1.2.3.4\n",
        "knockd.conf:3: expected key[hostname] = value, got 'Target[we b]'",
    ),
    (
        "no host",
        "[a]\nsequence=1\nTarget[] = 1.2.3.4\n",
        "knockd.conf:3: expected key[hostname] = value, got 'Target[]'",
    ),
    (
        "text after the host",
        "[a]\nsequence=1\nTarget[web]x = 1.2.3.4\n",
        "knockd.conf:3: expected key[hostname] = value, got 'Target[web]x'",
    ),
    (
        "comments of other programs",
        "; a\n[a]\n;b = 1\n// c\nsequence=1\n",
        "knockd.conf:1: expected '#' in front of a comment, got ';' or '//' (also in 2 more lines)",
    ),
    (
        "no section at all",
        "sequence = 1\ncommand = x\n",
        "knockd.conf:1: expected a section such as [options] before the first key, got 'sequence = 1'",
    ),
    (
        "backslash",
        "[a]\nsequence=1\ncommand = x \\\n  -s 1 --dport=22 \\\n-j [A]\n",
        "knockd.conf:4: expected key = value, got the rest of line 3: write it in one line",
    ),
    (
        "indented",
        "[a]\n sequence=1\n command = x\n   -s 1 --dport=22\n   -j A\n timeout = 4\n",
        "knockd.conf:4: expected key = value, got the rest of line 3: write it in one line",
    ),
    (
        "capital options",
        "[Options]\nusesyslog\ninterface = eth0\n[a]\nsequence=1\n",
        "knockd.conf:1: expected [options], in lower case, got '[Options]'",
    ),
    (
        "another name for options",
        "[global]\nusesyslog\n[a]\nsequence=1\n",
        "knockd.conf:1: expected [options], in lower case, got '[global]'",
    ),
    *(
        (
            encoding,
            "[a]\nsequence=1\n".encode(encoding),
            "knockd.conf: expected UTF-8, got UTF-16:"
            " save it as UTF-8, or convert it with iconv -f UTF-16 -t UTF-8",
        )
        for encoding in ("utf-16", "utf-16-be")
    ),
    (
        "misspelt template",
        "[base]\ntimeout=1\n[a : base]\nsequence=1\n[b : bsae]\ncommand=x\n",
        "knockd.conf:5: [b : bsae]: expected a Sequence, One_Time_Sequences, Sequence_Key, Signed_Port or a"
        " template, got a door without them ('bsae' is no template (the nearest is 'base'))",
    ),
    ("NUL", b"[a]\nsequence=1\nTarget = \0\n", "knockd.conf:3: expected text, got a NUL byte"),
    ("not UTF-8", b"[a]\nsequence=1\ncommand = \xff\n", "knockd.conf:3: expected UTF-8, got byte 0xff"),
    (
        "long line",
        "[a]\nsequence=1\ncommand = " + "x" * 8_183,
        "knockd.conf:3: expected a line of at most 8192 bytes, got 8193",
    ),
    (
        "long key",
        "[a]\nsequence=1\n" + "k" * 321 + " = 1",
        f"knockd.conf:3: expected a key of at most 320 characters, got '{'k' * 60}...'",
    ),
    (
        "large file",
        b"#" * 1_048_577,
        "knockd.conf: expected a file of at most 1048576 bytes, got a larger one",
    ),
]


@pytest.mark.parametrize(("text", "message"), [row[1:] for row in LINES], ids=[row[0] for row in LINES])
def test_bad_line(problems: Problems, text: str | bytes, message: str) -> None:
    """A line, header or file that cannot be read is refused with its own message."""
    assert [message] == problems(text)


def test_variant_key_is_named(problems: Problems) -> None:
    """A bad value for another host is refused too, and the message names the variant."""
    assert problems("[a]\nsequence = 1\nTimeout[web9] = x\n") == [
        "knockd.conf:3: Timeout[web9]: expected whole seconds, 0 or more, got 'x'"
    ]


def test_long_values_are_cut(problems: Problems) -> None:
    """A message repeats at most 60 characters of a bad value."""
    [message] = problems(f"[a]\nsequence = 1\nReknock = {'r' * 100}\n")
    assert message.endswith(f"got '{'r' * 60}...'")


def test_replaced_value_is_still_judged(problems: Problems) -> None:
    """A bad value is refused even when a later line replaces it, as 0.8 does."""
    assert problems("[a]\nsequence = x\nsequence = 1\n") == [
        "knockd.conf:2: sequence: expected a port from 0 to 65535, got 'x'"
    ]


def test_all_at_once(problems: Problems) -> None:
    """All problems of a file come together, in file order."""
    text = "x\n[options]\nLatency = 0\n[a]\nSequence = 1,x\nFoo = 1\n[b]\n"
    assert [message.split(":")[1] for message in problems(text)] == ["1", "3", "5", "6", "7"]


def test_an_unknown_user_is_named_with_its_line(problems: Problems) -> None:
    """Together with every other mistake, and only where the key holds for this host."""
    text = "[options]\nUser = alice\nUser[web1] = bob\nUser[web2] = carol\n[a]\nSequence = 0x1\n"
    assert problems(text, is_user=lambda name: name == "alice") == [
        "knockd.conf:3: User: expected a user of this system other than root, got 'bob'",
        "knockd.conf:6: Sequence: expected a port from 0 to 65535, got '0x1'",
    ]
