//! Answers `/consent`: the page that asks the user to allow or deny a client's request. Leaves to
//! `authorization` whether consent is required and what is stored.

use std::time::Duration;

use minijinja::{Value, context};
use poem::Request;

use super::{
    Form, Page, PageError, PageResult,
    login::{find_pending, page_for_request, resume_path},
    requesting_client::requesting_client,
    see_other,
};
use crate::{
    App,
    authorization::{self, AuthorizationStep, ConsentAnswer, InteractionError, PendingRequest},
    clients::GrantType,
    http::{request_context, security},
    scope::OPENID,
    sessions::{self, SignedInUser},
};

pub async fn show(app: App, request: Request) -> PageResult {
    let (pending, signed_in) = load(&app, &request, &Form::from_query(&request)?).await?;
    let page = page_for_request(&app, &request, &pending);
    match (authorization::next_step_of(&app, &pending, signed_in.as_ref()).await?, signed_in) {
        (AuthorizationStep::Consent, Some(signed_in)) => {
            page.show("pages/consent.html", values(&app, &page, &pending, &signed_in))
        }
        // Another question comes first, or none is left.
        _ => Ok(see_other(&resume_path(&pending.handle))),
    }
}

pub async fn submit(app: App, request: Request, form: Form) -> PageResult {
    let (pending, signed_in) = load(&app, &request, &form).await?;
    let handle = &pending.handle;
    let Some(signed_in) = signed_in else { return Ok(see_other(&resume_path(handle))) };
    let allow = match form.get("answer") {
        Some("allow") => true,
        Some("deny") => false,
        _ => return Err(super::PageErrorKind::Malformed.into()),
    };
    let browser = security::browser_secret(&app, &request).unwrap_or_default();
    let context = request_context(&app, &request);
    let answer = ConsentAnswer { handle, browser_secret: browser, allow };
    match authorization::record_consent(&app, &context, &signed_in, answer).await {
        Ok(stored) => Ok(see_other(&resume_path(&stored))),
        Err(InteractionError::StepOutOfOrder | InteractionError::SessionEnded(_)) => {
            Ok(see_other(&resume_path(handle)))
        }
        Err(cause) => Err(cause.into()),
    }
}

async fn load(
    app: &App,
    request: &Request,
    fields: &Form,
) -> Result<(PendingRequest, Option<SignedInUser>), PageError> {
    let handle = fields.get("request").unwrap_or_default();
    let pending = find_pending(app, handle, security::browser_secret(app, request)).await?;
    let signed_in = match security::session_secret(app, request) {
        Some(secret) => sessions::find(app, secret).await?,
        None => None,
    };
    Ok((pending, signed_in))
}

fn values(app: &App, page: &Page, pending: &PendingRequest, signed_in: &SignedInUser) -> Value {
    let request = pending.handle.to_string();
    let scope = pending.request.consent_scope();
    // Signing in is what the person is here for; it is named only where nothing else is asked.
    let permissions: Vec<_> = scope
        .iter()
        .filter(|name| *name != OPENID || scope.iter().count() == 1)
        .map(|name| scope_values(app, page, name, signed_in))
        .collect();
    let refreshes = pending.client.may_use(GrantType::RefreshToken);
    context! {
        asker => requesting_client(&pending.client, Some(&pending.request.redirect_uri)),
        user => signed_in.user.email.as_str(),
        permissions,
        lifetime => refreshes.then(|| lifetime_text(app, page)),
        stays => scope.contains("offline_access"),
        manages_account => scope.contains("account"),
        flow => context! {
            form_token => page.form_token(),
            start_over => format!("/login?request={request}&start=over"),
            request,
            to => (),
        },
    }
}

/// What a scope allows, in a few words.
pub(super) fn scope_title(app: &App, page: &Page, scope: &str) -> Value {
    let resources = app.resources();
    match resources.find_by_scope(scope) {
        None => page.message(&format!("scope-{scope}")).unwrap_or_else(|| scope.into()),
        Some(resource) => resource.scope_text(scope, page.language()).unwrap_or(scope).into(),
    }
}

/// A scope as a person understands it: the issuer's by message and with what the client would read, a
/// resource's by its own description.
fn scope_values(app: &App, page: &Page, scope: &str, signed_in: &SignedInUser) -> Value {
    let resources = app.resources();
    let user = &signed_in.user;
    let claim = |name: &str| user.profile.get(name).and_then(|value| value.as_str()).map(Value::from);
    let usual = || page.message(&format!("scope-{scope}-detail"));
    let (icon, detail) = match (resources.find_by_scope(scope), scope) {
        (Some(resource), _) => {
            ("tasks", page.message_with("at-resource", &[("name", Value::from(resource.row.name.as_str()))]))
        }
        (None, "profile") => ("user", claim("name").or_else(usual)),
        (None, "email") => ("mail", Some(Value::from(user.email.as_str()))),
        (None, "phone") => ("phone", claim("phone_number").or_else(usual)),
        (None, "address") => ("pin", usual()),
        (None, "account") => ("sliders", usual()),
        (None, "offline_access") => ("refresh", Some(lifetime_text(app, page))),
        (None, _) => ("key", usual()),
    };
    context! { title => scope_title(app, page, scope), detail, icon }
}

/// How long the client can go on without asking again.
fn lifetime_text(app: &App, page: &Page) -> Value {
    let days = |lifetime: Duration| Value::from(lifetime.as_secs().div_ceil(24 * 60 * 60));
    let tokens = &app.config.tokens;
    let arguments = [
        ("idle", days(tokens.refresh_token_idle_lifetime.duration())),
        ("days", days(tokens.refresh_token_lifetime.duration())),
    ];
    page.message_with("consent-lifetime", &arguments).unwrap_or_default()
}
