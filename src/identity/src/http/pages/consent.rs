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
    let permissions: Vec<_> =
        pending.request.consent_scope().iter().map(|scope| scope_values(app, page, scope)).collect();
    context! {
        asker => requesting_client(&pending.client, Some(&pending.request.redirect_uri)),
        user => signed_in.user.email.as_str(),
        permissions,
        lifetime => pending.client.may_use(GrantType::RefreshToken).then(|| grant_lifetime_values(app)),
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
        Some(resource) => {
            let description = resource.scopes.get(scope).filter(|text| !text.is_empty());
            description.map_or_else(|| scope.into(), |text| text.as_str().into())
        }
    }
}

/// A scope as a person understands it: the issuer's by message, a resource's by its own description.
fn scope_values(app: &App, page: &Page, scope: &str) -> Value {
    let resources = app.resources();
    let detail = match resources.find_by_scope(scope) {
        None => page.message(&format!("scope-{scope}-detail")),
        Some(resource) => {
            page.message_with("at-resource", &[("name", Value::from(resource.row.name.as_str()))])
        }
    };
    context! { title => scope_title(app, page, scope), detail }
}

/// How long the client can go on without asking again.
fn grant_lifetime_values(app: &App) -> Value {
    let days = |lifetime: Duration| lifetime.as_secs().div_ceil(24 * 60 * 60);
    let tokens = &app.config.tokens;
    context! {
        idle => days(tokens.refresh_token_idle_lifetime.duration()),
        days => days(tokens.refresh_token_lifetime.duration()),
    }
}
