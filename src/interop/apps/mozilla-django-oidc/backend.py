"""How the app extends mozilla-django-oidc: it keeps the claims, and says where the provider signs people out."""

from os import environ
from urllib.parse import urlencode

from django.conf import settings
from mozilla_django_oidc.auth import OIDCAuthenticationBackend


class Backend(OIDCAuthenticationBackend):
    def get_userinfo(self, access_token, id_token, payload):
        claims = super().get_userinfo(access_token, id_token, payload)
        self.request.session["userinfo"] = claims
        self.request.session["claims"] = payload | claims
        return claims


def logout_url(request):
    query = {
        "id_token_hint": request.session["oidc_id_token"],
        "post_logout_redirect_uri": settings.LOGOUT_REDIRECT_URL,
    }
    return f"{environ['ISSUER']}/oauth2/logout?{urlencode(query)}"
