"""What commands of firewall tools add and remove."""

from __future__ import annotations

import pytest

from knockd.checks.firewall_changes import Change, find_changes
from knockd_conf.shell_words import split_script


def changes(text: str) -> tuple[Change, ...] | None:
    """What the one simple command in ``text`` changes."""
    (command,) = split_script(text).commands
    return find_changes(command)


PAIRS = [
    ("iptables -I INPUT 1 -s %IP% -p tcp -j ACCEPT", "iptables -D INPUT -p TCP -s %IP%/32 -j ACCEPT"),
    ("ip6tables -t nat -A X -j DNAT", "ip6tables -w -t nat -D X -j DNAT"),
    ("nft add element inet filter k { %IP% timeout 30s }", "nft 'delete element inet filter k { %IP% }'"),
    ("nft add element filter k { %IP% . 22 comment x }", "nft destroy element ip filter k { %IP% . 22 }"),
    ("ufw allow from %IP% to any port 22 proto tcp", "ufw delete allow proto tcp from %IP% to any port 22"),
    ("ufw insert 1 allow in from %IP% comment 'x y'", "ufw --force delete allow from %IP%"),
    ("ufw route allow from %IP% to 10.0.0.1", "ufw route delete allow from %IP% to 10.0.0.1"),
    ("ufw prepend allow 22/tcp", "ufw delete allow 22/tcp"),
    ("firewall-cmd --zone=public --add-service=ssh", "firewall-cmd --remove-service ssh --zone public"),
    ("ipset -exist add k %IP% timeout 60", "ipset del k %IP% -exist"),
]


@pytest.mark.parametrize(("add", "remove"), PAIRS)
def test_what_one_adds_the_other_removes(add: str, remove: str) -> None:
    """Adding and removing one thing have the same key, whatever else the commands say."""
    added, removed = changes(add), changes(remove)
    assert added is not None
    assert removed is not None
    assert ([True], [False]) == ([one.adds for one in added], [one.adds for one in removed])
    assert [one.key for one in added] == [one.key for one in removed]


def test_keys_differ() -> None:
    """No two of these things are one."""
    keys = [one.key for add, _ in PAIRS for one in changes(add) or ()]
    assert len(PAIRS) == len(set(keys))


def test_several_elements() -> None:
    """Each element is a change, in order."""
    found = changes("nft 'add element ip f k { %IP%, 192.0.2.1 }; delete element ip f k { %IP% }'")
    assert [(True, "%IP%"), (True, "192.0.2.1"), (False, "%IP%")] == [
        (one.adds, *one.what) for one in found or ()
    ]


@pytest.mark.parametrize(
    "text", ["iptables -C INPUT -j ACCEPT", "iptables -L", "ufw status", "firewall-cmd --reload"]
)
def test_what_changes_nothing(text: str) -> None:
    """A question is no change."""
    assert () == changes(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "iptables -D INPUT 3",
            "iptables -F",
            "iptables -D INPUT",
            "nft add rule ip f c accept",
            "nft -f x",
        ),
        *(
            "nft flush ruleset",
            "nft",
            "ufw delete 3",
            "ufw disable",
            "firewall-cmd --panic-on",
            "ipset flush k",
        ),
        *(
            "ipset add k",
            "/usr/local/bin/open %IP%",
            "firewall-cmd --direct --add-rule ipv4 filter INPUT 0 -j X",
        ),
    ],
)
def test_what_is_not_known(text: str) -> None:
    """Rules that go by number, whole chains and foreign programs are not known."""
    assert changes(text) is None
