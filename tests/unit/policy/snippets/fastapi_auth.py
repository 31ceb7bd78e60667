"""Endpoints that lack what `fastapi.auth` demands, and near misses."""

from tests.unit.policy.cases import Cases, Snippet

_AUTH: dict[str, object] = {
    "fastapi": {"auth": [{"paths": ["/orders/**"], "dependency": "app.auth.user"}]}
}
_OPEN = (
    "from fastapi import Depends, FastAPI\nfrom app.auth import user\n\napp = FastAPI()\n\n\n"
    "@app.get('/orders')\ndef orders(): ...\n"
)
_GUARDED = _OPEN.replace("orders()", "orders(who=Depends(user))")
_HEALTH = f"{_GUARDED}\n\n@app.get('/health')\ndef health(): ...\n"

CASES = {
    "fastapi-auth": Cases(
        fails={"without it": Snippet(_OPEN, line=8, config=_AUTH)},
        passes={"with it": Snippet(_GUARDED, config=_AUTH), "none is named": Snippet(_OPEN)},
    ),
    "fastapi-auth-uncovered": Cases(
        fails={"on no path": Snippet(_HEALTH, line=12, config=_AUTH)},
        passes={"on one": Snippet(_GUARDED, config=_AUTH)},
    ),
}
