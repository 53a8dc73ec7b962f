"""The pages of the app, and those of django-allauth by the snippet."""

from os import environ
from pathlib import Path

from django.http import HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.urls import path


def known(request):
    """What the library stored of the person who is signed in, by where it came from."""
    account = request.user.is_authenticated and request.user.socialaccount_set.first()
    return account.extra_data if account else None


def claims(request):
    parts = known(request)
    return JsonResponse({"claims": parts and {**parts["id_token"], **parts["userinfo"]}})


def userinfo(request):
    return JsonResponse(known(request)["userinfo"])


def login(request):
    """A sign-in begins with a button; this one presses itself."""
    return HttpResponse(
        f"""<form method="post" action="/accounts/oidc/postern/login/">
        <input type="hidden" name="csrfmiddlewaretoken" value="{get_token(request)}">
        </form><script>document.forms[0].submit()</script>"""
    )


urlpatterns = [path("", claims), path("userinfo", userinfo), path("login", login)]
exec(Path(environ["SNIPPET"]).read_text().split("# --- urls.py")[1])
