"""An API key on a real server: its rights, its limits, and that Jupyter's own routes stay closed to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from maid_lab.services.access.keys import KeyService
from maid_lab.services.access.principal import ALL_SCOPES, CredentialKind, Principal
from maid_lab.services.home import open_home
from tests.support.jupyter import jupyter_server

OWNER = Principal(kind=CredentialKind.JUPYTER, id="ada", scopes=ALL_SCOPES, is_interactive=True)


@pytest.mark.server
def test_a_key_has_its_rights_on_our_routes_and_none_on_jupyter_s(tmp_path: Path) -> None:
    keys = KeyService(open_home(tmp_path / "maid"))
    reader, slow, gone = (
        keys.create(OWNER, name="r"),
        keys.create(OWNER, name="s", limits={"requests_per_minute": 2}),
        keys.create(OWNER, name="g"),
    )
    keys.revoke(OWNER, gone.key.id)
    with jupyter_server(tmp_path) as server:

        def ask(path: str, key: str, **options: Any) -> Any:
            return server.ask(path, as_owner=False, headers={"X-MAID-Key": key}, **options)

        assert ask("whoami", reader.text).status == 200
        assert server.ask("status", as_owner=False, headers={"Authorization": f"Bearer {reader.text}"}).status == 200
        assert ask("stop", reader.text, method="POST", body={}).status == 403
        assert server.url.endswith("/")
        for header in ({"X-MAID-Key": reader.text}, {"Authorization": f"Bearer {reader.text}"}):
            assert server.ask(f"{server.url}api/contents", as_owner=False, headers=header).status in (401, 403)
        for wrong in (gone.text, reader.text[:-4] + "0000", "nothing", "eyJ.a.b"):
            refused = ask("whoami", wrong)
            assert (refused.status, refused.json["code"]) == (401, "unauthorized")
        # A wrong key is not mended by the login of the owner.
        assert server.ask("whoami", headers={"X-MAID-Key": gone.text}).status == 401
        assert [ask("status", slow.text).status for _ in range(3)] == [200, 200, 429]
        assert int(ask("status", slow.text).headers["Retry-After"]) >= 1
        assert reader.text.rpartition("_")[2] not in server.log.read_text()
