"""The interface org.knockd.Control, in varlink's language: what can be asked, and what is answered.

Documented for people in docs/control-protocol.md. Times are in seconds.

Pure.
"""

from __future__ import annotations

NAME = "org.knockd.Control"

DESCRIPTION = """\
# Looks at knockd and steers it. Members of the socket's group may look; what changes something is root's.
interface org.knockd.Control

# An interface that is listened on. Numbers are null until the packet process has said them.
# received: packets that the filter let through, dropped: those of them that the ring had no room for.
# instructions: length of the filter, most_executed: the most that one packet can cost.
type Interface (
  name: string,
  link_type: ?string,
  addresses: []string,
  received: ?int,
  dropped: ?int,
  instructions: ?int,
  most_executed: ?int
)

# The keys of a door that make its sequences: the names of the first ones, and how many there are. period:
# seconds that a sequence lasts. seconds_left: until the next one begins; null: no clock says so.
type Rotation (keys: []string, keys_total: int, period: float, seconds_left: ?float)

# Signed knocks at a door: their UDP port, and how many keys there are for it, also those that have expired.
# waiting: why none opens it now.
type Signing (port: int, keys_total: int, waiting: ?string)

# A door at a gateway of a fleet. shared: its openings are the other gateways', too. required: no knock
# opens it while the store of the fleet does not answer. waiting: why none does now.
type Sharing (shared: bool, required: bool, waiting: ?string)

# The store of the fleet. endpoint: which of its servers answered last. problem: why it is not reached.
# seconds: since when. gateways: how many others are there.
type Store (endpoint: ?string, problem: ?string, seconds: float, gateways: int)

# Another gateway of the fleet. run: random, and another one after each start; it tells gateways of one name
# apart. heard: seconds since it has said something. skew: seconds by which its clock is ahead of ours; it
# may be wrong by as much as trip, the seconds of a way there and back.
type Gateway (name: string, run: string, heard: float, skew: float, trip: float)

# A door that is open in the fleet. gateway: which one has opened it; null: one that is not there any more.
type Shared (door: string, address: string, seconds_left: float, gateway: ?string)

# A door of the configuration. open: how many addresses are in. closes: whether it has a stop command.
# disabled: it has no sequence that can be used. expires: the last day on which a knock opens it
# (YYYY-MM-DD). waiting: why a door with Sequence_Key is disabled, or one that signed knocks alone open.
# fleet: null without a fleet.
type Door (
  name: string,
  occurrence: int,
  open: int,
  closes: bool,
  disabled: bool,
  close_when_idle: ?float,
  expires: ?string,
  waiting: ?string,
  rotation: ?Rotation,
  signed: ?Signing,
  fleet: ?Sharing
)

# An SSH key of an Authorized_Keys file. hardware: it is an sk-ssh-ed25519 key. doors: names of the first
# doors that it may open, and how many there are. expires: seconds since the epoch; null: never. knocked: when
# a knock of it counted last, in seconds since the epoch, and the address it came from; null: none is known.
type Key (
  fingerprint: string,
  comment: string,
  path: string,
  line: int,
  hardware: bool,
  doors: []string,
  doors_total: int,
  expires: ?float,
  knocked: ?float,
  address: ?string
)

# A door that is open for an address. by: how it was opened, in words. unopened: the start command failed.
# seconds_left: until its stop command runs (of one that failed: until the next try); null: no time is set.
# in_use: whether it stays open for a connection (Close_When_Idle). network: what is let in, of Open_Prefix.
type Lease (
  id: string,
  door: string,
  occurrence: int,
  address: string,
  network: ?string,
  state: (starting, open, renewing, stopping, retrying, failed, leftover),
  unopened: bool,
  seconds_open: ?float,
  seconds_left: ?float,
  by: string,
  destination: string,
  interface: string,
  failures: int,
  in_use: bool
)

# A sequence that was begun. seconds_left: until it is forgotten.
type Attempt (address: string, door: string, stage: int, steps: int, seconds_left: float)

# Where open doors are noted. lasts: whether the next start finds them. reason: why it is not StateDir.
type Journal (place: string, lasts: bool, reason: ?string)

# What is wrong with a configuration, with file and line in the text.
type Problem (path: string, line: ?int, text: string)

# A command that would be run. words: what is executed when no shell is needed.
type Run (
  command: string,
  words: ?[]string,
  environment: [string]string,
  user: string,
  deadline: float,
  obstacle: ?string
)

# Something counted, under its name and what it is of. As it is now: up and config_age (seconds), leases (by
# door), failed_leases, journal_elsewhere (1: not in StateDir), instructions (by interface); of a fleet:
# fleet_store_up (0: it is not reached), fleet_gateways, fleet_latency (seconds), fleet_skew (seconds by
# which the clock of another gateway is wrong at most). Since the daemon started: openings and refusals (by
# door; what failed later is a start_failure), signed_openings (by door), signed_refusals (signed knocks
# that did nothing, by reason), fleet_openings (by door: it was opened elsewhere), fleet_refusals (knocks,
# by reason: used, unreachable), fleet_forged (messages), attempts, guard_hits, spoiled, expired, ignored,
# held_back (lines), received and dropped (packets, by interface), start_failures, stop_failures,
# worker_starts, reloads, reload_refusals, journal_failures.
type Count (name: string, door: ?string, interface: ?string, reason: ?string, value: float)

# How the daemon is, and who is in. With a door or an address only what is of it. At most 200 leases and 20
# attempts are listed, all are counted. worker_restarts: how often the packet process ended unasked.
# With "more": again whenever it has changed, at most once a second.
method Status(door: ?string, address: ?string) -> (
  version: string,
  pid: int,
  life: (starting, up, reloading, ending),
  seconds_up: float,
  config: string,
  config_age: float,
  interfaces: []Interface,
  waiting: []string,
  deaf: []string,
  doors: []Door,
  doors_total: int,
  leases: []Lease,
  leases_total: int,
  failed_total: int,
  attempts: []Attempt,
  attempts_total: ?int,
  worker: ?int,
  worker_restarts: int,
  journal: Journal,
  fleet: ?Store,
  refused: []Problem,
  notes: []string
)

# The fleet, as this gateway sees it. gateway: its own name, run: its own one; null: the process that speaks
# with the fleet has not answered, so all but the store, and refused, is empty. fleet: Fleet_Name. servers:
# those of the configuration. latency: seconds that the store took to answer last. refusal: why it has not
# done what it was asked for last. At most 100 gateways and 200 openings are listed, all are counted. burnt:
# used knocks that are noted again should the store lose them. forged: messages without the fleet's code.
# dropped: messages that came late, or again. refused: knocks that opened nothing, by reason: used,
# unreachable.
method Fleet() -> (
  gateway: string,
  run: ?string,
  fleet: string,
  servers: []string,
  store: Store,
  latency: ?float,
  refusal: ?string,
  gateways: []Gateway,
  gateways_total: int,
  openings: []Shared,
  openings_total: int,
  burnt: int,
  forged: int,
  dropped: int,
  refused: [string]int
)

# What was counted, for monitoring: no addresses. left_out: how many counts there was no room for.
method Counters() -> (counts: []Count, left_out: int, version: string, python: string)

# The SSH keys that may knock, or those of a door, in the order of their files. skip: so many are left out;
# who wants all asks again until keys_total are there. A key that stands in two files is listed twice.
method Keys(door: ?string, skip: ?int) -> (keys: []Key, keys_total: int)

# Opens a door for an address as a knock would. seconds: in place of Cmd_Timeout. Answers when the start
# command has ended. lease: null for a door without a stop command. Of several doors of one name it is the
# first in the file. destination and interface: what the knock would have had, for %DST% and %IFACE%; else the
# door's Target, or an address of the first interface that is listened on. note: why a knock would not have
# opened it.
method Open(door: string, address: string, seconds: ?float, destination: ?string, interface: ?string) -> (
  lease: ?Lease,
  note: ?string
)

# Runs the stop commands of a door, of an address, of both, or of all. Answers when they have ended, or after
# 30 seconds. failed: they are tried again, or have failed for good. running: they have not ended yet.
# At most 50 leases are listed of each, all are counted.
method Close(door: ?string, address: ?string, all: ?bool) -> (
  closed: []Lease,
  failed: []Lease,
  running: []Lease,
  closed_total: int,
  failed_total: int,
  running_total: int
)

# Gives an address that is in more time: what is left and so many seconds. lease: the one that ends last.
method Extend(door: string, address: string, seconds: float) -> (lease: Lease)

# Gives up on a door that cannot be closed. command: the stop command, which is not run any more.
method Forget(lease: string) -> (lease: Lease, command: string)

# Reads the configuration anew. Answers when it is in effect, or with what is wrong with it.
method Reload() -> (doors: int, notes: []string)

# What an opening would run, and as whom. Runs nothing. null: the door has no such command.
method Test(door: string, address: string) -> (start: ?Run, stop: ?Run, seconds: float, obstacle: ?string)

# The configuration has no such door; these are those that it has (at most 100).
error NoSuchDoor (door: string, doors: []string)

# The configuration has no Fleet.
error NoFleet ()

# No lease is what was asked for.
error NoSuchLease (asked: string)

# A value that cannot be.
error BadValue (parameter: string, expected: string, seen: string)

# It was refused, or did not work.
error Refused (reason: string)

# The configuration is bad; the old one is kept.
error ConfigRefused (problems: []Problem)

# Who asks may not do this.
error NotAllowed (needed: string)

# The daemon is starting or ending.
error NotNow (life: string)

# As many clients are connected as may be, who may only look.
error Busy (clients: int)

# What came is no call. The connection is closed.
error BadMessage (reason: string)
"""
