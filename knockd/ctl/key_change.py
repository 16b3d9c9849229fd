"""A file of keys is changed as a whole, or stays as it is and why is said.

World: files of keys.
"""

from __future__ import annotations

import os

from knockd.ctl.complaints import NOT_DONE
from knockd.ctl.door_config import RefusedError
from knockd.ctl.key_lines import NotChangedError
from knockd.ctl.keygen import explain
from knockd.files.secret_file import Change, change_public, make_folder
from knockd_conf.text import printable


def change_keys(path: str, change: Change, *, makes_folder: bool = False) -> None:
    """Changes a file, which is made where there is none; ``makes_folder``: its directory, too.

    Raises RefusedError.
    """
    try:
        if makes_folder and os.path.isdir(os.path.dirname(os.path.dirname(path))):
            make_folder(os.path.dirname(path))
        change_public(path, change)
    except NotChangedError as error:
        raise RefusedError(f"{printable(path)}: {error}", NOT_DONE) from None
    except OSError as error:
        raise RefusedError(f"{printable(path)}: {explain(error, path)}", os.EX_CANTCREAT) from None
