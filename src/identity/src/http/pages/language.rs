//! Answers `POST /language`, the switch in the footer of every page: keeps the language in a cookie and leads back to
//! the page.
//!
//! The choice lasts in this browser. Of a signed-in person it also becomes the language of mails about the account.
//! Leaves to `request_context` the order in which languages count.

use poem::Request;

use super::{Form, PageError, PageErrorKind, PageResult, account::signed_in_user, return_path, see_other};
use crate::{
    App,
    accounts::{AccountError, change_limit},
    core::RequestContext,
    http::{request_context, security},
    sessions::SignedInUser,
    users,
};

pub async fn choose(app: App, request: Request, form: Form) -> PageResult {
    let language = form.value_or_empty("language");
    if !app.templates.has_language(language) {
        return Err(PageErrorKind::Malformed.into());
    }
    if let Some(signed_in) = signed_in_user(&app, &request).await? {
        let context = request_context(&app, &request);
        keep_for_account(&app, &signed_in, language, &context).await?;
    }
    let back = return_path::own_path(&app.config.issuer, form.value_or_empty("back"));
    let mut response = see_other(&back);
    security::set_language_cookie(&app, &mut response, language);
    Ok(response)
}

/// Stores the language of mails to the person. Too many changes are left out without a word: the pages follow the
/// cookie all the same.
async fn keep_for_account(
    app: &App,
    signed_in: &SignedInUser,
    language: &str,
    context: &RequestContext,
) -> Result<(), PageError> {
    if signed_in.user.language.as_deref() == Some(language) {
        return Ok(());
    }
    match change_limit::count_change(app, &signed_in.user).await {
        Ok(()) => {}
        Err(AccountError::TooManyChanges { .. }) => return Ok(()),
        Err(cause) => return Err(cause.into()),
    }
    let principal = signed_in.principal();
    principal
        .write_exclusive(app, context, async |write, user| -> Result<(), AccountError> {
            Ok(users::set_language_statement(user.id, language).exec(write).await.map(drop)?)
        })
        .await
        .or_else(|cause| match cause {
            // Signed out meanwhile: the choice is this browser's alone.
            AccountError::SessionEnded(_) => Ok(()),
            cause => Err(cause.into()),
        })
}
