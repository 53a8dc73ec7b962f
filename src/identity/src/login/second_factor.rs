//! Answers which possession factors an account has, across the login methods.
//!
//! A second factor is what [`policy`](super::policy) says: an enrolled possession factor (TOTP, passkey).
//! This module asks for one at changes of credentials, and moves the recovery codes to another possession
//! factor before theirs is removed.

use std::{iter::zip, time::Duration};

use postern_entities::{
    credentials::{Column, Entity},
    recovery_codes,
};
use postern_service::database::{DatabaseError, Transaction};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder as _, sea_query::Expr};
use uuid::Uuid;

use super::{Enrolments, LoginError, policy::AuthenticationRequirement};
use crate::{App, acr::Acr, users::User};

/// Maximum age of the authentication for a change of credentials.
const MAX_AUTHENTICATION_AGE: Duration = Duration::from_mins(15);

/// The requirement for a change of credentials: a recent authentication, with the second factor if the
/// account has one (OWASP ASVS 6.2.3, 7.5.1).
pub fn credential_change_requirement(second_factor: bool) -> AuthenticationRequirement {
    AuthenticationRequirement {
        min_acr: second_factor.then_some(Acr::Aal2),
        max_age: Some(MAX_AUTHENTICATION_AGE),
        first_factor_methods: Vec::new(),
    }
}

/// Whether every sign-in of this account requires a second factor.
pub async fn has_second_factor(app: &App, user: &User) -> Result<bool, LoginError> {
    let enrolments = Enrolments::for_user(app, user.id);
    let enrolled = enrolments.fetch(app).await?;
    Ok(zip(&enrolments.methods, enrolled)
        .any(|(method, enrolled)| enrolled && method.factor().requires_second_factor()))
}

/// The possession factor that recovery codes are bound to: the one that was enrolled first.
pub async fn first_device(app: &App, user: &User) -> Result<Option<Uuid>, DatabaseError> {
    first_device_except(app.db.reader(), user.id, Uuid::nil()).await
}

/// Binds the recovery codes to another possession factor of the account, before the factor `from` is removed.
/// Without another one the codes are removed together with `from`.
pub(super) async fn reassign_recovery_codes(
    tx: &Transaction,
    user_id: Uuid,
    from: Uuid,
) -> Result<(), DatabaseError> {
    let Some(to) = first_device_except(tx, user_id, from).await? else { return Ok(()) };
    recovery_codes::Entity::update_many()
        .col_expr(recovery_codes::Column::CredentialId, Expr::value(to))
        .filter(recovery_codes::Column::UserId.eq(user_id))
        .exec(tx)
        .await?;
    Ok(())
}

async fn first_device_except(
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
