//! Answers what a person is asked once between a completed sign-in and where the sign-in leads: recovery codes that are not
//! kept, or a first passkey. Each page can be passed by one press, and one sign-in meets at most one of them.
//!
//! None stands before a step-up or a request without pages: only a sign-in that opened a session comes here. A registration
//! leads on by itself, so a new person meets none on the way to the first app.

use super::{passkey_offer, recovery_codes};
use crate::{
    App,
    accounts::recovery_codes::set_not_kept,
    core::RequestContext,
    login::{self, devices, first_factor_methods, passkey::enrolment, policy::AuthenticationRequirement},
    sessions::{SignedInUser, WriteError},
};

const PASSKEY: &str = "passkey";

/// A sign-in in a browser that opened a session.
pub(super) struct NewSignIn<'a> {
    pub(super) signed_in: SignedInUser,
    /// By which the account knows this browser from now on.
    pub(super) device_secret: &'a str,
    /// What the sign-in had to fulfil, with the methods that the client allows.
    pub(super) requirement: &'a AuthenticationRequirement,
    /// Whether a script of the page found that this browser can make a passkey.
    pub(super) browser_makes_passkeys: bool,
    pub(super) context: &'a RequestContext,
}

/// The page to show first, with the query that leads on from there. A failure to find out does not stop the sign-in.
pub(super) async fn path(app: &App, sign_in: NewSignIn<'_>, onward: &str) -> Option<String> {
    match find_page(app, &sign_in).await {
        Ok(page) => page.map(|page| format!("{page}?{onward}")),
        Err(cause) => {
            tracing::warn!(%cause, "a sign-in led on without what was to be asked");
            None
        }
    }
}

async fn find_page(app: &App, sign_in: &NewSignIn<'_>) -> Result<Option<&'static str>, WriteError> {
    if set_not_kept(app, &sign_in.signed_in.user).await? {
        return Ok(Some(recovery_codes::REMINDER));
    }
    Ok(passkey_offered(app, sign_in).await?.then_some(passkey_offer::PATH))
}

/// Whether a passkey is offered now: once for each account and browser. The mark is on the device that the account
/// remembers, so a browser that the account has forgotten may offer again.
async fn passkey_offered(app: &App, sign_in: &NewSignIn<'_>) -> Result<bool, WriteError> {
    let NewSignIn { signed_in, device_secret, requirement, .. } = sign_in;
    if !sign_in.browser_makes_passkeys
        || !login::method_available(app, PASSKEY)
        || !first_factor_methods(app, requirement).iter().any(|name| name == PASSKEY)
        || !devices::passkey_offer_due(app.db.reader(), signed_in.user.id, device_secret).await?
        || !enrolment::list(app, &signed_in.user).await?.is_empty()
    {
        return Ok(false);
    }
    let marked = devices::mark_passkey_offered(app, signed_in.principal(), device_secret, sign_in.context);
    marked.await
}
