//! Adds, changes and removes clients, and gives them their secrets.
//!
//! A secret is 256 random bits, handed out once and stored as a hash. While it is replaced two are live, until the end
//! of the overlap. A client with the grant type `client_credentials` has a grant of its own, so that its tokens can be
//! revoked like everybody's.

use std::time::Duration;

use postern_entities::{
    client_secrets,
    clients::{self as rows, Model},
    grants as grant_rows,
};
use postern_service::{
    clock::Timestamp,
    database::{DatabaseError, Transaction, changes},
};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};
use secrecy::SecretString;
use serde_json::json;

use super::{
    ChangeError,
    metadata::{Known, Metadata, MetadataChange},
    rules,
};
use crate::{
    App,
    audit::{Event, Origin},
    clients::{ClientAuthMethod, GrantType, TOPIC},
    crypto, grants,
};

/// A secret that was just made, and the end of the one it replaces.
#[derive(Debug)]
pub struct NewSecret {
    /// To be shown once: it cannot be read again.
    pub client_secret: SecretString,
    /// When the secret before it stops working; none when there was none.
    pub previous_expires_at: Option<Timestamp>,
}

/// What the client of the pages at `/docs` is: they are the provider's own, and try everything that a person may do. It
/// is answered at the issuer and nowhere else.
pub fn docs_client(app: &App) -> MetadataChange {
    let scopes = ["openid", "profile", "email", "address", "phone", "account"];
    MetadataChange {
        name: Some("API documentation".to_owned()),
        first_party: Some(true),
        token_endpoint_auth_method: Some(ClientAuthMethod::None),
        redirect_uris: Some(vec![format!("{}/docs/oauth2-redirect.html", app.config.issuer)]),
        grant_types: Some(vec![GrantType::AuthorizationCode]),
        scopes: Some(scopes.map(str::to_owned).to_vec()),
        default_scopes: Some(vec!["openid".to_owned()]),
        ..MetadataChange::default()
    }
}

/// Adds a client. A confidential one gets its secret.
pub async fn add(
    app: &App,
    client_id: &str,
    change: MetadataChange,
    origin: &Origin,
) -> Result<Option<NewSecret>, ChangeError> {
    // A resource server introspects as the client that has its identifier for a name.
    if app.resources().find(client_id).is_none() {
        rules::client_id(client_id)
            .map_err(|rule| ChangeError::invalid("client_id", format!("{rule} (found {client_id:?})")))?;
    }
    let mut metadata = Metadata::new(client_id);
    metadata.begin(change);
    check(app, &metadata)?;
    let now = app.clock.now();
    let added =
        app.db
            .write(async |tx| {
                let row = metadata.clone().write_to(empty_row(client_id, now));
                rows::Entity::insert(row).exec_without_returning(tx).await.map_err(|cause| {
                    ChangeError::of_insert(cause, "clients.client_id", "client", client_id)
                })?;
                let secret = settle(app, tx, client_id, &metadata, now).await?;
                let details = json!({ "first_party": metadata.first_party });
                Event::new("client.added")
                    .client(client_id)
                    .details(details)
                    .record(app, tx, origin, now)
                    .await?;
                changes::announce(tx, TOPIC).await?;
                Ok::<_, ChangeError>(secret)
            })
            .await?;
    app.reload(TOPIC).await?;
    Ok(added)
}

/// Changes what is given and leaves the rest. A client that becomes confidential gets a secret, one that becomes
/// public loses its secrets.
pub async fn update(
    app: &App,
    client_id: &str,
    change: MetadataChange,
    origin: &Origin,
) -> Result<Option<NewSecret>, ChangeError> {
    let now = app.clock.now();
    let made = app
        .db
        .write(async |tx| {
            let row = locked(tx, client_id).await?;
            let before = Metadata::of(&row)?;
            let mut after = before.clone();
            after.apply(change);
            check(app, &after)?;
            let mut row = after.clone().write_to(row);
            row.updated_at = Set(now.micros());
            row.update(tx).await?;
            let secret = settle(app, tx, client_id, &after, now).await?;
            let details = json!({ "fields": after.differences(&before) });
            Event::new("client.changed")
                .client(client_id)
                .details(details)
                .record(app, tx, origin, now)
                .await?;
            changes::announce(tx, TOPIC).await?;
            Ok::<_, ChangeError>(secret)
        })
        .await?;
    app.reload(TOPIC).await?;
    Ok(made)
}

