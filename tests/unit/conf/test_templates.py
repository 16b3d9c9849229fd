"""Templates: who inherits what from whom, and what a colon in a header means."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from knockd_conf.model import Config, Step

Load = Callable[..., Config]
Problems = Callable[..., list[str]]


def test_keys_of_the_template(load_text: Load) -> None:
    """A door inherits the keys of its template, has its own name, and lists what it inherited."""
    [door] = load_text("[base]\ntimeout=5\ncommand=x\n[ssh : base]\nsequence=1\nstart_command=y\n").doors
    assert ("ssh", (Step(1),), 5.0, "y") == (door.name, door.steps, door.seq_timeout, door.start_command)
    assert door.inherited == (("Seq_Timeout", "base"),)


def test_template_of_a_template(load_text: Load) -> None:
    """Templates inherit from templates, the nearest wins, and the child's name is the template's name."""
    [door] = load_text(
        "[d:mid]\nsequence=1\n[mid : base]\ncmd_timeout=2\n[base]\ntimeout=5\ncmd_timeout=1\n"
    ).doors
    assert (door.seq_timeout, door.cmd_timeout) == (5.0, 2.0)
    assert {("Seq_Timeout", "base"), ("Cmd_Timeout", "mid")} == set(door.inherited)


def test_last_colon_divides(load_text: Load) -> None:
    """A header splits at its last colon, the others belong to the child's name."""
    [door] = load_text("[base]\ntimeout=5\n[a:b : base]\nsequence=1\n").doors
    assert (door.name, door.seq_timeout) == ("a:b", 5.0)


@pytest.mark.parametrize(
    "text",
    [
        "[d : base]\nsequence=1\n",
        "[base]\nsequence=2\n[d : base]\nsequence=1\n",
        "[base]\nsequence[elsewhere]=2\n[d : base]\nsequence=1\n",
        "[options]\nlatency=1\n[d : base]\nsequence=1\n",
    ],
    ids=["no such section", "a door", "a door of another host", "options are no section"],
)
def test_colon_without_a_template(load_text: Load, text: str) -> None:
    """Where no section of the parent's name lacks a sequence the colon is part of the name, as in 0.8."""
    assert load_text(text).doors[-1].name == "d : base"


def test_key_makes_a_door(load_text: Load) -> None:
    """A section with a Sequence_Key is a door, and none that others inherit from."""
    doors = load_text("[t]\nseq_timeout=9\n[k:t]\nsequence_key=/k\n[d:k]\nsequence=1\n").doors
    assert [(one.name, one.sequence_key, one.seq_timeout) for one in doors] == [
        ("k", "/k", 9.0),
        ("d:k", None, 25.0),
    ]


def test_options_is_no_template(load_text: Load) -> None:
    """[options] is never a template."""
    assert [one.name for one in load_text("[options]\n[x : options]\nsequence=1\n").doors] == ["x : options"]


def test_template_is_no_door(load_text: Load) -> None:
    """A template opens nothing itself."""
    assert [one.name for one in load_text("[t]\ntimeout=1\n[d:t]\nsequence=1\n").doors] == ["d"]


def test_empty_command_wins(load_text: Load) -> None:
    """An empty value of the child wins over the template's."""
    [door] = load_text("[t]\ncommand_6=x\n[d:t]\nsequence=1\ncommand_6=\n").doors
    assert (door.start_command_6, door.inherited) == ("", ())


def test_template_that_nobody_uses(problems: Problems) -> None:
    """A child without a sequence, here or above, is a door without one, and so is its unused heir."""
    assert problems("[base]\ntimeout=5\n[mid : base]\ncmd_timeout=1\n") == [
        "knockd.conf:3: [mid]: expected a Sequence, One_Time_Sequences, Sequence_Key or Signed_Port, got a"
        " door without one (its template 'base' has none either)"
    ]


