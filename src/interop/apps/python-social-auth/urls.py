"""The pages of the app, and those of Python Social Auth."""

from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.urls import include, path
from social_django.utils import load_strategy


def known(request):
    """The entry of the person who is signed in, in the table of the library."""
    return request.user.is_authenticated and request.user.social_auth.get(provider="oidc")


def kept(person):
    """The claims that the library got from userinfo during the sign-in, and kept."""
    return {name: person.extra_data[name] for name in settings.SOCIAL_AUTH_OIDC_EXTRA_DATA}


def claims(request):
    person = known(request)
    return JsonResponse({"claims": kept(person) if person else None})


def userinfo(request):
    return JsonResponse(kept(known(request)))


def refresh(request):
    person = known(request)
    person.refresh_token(load_strategy(request))
    return JsonResponse({"claims": kept(person)})


def login(request):
    """A sign-in begins with a button; this one presses itself."""
    return HttpResponse(
        f"""<form method="post" action="/login/oidc/">
        <input type="hidden" name="csrfmiddlewaretoken" value="{get_token(request)}">
        </form><script>document.forms[0].submit()</script>"""
    )


urlpatterns = [
    path("", claims),
    path("userinfo", userinfo),
    path("refresh", refresh),
    path("login", login),
    path("", include("social_django.urls", namespace="social")),
]
