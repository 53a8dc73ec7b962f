//! Answers the status of an attempt, for the pages that display it. Reads only.

use postern_service::clock::Timestamp;

use super::{
    super::{LoginError, policy::NextStep},
    AttemptBinding, requested_login,
    store::{self, AttemptSelector},
    verified_factors,
};
use crate::{app::App, clients::Client};

/// What a page may display of an attempt. Before the first verified factor the status is the same for every
/// email, so that a page reveals no account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptStatus {
    /// The email that was entered, normalised; empty when none was entered.
    pub identifier: String,
    /// Login methods that may be next.
    pub methods: Vec<String>,
    /// The method whose challenge is open; none before the first challenge of a factor.
    pub open_method: Option<String>,
    /// Expiry of the code that was sent; none when no code was sent.
    pub code_expires_at: Option<Timestamp>,
    /// Responses that may still be wrong until the attempt ends. Counted alike for every email.
    pub tries_left: u32,
    /// Whether a factor was verified already.
    pub first_factor_verified: bool,
}

/// The status of a live attempt, if the client and the binding match.
pub async fn status(
    app: &App,
    client: Option<&Client>,
    attempt: &str,
    binding: &AttemptBinding<'_>,
) -> Result<Option<AttemptStatus>, LoginError> {
    let bound = AttemptSelector::new(client, binding, attempt);
    let Some(row) = store::find(app, &bound, app.clock.now()).await? else { return Ok(None) };
    let user = store::user_of(app, &row).await?;
    let shown = verified_factors(&row)?;
    let methods =
        match super::super::next_step(app, &requested_login(&row)?.requirement, user.as_ref(), &shown).await?
        {
            NextStep::FactorRequired(names) => names,
            NextStep::Complete(_) | NextStep::InsufficientAcr(_) => Vec::new(),
        };
    Ok(Some(AttemptStatus {
        identifier: row.identifier,
        methods,
        open_method: row.method,
        code_expires_at: row.code_expires_at,
        tries_left: u32::try_from(row.tries_left).unwrap_or_default(),
        first_factor_verified: !shown.is_empty(),
    }))
}
