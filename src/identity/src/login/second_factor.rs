//! Answers what devices an account has that prove themselves, whichever method understands them.

use std::{iter::zip, time::Duration};

use postern_entities::{
    credentials::{Column, Entity},
    recovery_codes,
};
use postern_service::database::{DatabaseError, Transaction};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder as _, sea_query::Expr};
use uuid::Uuid;

use super::{
    Enrolments, LoginError,
    policy::{Acr, Requirement},
};
use crate::{App, users::User};

/// How recent a sign-in must be to change how one signs in.
const RECENT: Duration = Duration::from_mins(15);

/// What a sign-in must have been to change how an account signs in: recent, and by its second factor if it has one
/// (OWASP ASVS 6.2.3, 7.5.1).
pub fn requirement_to_change(second_factor: bool) -> Requirement {
    Requirement { acr: second_factor.then_some(Acr::Aal2), max_age: Some(RECENT), methods: Vec::new() }
}

/// Whether every sign-in of this account shows a second factor.
pub async fn has_second_factor(app: &App, user: &User) -> Result<bool, LoginError> {
    let enrolments = Enrolments::of(app, user.id);
    let enrolled = enrolments.ask(app).await?;
    Ok(zip(&enrolments.methods, enrolled)
        .any(|(method, enrolled)| enrolled && method.kind().demands_second()))
}

/// A device that codes can stand in for: the one that was set up first.
pub async fn first(app: &App, user: &User) -> Result<Option<Uuid>, DatabaseError> {
    first_but(app.db.reader(), user.id, Uuid::nil()).await
}

/// Lets the recovery codes stand in for another device of the account, before this one goes. Without another one they
/// go with it.
pub(super) async fn hand_over_codes(
    tx: &Transaction,
    user_id: Uuid,
    from: Uuid,
) -> Result<(), DatabaseError> {
    let Some(to) = first_but(tx, user_id, from).await? else { return Ok(()) };
    recovery_codes::Entity::update_many()
        .col_expr(recovery_codes::Column::CredentialId, Expr::value(to))
        .filter(recovery_codes::Column::UserId.eq(user_id))
        .exec(tx)
        .await?;
    Ok(())
}

async fn first_but(
    db: &impl ConnectionTrait,
    user_id: Uuid,
    except: Uuid,
) -> Result<Option<Uuid>, DatabaseError> {
    let device = Entity::find()
        .filter(Column::UserId.eq(user_id))
        .filter(Column::Kind.is_in(["totp", "passkey"]))
        .filter(Column::ConfirmedAt.is_not_null())
        .filter(Column::Id.ne(except))
        .order_by_asc(Column::CreatedAt)
        .one(db)
        .await?;
    Ok(device.map(|device| device.id))
}