def test_loop(problems: Problems) -> None:
    """Templates that inherit from each other are refused, each with its way round."""
    text = "[a : b]\n[b : a]\n[d : a]\nsequence=1\n"
    expected = "expected templates that do not inherit from themselves, got"
    assert [
        f"knockd.conf:1: [a]: {expected} 'a : b : a'",
        f"knockd.conf:2: [b]: {expected} 'b : a : b'",
    ] == problems(text)


def chain(templates: int) -> str:
    """A door below so many templates."""
    lines = [f"[t{level} : t{level + 1}]" for level in range(1, templates)]
    return "\n".join(["[d : t1]", "sequence=1", *lines, f"[t{templates}]", "timeout=5"])


def test_highest_tower(load_text: Load) -> None:
    """A door may stand below 32 templates."""
    assert load_text(chain(32)).doors[0].seq_timeout == 5.0


def test_too_high_a_tower(problems: Problems) -> None:
    """More templates above each other are refused: the message stands at the lowest."""
    assert problems(chain(33)) == [
        "knockd.conf:3: [t1]: expected at most 32 templates above each other, got more"
    ]


def test_many_colons(problems: Problems) -> None:
    """A long row of sections that rely on each other and at last on nothing is judged without delay."""
    text = "".join(f"[a{number} : a{number + 1}]\n" for number in range(20_000))
    assert len(problems(text)) == 20_000


def test_template_of_itself(problems: Problems) -> None:
    """A section that names itself is a loop."""
    assert problems("[a : a]\ntimeout = 1\n") == [
        "knockd.conf:1: [a]: expected templates that do not inherit from themselves, got 'a : a'"
    ]


def test_two_templates_of_one_name(problems: Problems) -> None:
    """Two templates of one name are refused: nobody could say which one is meant."""
    assert problems("[t]\ntimeout=1\n[t]\ntimeout=2\n[d:t]\nsequence=1\n") == [
        "knockd.conf:3: [t]: expected one template of this name, got a second (first: knockd.conf:1)"
    ]


def test_mistake_in_a_template_comes_once(problems: Problems) -> None:
    """A bad value of a template is reported once, where it stands, however many doors inherit it."""
    assert problems("[t]\ntimeout=x\n[d:t]\nsequence=1\n[e:t]\nsequence=1\n") == [
        "knockd.conf:2: timeout: expected whole seconds, 0 or more, got 'x'"
    ]


def test_door_named_options(problems: Problems) -> None:
    """A child may not take the name of the global section."""
    assert problems("[t]\n[options : t]\nsequence=1\n") == [
        "knockd.conf:2: expected another name for a door, got the name of the global section"
    ]


def test_child_without_a_name(problems: Problems) -> None:
    """A child needs a name in front of the colon."""
    assert problems("[t]\n[ : t]\nsequence=1\n") == ["knockd.conf:2: expected a name in the brackets, got ''"]


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (
            "[base]\n[c : base]\nsequence=1\n[d:bsae]\nsequence=2\n",
            "4: [d:bsae]: 'bsae' is no template (the nearest is 'base'): the door is called 'd:bsae'",
        ),
        ("[d : base]\nsequence=1\n", "1: [d : base]: 'base' is no template: the door is called 'd : base'"),
        (
            "[base]\nsequence=1\n[d : base]\nsequence=2\n",
            "3: [d : base]: 'base' is a door, as it has a sequence, and no template:"
            " the door is called 'd : base'",
        ),
    ],
    ids=["misspelt", "missing", "a door"],
)
def test_a_parent_that_is_no_template(load_text: Load, text: str, note: str) -> None:
    """A name that looks like a child's earns a note, which names the nearest template."""
    config = load_text(text)
    assert [note] == [str(one).removeprefix(f"{config.path}:") for one in config.notes]


def test_a_name_with_a_colon(load_text: Load) -> None:
    """A name such as ``ssh:22`` is just a name."""
    assert () == load_text("[base]\n[c : base]\nsequence=1\n[ssh:22]\nsequence=2\n").notes
