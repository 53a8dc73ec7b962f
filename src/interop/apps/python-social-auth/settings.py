"""Python Social Auth in Django: what `django-admin startproject` writes, and what its documentation has every app set."""

from os import environ

DEBUG = True
SECRET_KEY = "interop"
ROOT_URLCONF = "urls"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "social_django",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
USE_TZ = True
LOGIN_REDIRECT_URL = "/"
AUTHENTICATION_BACKENDS = ["social_core.backends.open_id_connect.OpenIdConnectAuth"]

SOCIAL_AUTH_OIDC_OIDC_ENDPOINT = environ["ISSUER"]
SOCIAL_AUTH_OIDC_KEY = environ["CLIENT_ID"]
SOCIAL_AUTH_OIDC_SECRET = environ["CLIENT_SECRET"]
# The library asks for openid, profile and email by itself.
SOCIAL_AUTH_OIDC_SCOPE = ["offline_access"]
# Which claims it keeps beside the tokens.
SOCIAL_AUTH_OIDC_EXTRA_DATA = ["sub", "name", "preferred_username", "email", "email_verified"]