/// Lets a client ask for tokens, or stops it. Its grants stay, and count for nothing while it is disabled.
pub async fn enable(app: &App, client_id: &str, enabled: bool, origin: &Origin) -> Result<(), ChangeError> {
    let now = app.clock.now();
    app.db
        .write(async |tx| {
            let mut row = rows::ActiveModel::from(locked(tx, client_id).await?);
            row.disabled_at = Set((!enabled).then_some(now.micros()));
            row.updated_at = Set(now.micros());
            row.update(tx).await?;
            let kind = if enabled { "client.enabled" } else { "client.disabled" };
            Event::new(kind).client(client_id).record(app, tx, origin, now).await?;
            changes::announce(tx, TOPIC).await?;
            Ok::<_, ChangeError>(())
        })
        .await?;
    Ok(app.reload(TOPIC).await?)
}

/// Removes a client with its secrets, grants and consents.
pub async fn remove(app: &App, client_id: &str, origin: &Origin) -> Result<(), ChangeError> {
    let now = app.clock.now();
    app.db
        .write(async |tx| {
            let gone = rows::Entity::delete_by_id(client_id).exec(tx).await?.rows_affected;
            if gone == 0 {
                return Err(unknown(client_id));
            }
            Event::new("client.removed").client(client_id).record(app, tx, origin, now).await?;
            changes::announce(tx, TOPIC).await?;
            Ok(())
        })
        .await?;
    Ok(app.reload(TOPIC).await?)
}

/// Gives a confidential client another secret. The one before stays live for `overlap`, so that the client can change
/// over without a gap; zero ends it now.
pub async fn rotate_secret(
    app: &App,
    client_id: &str,
    overlap: Duration,
    origin: &Origin,
) -> Result<NewSecret, ChangeError> {
    let now = app.clock.now();
    let made = app
        .db
        .write(async |tx| {
            let row = locked(tx, client_id).await?;
            if Metadata::of(&row)?.token_endpoint_auth_method == ClientAuthMethod::None {
                let why = format!("{client_id} is a public client and has no secret");
                return Err(ChangeError::Refused(why));
            }
            let previous_expires_at = end_secrets(tx, client_id, overlap, now).await?;
            let client_secret = insert_secret(app, tx, client_id, now).await?;
            let details = json!({ "previous_expires_at": previous_expires_at.map(Timestamp::rfc3339) });
            Event::new("client.secret_rotated")
                .client(client_id)
                .details(details)
                .record(app, tx, origin, now)
                .await?;
            changes::announce(tx, TOPIC).await?;
            Ok(NewSecret { client_secret, previous_expires_at })
        })
        .await?;
    app.reload(TOPIC).await?;
    Ok(made)
}

fn check(app: &App, metadata: &Metadata) -> Result<(), ChangeError> {
    let resources = app.resources();
    metadata.check(&Known { resources: &resources, login_methods: &app.config.login.methods })
}

/// The row, locked until the write ends (SQLite has one writer anyway).
async fn locked(tx: &Transaction, client_id: &str) -> Result<Model, ChangeError> {
    let row = rows::Entity::find_by_id(client_id).lock_exclusive().one(tx).await?;
    row.ok_or_else(|| unknown(client_id))
}

fn unknown(client_id: &str) -> ChangeError {
    ChangeError::Unknown { kind: "client", name: client_id.to_owned() }
}

