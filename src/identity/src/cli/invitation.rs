//! Defines the commands `postern user invite`, `invitations` and `uninvite`.

use serde_json::{Value, json};

use super::{
    error::CommandError,
    output::{Report, table},
};
use crate::{
    App,
    accounts::{
        AccountError,
        invitations::{self, Invitation, NewInvitation},
    },
    core::RequestContext,
    users::{self, Email},
};

/// Invites an email. An operator may know whether an email has an account, so the command reports that.
pub(super) async fn invite(
    app: &App,
    email: &str,
    language: &str,
    context: &RequestContext,
) -> Result<Report, CommandError> {
    if let Ok(email) = Email::parse(email)
        && users::find_by_email(app.db.reader(), &email).await?.is_some()
    {
        return Err(CommandError::Failed(format!("there is already a user {}", email.as_str())));
    }
    let language = app.templates.negotiate_language(Some(language), None);
    let context = &RequestContext { language, ..context.clone() };
    let NewInvitation { invitation, link } =
        invitations::invite(app, email, context).await.map_err(command_error)?;
    let Invitation { email, expires_at, .. } = &invitation;
    let text = match &link {
        Some(link) => format!(
            "Link for {email}: {link}\n\nIt makes an account once, until {expires_at}, and is not shown again. No mail is \
             set, so hand it over yourself."
        ),
        None => format!("An invitation to {email} is on its way. It works until {expires_at}."),
    };
    let mut value = as_json(&invitation);
    value["link"] = json!(link);
    Ok(Report::new(text, value))
}

/// Lists the valid invitations.
pub(super) async fn list(app: &App, limit: u64) -> Result<Report, CommandError> {
    let invitations = invitations::list(app, limit).await.map_err(command_error)?;
    let row = |invitation: &Invitation| {
        [invitation.email.clone(), invitation.created_at.rfc3339(), invitation.expires_at.rfc3339()]
    };
    let rows: Vec<_> = invitations.iter().map(row).collect();
    let values: Vec<_> = invitations.iter().map(as_json).collect();
    Ok(Report::new(table(["EMAIL", "SINCE", "UNTIL"], &rows), values))
}

pub(super) async fn withdraw(
    app: &App,
    email: &str,
    context: &RequestContext,
) -> Result<Report, CommandError> {
    if invitations::withdraw(app, email, context).await.map_err(command_error)? {
        let text = format!("The invitation to {email} was withdrawn.");
        return Ok(Report::new(text, json!({ "email": email, "withdrawn": true })));
    }
    Err(CommandError::Failed(format!("no invitation to {email} stands")))
}

fn command_error(cause: AccountError) -> CommandError {
    match cause {
        AccountError::RegistrationClosed => CommandError::Failed(
            "nobody can be invited: set `registration.mode` to \"invitation\" or \"open\", and have `password` among \
             `login.methods`"
                .to_owned(),
        ),
        AccountError::MalformedEmail => CommandError::Usage(cause.to_string()),
        AccountError::Database(cause) => cause.into(),
        cause => CommandError::Failed(cause.to_string()),
    }
}

fn as_json(invitation: &Invitation) -> Value {
    json!({
        "email": invitation.email,
        "created_at": invitation.created_at.rfc3339(),
        "expires_at": invitation.expires_at.rfc3339(),
    })
}
