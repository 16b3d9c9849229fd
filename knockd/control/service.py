"""Which method a call means, and what every varlink service answers of itself (org.varlink.service).

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from knockd import __version__
from knockd.control import idl, interface
from knockd.control.call import Call, Caller, Method
from knockd.control.protocol import SERVICE, Request

CHANGING = frozenset({"Open", "Close", "Extend", "Forget", "Reload"})
"""Methods that change something."""

DESCRIPTION = """\
# What every varlink service says of itself.
interface org.varlink.service

# Who made the service, and which interfaces it has.
method GetInfo() -> (vendor: string, product: string, version: string, url: string, interfaces: []string)

# The description of an interface, in varlink's language.
method GetInterfaceDescription(interface: string) -> (description: string)

# There is no such interface.
error InterfaceNotFound (interface: string)

# The interface has no such method.
error MethodNotFound (method: string)

# The interface has the method, and this service does not.
error MethodNotImplemented (method: string)

# A parameter is missing, unknown or of another type.
error InvalidParameter (parameter: string)
"""
"""org.varlink.service, as varlink.org has it."""

INFO = {
    "vendor": "knockd",
    "product": "knockd",
    "version": __version__,
    "url": "man:knockd(8)",
    "interfaces": [SERVICE, interface.NAME],
}


class Service:
    """Answers calls by their method's name.

    ``methods`` are those of our interface, by their short names. ``may_change`` says who may call those
    that change something; ``refused`` hears of who may not, and why.
    """

    def __init__(
        self,
        methods: Mapping[str, Method],
        may_change: Callable[[Caller], bool],
        refused: Callable[[Caller, str], None],
    ) -> None:
        self._methods = methods
        self._may_change = may_change
        self._refused = refused
        self._interfaces = {
            one.name: one for one in map(idl.read_interface, (DESCRIPTION, interface.DESCRIPTION))
        }

    def handle(self, request: Request, caller: Caller, send: Callable[[bytes, bool], None]) -> Call:
        """Passes a call on to its method; what cannot be passed on is answered with an error."""
        call = Call({}, caller, send, more=request.more)
        name, _, method = request.method.rpartition(".")
        known = self._interfaces.get(name)
        if known is None:
            call.fail_with(f"{SERVICE}.InterfaceNotFound", {"interface": name})
        elif method not in known.methods:
            call.fail_with(f"{SERVICE}.MethodNotFound", {"method": request.method})
        else:
            self._call(known, method, request.parameters, call)
        return call

    def _call(self, known: idl.Interface, method: str, parameters: Mapping[str, Any], call: Call) -> None:
        try:
            call.parameters = idl.check_fields(known, known.methods[method].takes, parameters)
        except idl.MismatchError as error:
            call.fail_with(f"{SERVICE}.InvalidParameter", {"parameter": error.where})
            return
        if known.name == SERVICE:
            self._describe(method, call)
        elif method in CHANGING and not self._may_change(call.caller):
            self._refused(call.caller, f"only root may call {method}")
            call.fail("NotAllowed", needed="root")
        elif method not in self._methods:
            call.fail_with(f"{SERVICE}.MethodNotImplemented", {"method": f"{known.name}.{method}"})
        else:
            self._run(self._methods[method], call)

    def _run(self, answer: Method, call: Call) -> None:
        try:
            answer(call)
        except Exception:
            call.fail("Refused", reason="internal error; knockd's log has it")
            raise

    def _describe(self, method: str, call: Call) -> None:
        wanted = call.parameters.get("interface", "")
        descriptions = {SERVICE: DESCRIPTION, interface.NAME: interface.DESCRIPTION}
        if method == "GetInfo":
            call.reply(INFO)
        elif wanted in descriptions:
            call.reply({"description": descriptions[wanted]})
        else:
            call.fail_with(f"{SERVICE}.InterfaceNotFound", {"interface": wanted})
