//! Signs out every device and app of an account by the link in a notice to its owner.
//!
//! The owner who did not do what the notice tells has perhaps no device at hand that is signed in, so the link works
//! without a session, and it opens none. It ends access and changes nothing else: whoever reads the mailbox, also a
//! former one, can do no more. A new password takes the usual way ([`recovery`](super::recovery)).

use crate::{
    App,
    audit::Event,
    core::RequestContext,
    grants::EndCause,
    links::{self, Link, Purpose, owner_notice::SignOutPayload},
    login::credential_change::AccessTermination,
    users::{self, User},
};

use super::AccountError;

/// The email to which the notice with this link went; none if the link is invalid.
pub async fn find_recipient(app: &App, token: &str) -> Result<Option<String>, AccountError> {
    Ok(find(app, token).await?.map(|(_, link)| link.payload.email))
}

async fn find(app: &App, token: &str) -> Result<Option<(User, Link<SignOutPayload>)>, AccountError> {
    let now = app.clock.now();
    let Some(link) = links::find::<SignOutPayload>(app, Purpose::SignOut, token, now).await? else {
        return Ok(None);
    };
    let Some(user_id) = link.user_id else { return Ok(None) };
    let user = users::find(app.db.reader(), user_id).await?.filter(|user| users::may_sign_in(user, now));
    Ok(user.map(|user| (user, link)))
}

/// Ends every session, grant and login in progress of the account, and forgets its devices. Mailed links stay: the notice may
/// have gone to a former mailbox, which must not take the owner's way to a new password.
pub async fn sign_out_everywhere(
    app: &App,
    token: &str,
    context: &RequestContext,
) -> Result<(), AccountError> {
    let (user, link) = find(app, token).await?.ok_or(AccountError::InvalidLink)?;
    app.write(context, async |write| {
        // The user row is locked first, as in every change of credentials, so that concurrent changes run
        // one after another.
        users::lock(write, user.id).await?;
        if !link.consume(write).await? {
            return Err(AccountError::InvalidLink);
        }
        AccessTermination { user_id: user.id, kept_session: None, cause: EndCause::EndedByMail }
            .apply_but_for_links(write)
            .await?;
        Ok(Event::new("access.ended").user(user.id).record(write).await?)
    })
    .await
}
