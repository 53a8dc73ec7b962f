//! Prepares the mail that tells the owner of an account what happened to it: when, on which device, and with a link
//! that signs out every device and app.
//!
//! The link is for the owner who did not do it. A thief may change the account meanwhile, so no other change ends the
//! link, and a newer one ends no older one; it ends by use, after [`LIFETIME`], or with the account. The link can do
//! nothing but sign out (`accounts::sign_out_link`), so whoever reads an old mailbox can do no more either. The row
//! holds no email in the open: the account may give that email up.

use std::time::Duration;

use postern_entities::links::{Column, Entity};
use postern_service::database::DatabaseError;
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, QueryTrait as _,
};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{NewLink, Purpose};
use crate::{
    core::{Core, RequestContext, Write},
    crypto::CryptoError,
    jobs::SealedJob,
    mail::{self, MailTemplate},
    readable,
    templates::Templates,
    users::User,
};

/// How long the link works: the owner may not read mail on the day of the theft.
const LIFETIME: Duration = Duration::from_hours(7 * 24);

/// So many links of an account work at once. A newer one went to the same mailbox; if the email was changed in
/// between, the owner has the link that undoes the change.
const MOST_OF_AN_ACCOUNT: u64 = 50;

/// What the link carries.
#[derive(Serialize, Deserialize)]
pub(crate) struct SignOutPayload {
    /// The email that the notice went to.
    pub(crate) email: String,
}

/// A notice that is rendered by a job, and its link, to be stored in the write that causes the notice.
pub struct OwnerNotice {
    user_id: Uuid,
    /// On the heap, because the write of a sign-in holds up to two notices.
    link: Box<NewLink>,
    mail: Box<SealedJob>,
}

/// What a notice is about.
#[derive(Clone, Copy)]
pub(crate) struct NoticeDetails<'a> {
    /// Name of the mail template, which has the values `at`, `ip`, `device` and `sign_out_link`.
    pub(crate) template: &'a str,
    pub(crate) context: &'a RequestContext,
    /// The device, if it is better known than by the user agent.
    pub(crate) device: Option<&'a str>,
    /// The page that the mail leads to first; none if that is the sign-out.
    pub(crate) path: Option<&'a str>,
}

impl<'a> NoticeDetails<'a> {
    pub(crate) const fn new(template: &'a str, context: &'a RequestContext) -> Self {
        Self { template, context, device: None, path: None }
    }
}

/// Prepares a notice in the owner's language.
pub(crate) fn prepare(
    core: &Core,
    templates: &Templates,
    user: &User,
    details: NoticeDetails<'_>,
) -> Result<OwnerNotice, CryptoError> {
    let NoticeDetails { template, context, device, path } = details;
    let payload = SignOutPayload { email: user.email.clone() };
    let link = NewLink::for_user(core, Purpose::SignOut, user.id, &payload, context.now)?
        .with_expiry(context.now + LIFETIME);
    let own_path = format!("/sign-out-everywhere?token={}", link.token.expose_secret());
    let by_user_agent = || context.user_agent.as_deref().map(readable::device_name);
    let unknown = || "-".to_owned();
    let facts = [
        ("at", readable::format_minute(context.now)),
        ("ip", context.ip.map_or_else(unknown, |ip| ip.to_canonical().to_string())),
        ("device", device.map(str::to_owned).or_else(by_user_agent).unwrap_or_else(unknown)),
        ("sign_out_link", format!("{}{own_path}", core.config.issuer)),
    ];
    let letter = MailTemplate {
        to: Some(&user.email),
        template,
        language: &mail::account_language(templates, user),
        path: path.or(Some(&own_path)),
    };
    let mail = Box::new(mail::prepare_with_facts(core, letter, facts)?);
    Ok(OwnerNotice { user_id: user.id, mail, link: Box::new(link) })
}

impl OwnerNotice {
    /// Stores the link and enqueues the mail. On the heap, because the write of a sign-in is large without it.
    pub(crate) async fn enqueue(self, write: &Write<'_>) -> Result<(), DatabaseError> {
        Box::pin(self.store(write)).await
    }

    async fn store(self, write: &Write<'_>) -> Result<(), DatabaseError> {
        let Self { user_id, link, mail } = self;
        link.store(write).await?;
        let of_account = || {
            Entity::find()
                .filter(Column::UserId.eq(user_id))
                .filter(Column::Purpose.eq(Purpose::SignOut.as_str()))
        };
        let newest = of_account()
            .select_only()
            .column(Column::TokenHash)
            .order_by_desc(Column::CreatedAt)
            .limit(MOST_OF_AN_ACCOUNT)
            .into_query();
        Entity::delete_many()
            .filter(Column::UserId.eq(user_id))
            .filter(Column::Purpose.eq(Purpose::SignOut.as_str()))
            .filter(Column::TokenHash.not_in_subquery(newest))
            .exec(write)
            .await?;
        mail.enqueue(write).await
    }
}
