"""The pages of the app, and those of mozilla-django-oidc."""

from django.http import HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.urls import include, path


def claims(request):
    return JsonResponse({"claims": request.session["claims"] if request.user.is_authenticated else None})


def userinfo(request):
    return JsonResponse(request.session["userinfo"])


def login(request):
    return redirect("oidc_authentication_init")


def logout(request):
    """A sign-out begins with a button; this one presses itself."""
    return HttpResponse(
        f"""<form method="post" action="/oidc/logout/">
        <input type="hidden" name="csrfmiddlewaretoken" value="{get_token(request)}">
        </form><script>document.forms[0].submit()</script>"""
    )


urlpatterns = [
    path("", claims),
    path("userinfo", userinfo),
    path("login", login),
    path("logout", logout),
    path("oidc/", include("mozilla_django_oidc.urls")),
]
