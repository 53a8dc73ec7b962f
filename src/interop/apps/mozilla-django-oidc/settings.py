"""mozilla-django-oidc: what `django-admin startproject` writes, and what its documentation has every app set."""

from os import environ

DEBUG = True
SECRET_KEY = "interop"
ROOT_URLCONF = "urls"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "mozilla_django_oidc",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
USE_TZ = True
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = environ["BASE_URL"] + "/"
AUTHENTICATION_BACKENDS = ["backend.Backend"]

OIDC_RP_CLIENT_ID = environ["CLIENT_ID"]
OIDC_RP_CLIENT_SECRET = environ["CLIENT_SECRET"]
OIDC_RP_SCOPES = "openid profile email"
OIDC_RP_SIGN_ALGO = "RS256"
OIDC_OP_AUTHORIZATION_ENDPOINT = environ["ISSUER"] + "/oauth2/authorize"
OIDC_OP_TOKEN_ENDPOINT = environ["ISSUER"] + "/oauth2/token"
OIDC_OP_USER_ENDPOINT = environ["ISSUER"] + "/oauth2/userinfo"
OIDC_OP_JWKS_ENDPOINT = environ["ISSUER"] + "/.well-known/jwks.json"
OIDC_OP_LOGOUT_URL_METHOD = "backend.logout_url"
OIDC_STORE_ID_TOKEN = True
