"""Tells of each packet of a source as it comes, and at the end what to change.

World: standard output.
"""

from __future__ import annotations

from collections import deque

from knockd.explanation.accounts import Account, Listener, Place, Sighting
from knockd.explanation.advice import Heard, advise
from knockd.explanation.as_json import account_json, advice_json
from knockd.explanation.words import COLUMNS, Doors, format_account
from knockd.replay.text import wrap
from knockd_conf.text import address_text

MOST_KEPT = 10_000
"""Accounts that the sentence at the end may look at."""


class Teller:
    """Prints lines at once: somebody may be knocking and looking on."""

    def __init__(self, listener: Listener, doors: Doors, *, as_json: bool) -> None:
        self._listener = listener
        self._doors = doors
        self._as_json = as_json
        self._accounts: deque[Account] = deque(maxlen=MOST_KEPT)

    def tell_packet(self, sighting: Sighting, place: Place) -> Account | None:
        """Prints what becomes of a frame, if it is one of the source's and has to do with a door.

        Returns what was printed.
        """
        account = self._listener.hear(sighting, place)
        if account is None:
            return None
        self._accounts.append(account)
        if self._as_json:
            print(account_json(account, self._doors), flush=True)
        else:
            print("\n".join(format_account(account, self._doors)), flush=True)
        return account

    def tell_advice(self) -> None:
        """Prints how many packets had to do with no door, and the sentence."""
        heard = Heard(self._listener.packets, self._listener.other_ports, [*self._accounts])
        text = advise(heard, self._doors)
        others = dict(self._listener.other_ports)
        if self._as_json:
            print(advice_json(text, heard.packets, others, self._doors), flush=True)
            return
        if others and heard.accounts:
            count = sum(others.values())
            print(f"{count} more of {address_text(self._doors.source)} had to do with no door", flush=True)
        print("\n".join(wrap(text, COLUMNS)), flush=True)
