"""The same files read by Debian's knockd 0.8, which prints what it parsed, and by ours."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from knockd_conf.errors import ConfigError
from knockd_conf.model import Config, Door

Load = Callable[..., Config]
pytestmark = pytest.mark.differential

KNOCKD = Path("/usr/sbin/knockd")
FLAGS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32}

GOOD = {
    "every key": "[a]\nSequence = 1,2:udp , 3:TCP\nSeq_Timeout = 0\nTCPFlags=syn,!ACK\nStart_Command = x\n"
    "Start_Command_6 =\ncmd_timeout = 3\nstop_command = y y\nSTOP_COMMAND_6 = z\n",
    "aliases and duplicates": "[a]\ntimeout=4\nseq_timeout=5\nsequence=1\nsequence=2\n"
    "command=a\nstart_command=b\n",
    "literal commands": '[a]\nsequence=1\n\tcommand =  e = a ; # b  "q" %IP% %% ${x}\t \n',
    "indentation and comments": "\n # x\n[a]\n  sequence=1\n      command = y\n\n\t#command = z\n",
    "names": "[ a ]\nsequence=1\n[b]x]\nsequence=2\n[a:b]\nsequence=3\n"
    "[a : b]\nsequence=4\n[OPTIONS]\nsequence=5\n",
    "doors of one name": "[a]\nsequence=1\ncommand=x\n[a]\nsequence=2\n",
    "line ends of Windows": "[a]\r\nsequence=1,2:udp\r\n",
    "spaces and zeros": "[a]\nsequence = 0007 , 0 : udp\n",
    "options": "[options]\n usesyslog \n logfile = /dev/null\n[a]\nsequence=1\n",
}

BAD = {
    "key before a section": "sequence=1\n",
    "open header": "[a\nsequence=1\n",
    "text after a header": "[a] x\nsequence=1\n",
    "empty header": "[]\nsequence=1\n",
    "no sequence": "[a]\ncommand=x\n",
    "template without an heir": "[a : b]\n[b]\n",
    "port too large": "[a]\nsequence=70000\n",
    "protocol": "[a]\nsequence=1:icmp\n",
    "flag": "[a]\nsequence=1\ntcpflags=syn,,ack\n",
    "unknown key": "[a]\nsequence=1\nfoo=1\n",
    "key without a value": "[a]\nsequence=1\ncommand\n",
    "semicolon": "[a]\n;x\nsequence=1\n",
    "no key": "[a]\nsequence=1\n = 5\n",
}


@pytest.fixture
def run_08(tmp_path: Path) -> Callable[[str], tuple[list[str], bool]]:
    """What 0.8 prints for a file, and whether it took it. It stops at an interface that does not exist."""
    if not KNOCKD.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{KNOCKD} is missing: apt-get install knockd")
        pytest.skip(f"{KNOCKD} is missing")

    def run(text: str) -> tuple[list[str], bool]:
        path = tmp_path / "old.conf"
        path.write_bytes(text.encode())
        command = [str(KNOCKD), "-D", "-i", "nosuchif0", "-c", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        return (done.stdout + done.stderr).splitlines(), "could not open nosuchif0" in done.stderr

    return run


def facts_of_08(lines: list[str]) -> list[dict[str, str]]:
    """One dictionary a door: what 0.8 says it parsed, the last of each key."""
    doors: list[dict[str, str]] = []
    for line in lines:
        if line.startswith("config: new section: '") and line != "config: new section: 'options'":
            doors.append({"name": line[len("config: new section: '") : -1], "flags": ""})
        elif line.startswith("config: tcp flag: "):
            doors[-1]["flags"] = f"{doors[-1]['flags']},{line.removeprefix('config: tcp flag: ')}".lstrip(",")
        elif doors and line.startswith(f"config: {doors[-1]['name']}: "):
            key, _, value = line.removeprefix(f"config: {doors[-1]['name']}: ").partition(": ")
            doors[-1][key.rstrip(":")] = value
    return doors


def facts(door: Door) -> dict[str, str]:
    """The same of one of our doors."""
    rule = door.flags
    flags = (
        [
            mark + name
            for name, bit in FLAGS.items()
            for mark, bits in (("", rule.must_set), ("!", rule.must_clear))
            if bits & bit
        ]
        if rule
        else []
    )
    found = {"name": door.name, "flags": ",".join(flags), "sequence": ",".join(map(str, door.steps))}
    for key in ("start_command", "start_command_6", "stop_command", "stop_command_6"):
        value = getattr(door, key)
        found |= {} if value is None else {key: value}
    found |= {"seq_timeout": f"{door.seq_timeout:.0f}"} if door.seq_timeout != 25 else {}
    return found | ({"cmd_timeout": f"{door.cmd_timeout:.0f}"} if door.cmd_timeout != 10 else {})


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_good_files(load_text: Load, run_08: Callable[[str], tuple[list[str], bool]], text: str) -> None:
    """A file that 0.8 takes means the same to ours."""
    lines, taken = run_08(text)
    assert (True, facts_of_08(lines)) == (taken, [facts(door) for door in load_text(text).doors])


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_bad_files(load_text: Load, run_08: Callable[[str], tuple[list[str], bool]], text: str) -> None:
    """A file that 0.8 refuses is refused by ours."""
    assert run_08(text)[1] is False
    with pytest.raises(ConfigError):
        load_text(text)