/// Makes secrets and the own grant fit what the client now is.
async fn settle(
    app: &App,
    tx: &Transaction,
    client_id: &str,
    metadata: &Metadata,
    now: Timestamp,
) -> Result<Option<NewSecret>, ChangeError> {
    if metadata.grant_types.contains(&GrantType::ClientCredentials) {
        grants::own_in(app, tx, client_id, now).await?;
    } else {
        end_own_grant(tx, client_id, now).await?;
    }
    let of_client = client_secrets::Column::ClientId.eq(client_id);
    if metadata.token_endpoint_auth_method == ClientAuthMethod::None {
        client_secrets::Entity::delete_many().filter(of_client).exec(tx).await?;
        return Ok(None);
    }
    if client_secrets::Entity::find().filter(of_client).one(tx).await?.is_some() {
        return Ok(None);
    }
    let client_secret = insert_secret(app, tx, client_id, now).await?;
    Ok(Some(NewSecret { client_secret, previous_expires_at: None }))
}

async fn end_own_grant(tx: &Transaction, client_id: &str, now: Timestamp) -> Result<(), DatabaseError> {
    grant_rows::Entity::update_many()
        .col_expr(grant_rows::Column::RevokedAt, now.micros().into())
        .col_expr(grant_rows::Column::RevokedBecause, "client_credentials was taken from the client".into())
        .filter(own_live_grant(client_id))
        .exec(tx)
        .await?;
    Ok(())
}

fn own_live_grant(client_id: &str) -> Condition {
    Condition::all()
        .add(grant_rows::Column::ClientId.eq(client_id))
        .add(grant_rows::Column::UserId.is_null())
        .add(grant_rows::Column::RevokedAt.is_null())
}

async fn insert_secret(
    app: &App,
    tx: &Transaction,
    client_id: &str,
    now: Timestamp,
) -> Result<SecretString, DatabaseError> {
    let secret = app.random.token();
    let row = client_secrets::ActiveModel {
        id: Set(app.random.row_id(now)),
        client_id: Set(client_id.to_owned()),
        secret_hash: Set(crypto::token_hash(&secret)),
        created_at: Set(now.micros()),
        expires_at: Set(None),
    };
    client_secrets::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(secret.into())
}

/// Lets the live secret end after `overlap`, and forgets those that have ended. Refuses a third live one.
async fn end_secrets(
    tx: &Transaction,
    client_id: &str,
    overlap: Duration,
    now: Timestamp,
) -> Result<Option<Timestamp>, ChangeError> {
    let of_client = client_secrets::Column::ClientId.eq(client_id);
    // Without an overlap all of them end, with one only those whose time is over.
    let ended = if overlap.is_zero() {
        Condition::all()
    } else {
        Condition::all().add(client_secrets::Column::ExpiresAt.lte(now.micros()))
    };
    client_secrets::Entity::delete_many().filter(of_client.clone()).filter(ended).exec(tx).await?;
    let live = client_secrets::Entity::find()
        .filter(of_client)
        .order_by_asc(client_secrets::Column::CreatedAt)
        .all(tx)
        .await?;
    if let Some(end) = live.iter().find_map(|secret| secret.expires_at) {
        return Err(ChangeError::Refused(format!(
            "{client_id} has two live secrets until {}: wait until then, or end both now with an overlap of 0s",
            Timestamp::from_micros(end)
        )));
    }
    let Some(last) = live.into_iter().next_back() else { return Ok(None) };
    let end = now + overlap;
    let mut last = client_secrets::ActiveModel::from(last);
    last.expires_at = Set(Some(end.micros()));
    last.update(tx).await?;
    Ok(Some(end))
}

fn empty_row(client_id: &str, now: Timestamp) -> Model {
    let none = json!([]);
    Model {
        client_id: client_id.to_owned(),
        name: String::new(),
        profile: "strict".to_owned(),
        first_party: false,
        token_endpoint_auth_method: String::new(),
        redirect_uris: none.clone(),
        post_logout_redirect_uris: none.clone(),
        origins: none.clone(),
        grant_types: none.clone(),
        scopes: none.clone(),
        default_scopes: none.clone(),
        login_methods: none,
        required_acr: None,
        logo_uri: None,
        policy_uri: None,
        tos_uri: None,
        disabled_at: None,
        created_at: now.micros(),
        updated_at: now.micros(),
    }
}
