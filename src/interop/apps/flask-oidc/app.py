"""flask-oidc, which brings /login, /authorize and /logout itself."""

from os import environ

from flask import Flask, g, redirect, session
from flask_oidc import OpenIDConnect

app = Flask(__name__)
app.config.update(
    SECRET_KEY="interop",
    OIDC_CLIENT_SECRETS={
        "web": {
            "issuer": environ["ISSUER"],
            "client_id": environ["CLIENT_ID"],
            "client_secret": environ["CLIENT_SECRET"],
        }
    },
    OIDC_SCOPES="openid profile email offline_access",
)
OpenIDConnect(app)


@app.get("/")
def claims():
    """What the ID token (until a refresh) and userinfo said at the sign-in."""
    if not g.oidc_user.logged_in:
        return {"claims": None}
    return {"claims": session["oidc_auth_token"].get("userinfo", {}) | g.oidc_user.profile}


@app.get("/userinfo")
def userinfo():
    return g.oidc_user.profile


@app.get("/refresh")
def refresh():
    """The library refreshes by itself when the access token is over, at the next page."""
    session["oidc_auth_token"] = session["oidc_auth_token"] | {"expires_at": 0}
    return redirect("/")
