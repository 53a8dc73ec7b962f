"""Authlib in FastAPI, by the snippet of the preset `fastapi`."""

import os
from pathlib import Path

from authlib.integrations.starlette_client import OAuthError
from fastapi import Request
from fastapi.responses import PlainTextResponse

# The snippet is a whole app.
snippet = {}
exec(Path(os.environ["SNIPPET"]).read_text(), snippet)
app, client = snippet["app"], snippet["oauth"].postern

# The snippet keeps who signed in. To refresh and to sign out, an app keeps the tokens too; here, those of one browser.
tokens = {}
exchange = client.authorize_access_token


async def exchange_and_keep(request):
    tokens.update(await exchange(request))
    return dict(tokens)


client.authorize_access_token = exchange_and_keep


@app.get("/")
async def claims(request: Request):
    return {"claims": request.session.get("user")}


@app.get("/userinfo")
async def userinfo():
    return await client.userinfo(token=tokens)


@app.get("/refresh")
async def refresh():
    fresh = await client.fetch_access_token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    tokens.update(fresh)
    return {"claims": await client.userinfo(token=tokens)}


@app.get("/logout")
async def logout(request: Request):
    request.session.clear()
    return await client.logout_redirect(request, os.environ["BASE_URL"] + "/", tokens["id_token"])


@app.exception_handler(OAuthError)
async def refused(request: Request, fault: OAuthError):
    return PlainTextResponse(str(fault), 400)
