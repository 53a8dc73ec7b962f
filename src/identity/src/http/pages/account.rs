//! Answers `/`, `/account` and the sign-out, and defines how every page finds its signed-in user.
//!
//! Owns the gate of the account pages: [`require_sign_in`] returns the user, or the login page to which the
//! browser is redirected first. Leaves to [`Destination::requirement`] which authentication a page requires.

use minijinja::{Value, context};
use poem::Request;

use super::{
    Form, Page, PageError, PageResult, dev_start, logged_out,
    login::{Destination, RequiredAction, required_action_for_page},
    see_other,
};
use crate::{
    App,
    accounts::{
        change_limit,
        security_summary::{self, SecurityAdvice, SecuritySummary},
    },
    authorization::{logout, signed_out_apps::SignedOutApps},
    core::RequestContext,
    grants::EndCause,
    http::{request_context, security},
    login::credential_change::CredentialChange,
    readable,
    sessions::{self, SignedInUser},
};

pub async fn home(app: App, request: Request) -> PageResult {
    if dev_start::development(&app).is_some() {
        return dev_start::show(&app, &request).await;
    }
    match signed_in_user(&app, &request).await? {
        Some(_) => Ok(see_other(Destination::Account.path())),
        None => Page::from_request(&app, &request, None).show("pages/home.html", context! {}),
    }
}

pub async fn show(app: App, request: Request) -> PageResult {
    let signed_in = require_sign_in(&app, &request, Destination::Account).await?;
    sessions::touch(&app, &signed_in.session).await?;
    let user = &signed_in.user;
    let page = Page::from_request(&app, &request, None);
    let summary = security_summary::load(&app, &signed_in).await?;
    let notice = match Form::from_query(&request)?.get("done") {
        Some("totp-on") => page.message("totp-turned-on"),
        Some("totp-off") => page.message("totp-turned-off"),
        Some("password") => page.message("password-set"),
        Some("restored") => page.message("account-kept"),
        _ => None,
    };
    let values = context! {
        here => "account",
        notice,
        email => user.email.as_str(),
        name => user.profile.get("name").and_then(|name| name.as_str()).map(Value::from),
        totp => summary.authenticator,
        passkeys => summary.passkeys,
        recovery_codes => summary.recovery_codes.map(|set| context! { unused => set.unused, kept => set.kept }),
        password => summary.password,
        security => security_values(&page, &summary),
    };
    page.show("pages/account.html", values)
}

/// How the account is protected, in words, and the step that would help most.
fn security_values(page: &Page, summary: &SecuritySummary) -> Value {
    let next_step = summary.next_step.map(|step| {
        let (href, text, label) = match step {
            SecurityAdvice::MakeRecoveryCodes => {
                ("/account/recovery-codes", "security-next-make-codes", "security-next-make-codes-button")
            }
            SecurityAdvice::AddPasskey => {
                ("/account/passkeys", "security-next-passkey", "security-next-passkey-button")
            }
            SecurityAdvice::SetUpAuthenticator => {
                ("/account/totp", "security-next-authenticator", "security-next-authenticator-button")
            }
            SecurityAdvice::RenewRecoveryCodes => {
                ("/account/recovery-codes", "security-next-renew-codes", "security-next-renew-codes-button")
            }
        };
        let count = Value::from(summary.recovery_codes.map(|set| set.unused));
        context! { href, text => page.message_with(text, &[("count", count)]), label => page.message(label) }
    });
    let other = summary.other_sign_in.as_ref();
    context! {
        next_step,
        sessions => summary.sessions,
        other_at => other.map(|other| readable::format_minute(other.at)),
        other_device => other.and_then(|other| other.device.as_deref()),
    }
}

pub async fn sign_out(app: App, request: Request, _: Form) -> PageResult {
    let mut apps = SignedOutApps::default();
    if let Some(signed_in) = signed_in_user(&app, &request).await? {
        let context = request_context(&app, &request);
        apps = logout::sign_out(&app, &context, &signed_in, EndCause::SignedOut).await?;
    }
    let mut response = logged_out::show_after_sign_out(&app, &request, &apps)?;
    security::clear_session_cookie(&app, &mut response);
    Ok(response)
}

/// Who is signed in in this browser.
pub(super) async fn signed_in_user(app: &App, request: &Request) -> Result<Option<SignedInUser>, PageError> {
    match security::session_secret(app, request) {
        Some(secret) => Ok(sessions::find(app, secret).await?),
        None => Ok(None),
    }
}

/// The same for one page of ours: who has closed the account is there for keeping it only.
pub(super) async fn signed_in_user_for(
    app: &App,
    request: &Request,
    destination: Destination,
) -> Result<Option<SignedInUser>, PageError> {
    match (destination, security::session_secret(app, request)) {
        (Destination::Restore, Some(secret)) => Ok(sessions::find_of_closed_account(app, secret).await?),
        _ => signed_in_user(app, request).await,
    }
}

/// The change of a credential that a form requests. An unticked checkbox is not sent, so an absent field
/// means that the other sessions stay.
pub(super) fn credential_change<'a>(
    signed_in: &'a SignedInUser,
    form: &Form,
    context: &'a RequestContext,
) -> CredentialChange<'a> {
    let ends_others = form.get("end_others").is_some();
    CredentialChange { principal: signed_in.principal(), ends_others, context }
}

/// The user who may see a page of the account. Everybody else is redirected to the sign-in.
pub(super) async fn require_sign_in(
    app: &App,
    request: &Request,
    destination: Destination,
) -> Result<SignedInUser, PageError> {
    let signed_in = signed_in_user_for(app, request, destination).await?;
    let (_, required_action) = required_action_for_page(app, destination, signed_in.as_ref()).await?;
    signed_in
        .filter(|_| required_action == RequiredAction::Nothing)
        .ok_or_else(|| PageError::Redirect(destination.login_path()))
}

/// [`require_sign_in`] for a form that changes the account. Counts the change against the account's limit.
pub(super) async fn require_sign_in_for_change(
    app: &App,
    request: &Request,
    destination: Destination,
) -> Result<SignedInUser, PageError> {
    let signed_in = require_sign_in(app, request, destination).await?;
    change_limit::count_change(app, &signed_in.user).await?;
    Ok(signed_in)
}
