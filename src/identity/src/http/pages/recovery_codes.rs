//! Answers `/account/recovery-codes`: codes that replace a lost second factor, shown once. `/login/recovery-codes` asks
//! again, after a sign-in, for codes that their owner has not said to keep.
//!
//! The page that shows codes ends with "I have kept them", which marks the set ([`recovery_code::mark_kept`]). Who leaves
//! before is asked at the next sign-in in a browser ([`interstitial`](super::interstitial)).

use minijinja::{Value, context};
use poem::Request;
use postern_service::clock::Timestamp;

use super::{
    Form, Page, PageErrorKind, PageResult,
    account::{credential_change, require_sign_in, require_sign_in_for_change, signed_in_user},
    interrupted_sign_in::InterruptedSignIn,
    login::Destination,
    see_other,
};
use crate::{
    App,
    accounts::recovery_codes,
    login::{
        self,
        credential_change::CredentialChange,
        recovery_code::{self, NewRecoveryCodes},
        second_factor,
    },
};

/// Asks after a sign-in.
pub const REMINDER: &str = "/login/recovery-codes";

pub async fn show(app: App, request: Request) -> PageResult {
    let signed_in = require_sign_in(&app, &request, Destination::RecoveryCodes).await?;
    if !login::method_available(&app, "recovery-code") {
        return Err(PageErrorKind::NotFound.into());
    }
    if second_factor::first_device(&app, &signed_in.user).await?.is_none() {
        return Ok(see_other(Destination::Totp.path()));
    }
    let set = recovery_code::status(&app, &signed_in.user).await?;
    let page = Page::from_request(&app, &request, None);
    let warning =
        if set.kept || set.unused == 0 { None } else { page.message("recovery-codes-not-kept-text") };
    let values =
        context! { here => "recovery-codes", notice => (), codes => (), warning, left => set.unused };
    page.show("pages/recovery-codes.html", values)
}

/// `POST /account/recovery-codes`: makes a new set, and shows it in the answer: it cannot be shown again.
pub async fn renew(app: App, request: Request, form: Form) -> PageResult {
    let signed_in = require_sign_in_for_change(&app, &request, Destination::RecoveryCodes).await?;
    let page = Page::from_request(&app, &request, None);
    let set = recovery_codes::replace_set(&app, credential_change(&signed_in, &form, page.context())).await?;
    show_codes(&page, set, None)
}

/// The page that shows the account's codes, or leads on.
pub(super) struct SecondFactorEnd<'a> {
    /// Where to go when there is nothing to show.
    pub(super) done: &'a str,
    /// Message key of what was set up.
    pub(super) notice: &'static str,
    /// Where the sign-in led that was interrupted for it; none on the pages of the account.
    pub(super) onward: Option<&'a InterruptedSignIn>,
}

/// The last step of a second factor: the account's first recovery codes. An account that keeps some goes on at once.
pub(super) async fn finish_second_factor(
    app: &App,
    page: &Page,
    change: CredentialChange<'_>,
    end: SecondFactorEnd<'_>,
) -> PageResult {
    let offered = login::method_available(app, "recovery-code");
    let set = recovery_code::status(app, change.principal.user).await?;
    if !offered || (set.unused > 0 && set.kept) {
        return Ok(see_other(end.done));
    }
    // Whoever else was signed in has been signed out by the change itself.
    let set = recovery_codes::replace_set(app, CredentialChange { ends_others: false, ..change }).await?;
    let notice = page.message(end.notice);
    match end.onward {
        Some(onward) => show_codes_at_sign_in(onward, set, notice),
        None => show_codes(page, set, notice),
    }
}

/// `GET /login/recovery-codes`: asks for codes that are not kept, on the way to where the sign-in leads.
pub async fn remind(app: App, request: Request) -> PageResult {
    let onward = InterruptedSignIn::from_fields(&app, &request, &Form::from_query(&request)?).await?;
    match signed_in_user(&app, &request).await? {
        Some(signed_in) if recovery_codes::set_not_kept(&app, &signed_in.user).await? => {
            let values = context! { notice => (), codes => (), ..onward.values() };
            onward.page.show("pages/login-recovery-codes.html", values)
        }
        _ => Ok(see_other(&onward.path())),
    }
}

/// `POST /login/recovery-codes`: a new set, because the one before cannot be shown again.
pub async fn renew_at_sign_in(app: App, request: Request, form: Form) -> PageResult {
    let onward = InterruptedSignIn::from_fields(&app, &request, &form).await?;
    let signed_in = require_sign_in_for_change(&app, &request, Destination::RecoveryCodes).await?;
    let change = credential_change(&signed_in, &form, onward.page.context());
    let set = recovery_codes::replace_set(&app, change).await?;
    show_codes_at_sign_in(&onward, set, None)
}

/// `POST /login/recovery-codes/kept`: the owner says that the codes of one page are kept. Goes on also where the session has
/// ended: what comes next says so.
pub async fn keep(app: App, request: Request, form: Form) -> PageResult {
    let onward = InterruptedSignIn::from_fields(&app, &request, &form).await?;
    let made: i64 = form.value_or_empty("made").parse().map_err(|_| PageErrorKind::Malformed)?;
    if let Some(signed_in) = signed_in_user(&app, &request).await? {
        let made = Timestamp::from_micros(made);
        recovery_code::mark_kept(&app, signed_in.principal(), made, onward.page.context()).await?;
    }
    Ok(see_other(&onward.path()))
}

fn show_codes(page: &Page, set: NewRecoveryCodes, notice: Option<Value>) -> PageResult {
    page.show("pages/recovery-codes.html", context! { here => "recovery-codes", notice, ..set_values(set) })
}

fn show_codes_at_sign_in(
    onward: &InterruptedSignIn,
    set: NewRecoveryCodes,
    notice: Option<Value>,
) -> PageResult {
    let values = context! { notice, ..context! { ..set_values(set), ..onward.values() } };
    onward.page.show("pages/login-recovery-codes.html", values)
}

fn set_values(set: NewRecoveryCodes) -> Value {
    context! { made => set.created_at.micros(), codes => set.codes }
}
