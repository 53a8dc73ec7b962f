//! Answers where an attempt stands, for the pages that show it.

use postern_service::clock::Timestamp;

use super::{
    super::{LoginError, policy::Decision},
    Binding, asked, proofs,
    store::{self, Bound},
};
use crate::{app::App, clients::Client};

/// What a page may show of a login in progress. Before the first proof it is the same for every name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The address somebody typed, normalised; empty when nobody did.
    pub identifier: String,
    /// Methods that may come next.
    pub methods: Vec<String>,
    /// The method whose challenge is open.
    pub open: Option<String>,
    /// End of the code that was sent, if one was.
    pub code_expires_at: Option<Timestamp>,
    /// Whether a factor was shown already.
    pub proven: bool,
}

/// The attempt, while it goes on, for whoever it is bound to. Changes nothing.
pub async fn look(
    app: &App,
    client: Option<&Client>,
    attempt: &str,
    binding: &Binding<'_>,
) -> Result<Option<Look>, LoginError> {
    let bound = Bound::new(client, binding, attempt);
    let Some(row) = store::find(app, &bound, app.clock.now()).await? else { return Ok(None) };
    let user = store::user_of(app, &row).await?;
    let shown = proofs(&row)?;
    let methods = match super::super::decide(app, &asked(&row)?.requirement, user.as_ref(), &shown).await? {
        Decision::More(names) => names,
        Decision::Done(_) | Decision::Short(_) => Vec::new(),
    };
    Ok(Some(Look {
        identifier: row.identifier,
        methods,
        open: row.method,
        code_expires_at: row.code_expires_at.map(Timestamp::from_micros),
        proven: !shown.is_empty(),
    }))
}
