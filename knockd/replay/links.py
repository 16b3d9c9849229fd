"""The names of link types that can be replayed.

Pure.
"""

from __future__ import annotations

from typing import Final

from knockd.knocks import file_links as only_files
from knockd_bpf.wire import DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW, LINKTYPE_RAW

LINK_NAMES: Final = {
    DLT_EN10MB: "Ethernet",
    DLT_RAW: "raw IP",
    LINKTYPE_RAW: "raw IP",
    only_files.DLT_RAW_BSD: "raw IP",
    only_files.LINKTYPE_IPV4: "raw IPv4",
    only_files.LINKTYPE_IPV6: "raw IPv6",
    DLT_LINUX_SLL: "Linux cooked",
    DLT_LINUX_SLL2: "Linux cooked v2",
    only_files.DLT_PPP: "PPP",
    only_files.DLT_PPP_SERIAL: "PPP",
    only_files.DLT_PPP_ETHER: "PPPoE",
    only_files.DLT_NULL: "BSD loopback",
    only_files.DLT_LOOP: "OpenBSD loopback",
}
