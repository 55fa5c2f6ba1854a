"""Flags of Goose's controllers: there are none here, so that none has to be switched off; another way leads to the test."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Final

import typer

from maid_lab.model.errors import InvalidInput

__all__ = ["NoTelnet", "NoWebsocket", "TelnetHost", "TelnetPort", "WebsocketHost", "WebsocketPort", "tell_controllers"]

_WAY: Final = "A test that runs is controlled by `maid control` on the same machine; no port is opened."


def _option(name: str, text: str, **options: Any) -> Any:
    return typer.Option(name, help=text, rich_help_panel="Engine", **options)


NoTelnet = Annotated[bool, _option("--no-telnet", "Accepted for Goose's sake: no port is opened; see `maid control`.")]
NoWebsocket = Annotated[bool, _option("--no-websocket", "Accepted for Goose's sake: no port is opened; see `maid control`.")]
TelnetHost = Annotated[str | None, _option("--telnet-host", "Refused: see `maid control`.", hidden=True)]
TelnetPort = Annotated[str | None, _option("--telnet-port", "Refused: see `maid control`.", hidden=True)]
WebsocketHost = Annotated[str | None, _option("--websocket-host", "Refused: see `maid control`.", hidden=True)]
WebsocketPort = Annotated[str | None, _option("--websocket-port", "Refused: see `maid control`.", hidden=True)]


def tell_controllers(flags: dict[str, Any]) -> None:
    """Say what stands for the controllers whose flags were given.

    Raises
    ------
    InvalidInput
        If a host or port is asked for.
    """
    for name in ("telnet_host", "telnet_port", "websocket_host", "websocket_port"):
        if flags.get(name) is not None:
            raise InvalidInput(f"--{name.replace('_', '-')}: there is no such controller.", hint=_WAY)
    for name in ("no_telnet", "no_websocket"):
        if flags.get(name):
            sys.stderr.write(f"maid: --{name.replace('_', '-')} changes nothing. {_WAY}\n")
