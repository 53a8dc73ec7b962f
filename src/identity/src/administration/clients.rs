//! Adds, changes and removes clients.
//!
//! Leaves secrets to `client_secrets`. A client with the grant type `client_credentials` has a grant of its own, so that
//! its tokens can be revoked like the tokens of users.

use postern_entities::{
    clients::{self as rows, Model},
    values::JsonList,
};
use postern_service::{
    clock::Timestamp,
    database::{Transaction, changes},
};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _,
    QuerySelect as _, sea_query::Expr,
};
use secrecy::SecretString;
use serde_json::json;

pub use super::client_secrets::{NewSecret, rotate as rotate_secret};

use super::{
    ChangeError, client_logos, client_secrets, joined_users,
    metadata::{ClientMetadata, ClientMetadataChange, RuleContext},
};
use crate::{
    App,
    audit::Event,
    clients::{ClientAuthMethod, GrantType, TOPIC},
    core::{RequestContext, Write},
    field_rules,
    grants::{self, EndCause, GrantSelection},
};

/// The client of the pages at `/docs`. It is a first-party client that may request every scope that a person
/// may use, and its only redirect URI is on the issuer's origin.
pub fn docs_client_metadata(app: &App) -> ClientMetadataChange {
    let scopes = ["openid", "profile", "email", "address", "phone", "account"];
    ClientMetadataChange {
        name: Some("API documentation".to_owned()),
        first_party: Some(true),
        token_endpoint_auth_method: Some(ClientAuthMethod::None),
        redirect_uris: Some(vec![format!("{}/docs/oauth2-redirect.html", app.config.issuer)]),
        grant_types: Some(vec![GrantType::AuthorizationCode]),
        scopes: Some(scopes.map(str::to_owned).to_vec()),
        default_scopes: Some(vec!["openid".to_owned()]),
        ..ClientMetadataChange::default()
    }
}

/// Adds a client. A client that has a secret gets a random one, which is returned.
pub async fn add(
    app: &App,
    client_id: &str,
    change: ClientMetadataChange,
    context: &RequestContext,
) -> Result<Option<NewSecret>, ChangeError> {
    add_with_secret(app, client_id, change, None, context).await
}

/// Adds a client with a secret that it already has elsewhere.
pub async fn add_with_secret(
    app: &App,
    client_id: &str,
    mut change: ClientMetadataChange,
    brought: Option<SecretString>,
    context: &RequestContext,
) -> Result<Option<NewSecret>, ChangeError> {
    // A resource server authenticates at the introspection endpoint as the client whose `client_id` is the
    // resource identifier, so such a `client_id` may be a URI.
    if app.resources().find(client_id).is_none() {
        field_rules::client_id(client_id)
            .map_err(|rule| ChangeError::invalid("client_id", format!("{rule} (found {client_id:?})")))?;
    }
    let mut metadata = ClientMetadata::new(client_id);
    let algorithms = change.signing_algorithms()?;
    let logo = change.logo.take();
    metadata.apply_to_new(change)?;
    check_metadata(app, &metadata)?;
    let method = metadata.token_endpoint_auth_method;
    if let Some(secret) = &brought {
        client_secrets::check_brought(secret)?;
        if !method.has_secret() {
            let rule = format!("must not be given for a client that authenticates by {}", method.word());
            return Err(ChangeError::invalid("client_secret", rule));
        }
    }
    app.signing_keys.ensure(app, algorithms).await?;
    let now = context.now;
    let added = app
        .write(context, async |write| {
            joined_users::check_client(write, client_id, &metadata).await?;
            let row = metadata.clone().write_to(empty_row(client_id, now));
            rows::Entity::insert(row).exec_without_returning(write).await.map_err(|cause| {
                ChangeError::from_insert_error(cause, "clients.client_id", "client", client_id)
            })?;
            if let Some(secret) = &brought {
                client_secrets::insert(write, client_id, method, secret).await?;
            }
            if let Some(logo) = logo {
                client_logos::apply(write, client_id, logo).await?;
            }
            let secret = reconcile_secret_and_grant(write, client_id, &metadata).await?;
            let details = json!({ "first_party": metadata.first_party });
            Event::new("client.added").client(client_id).details(details).record(write).await?;
            changes::announce(write, TOPIC).await?;
            Ok::<_, ChangeError>(secret)
        })
        .await?;
    app.reload(TOPIC).await?;
    Ok(added)
}

/// Changes the given fields. A client that becomes confidential gets a secret; a client that becomes public
/// loses its secrets.
pub async fn update(
    app: &App,
    client_id: &str,
    mut change: ClientMetadataChange,
    context: &RequestContext,
) -> Result<Option<NewSecret>, ChangeError> {
    app.signing_keys.ensure(app, change.signing_algorithms()?).await?;
    let (now, logo) = (context.now, change.logo.take());
    let made = app
        .write(context, async |write| {
            let row = lock_client(write, client_id).await?;
            let before = ClientMetadata::from_row(&row)?;
            let mut after = before.clone();
            after.apply(change)?;
            check_metadata(app, &after)?;
            joined_users::check_client(write, client_id, &after).await?;
            let mut row = after.clone().write_to(row);
            row.updated_at = Set(now);
            row.update(write).await?;
            let secret = reconcile_secret_and_grant(write, client_id, &after).await?;
            let mut fields = after.changed_fields(&before);
            if let Some(logo) = logo {
                client_logos::apply(write, client_id, logo).await?;
                fields.push("logo".to_owned());
            }
            let details = json!({ "fields": fields });
            Event::new("client.changed").client(client_id).details(details).record(write).await?;
            changes::announce(write, TOPIC).await?;
            Ok::<_, ChangeError>(secret)
        })
        .await?;
    app.reload(TOPIC).await?;
    Ok(made)
}

/// Enables or disables a client. Its grants stay, but their tokens are refused while the client is disabled.
pub async fn set_enabled(
    app: &App,
    client_id: &str,
    enabled: bool,
    context: &RequestContext,
) -> Result<(), ChangeError> {
    let now = context.now;
    app.write(context, async |write| {
        // No other column is read: a client whose row cannot be read can still be disabled.
        let changed = rows::Entity::update_many()
            .col_expr(rows::Column::DisabledAt, Expr::value((!enabled).then_some(now)))
            .col_expr(rows::Column::UpdatedAt, Expr::value(now))
            .filter(rows::Column::ClientId.eq(client_id))
            .exec(write)
            .await?;
        if changed.rows_affected == 0 {
            return Err(unknown_client(client_id));
        }
        let kind = if enabled { "client.enabled" } else { "client.disabled" };
        Event::new(kind).client(client_id).record(write).await?;
        changes::announce(write, TOPIC).await?;
        Ok::<_, ChangeError>(())
    })
    .await?;
    Ok(app.reload(TOPIC).await?)
}

/// Removes a client: ends its grants, then deletes it. The foreign keys delete its secrets, grants and consents.
pub async fn remove(app: &App, client_id: &str, context: &RequestContext) -> Result<(), ChangeError> {
    app.write(context, async |write| {
        // Only the key is read: a client whose row cannot be read can still be removed.
        let key = rows::Entity::find_by_id(client_id).select_only().column(rows::Column::ClientId);
        let found: Option<String> = key.lock_exclusive().into_tuple().one(write).await?;
        found.ok_or_else(|| unknown_client(client_id))?;
        grants::end(write, GrantSelection::OfClient(client_id), EndCause::ClientRemoved).await?;
        rows::Entity::delete_by_id(client_id).exec(write).await?;
        Event::new("client.removed").client(client_id).record(write).await?;
        changes::announce(write, TOPIC).await?;
        Ok::<_, ChangeError>(())
    })
    .await?;
    Ok(app.reload(TOPIC).await?)
}

fn check_metadata(app: &App, metadata: &ClientMetadata) -> Result<(), ChangeError> {
    let resources = app.resources();
    metadata.check(&RuleContext {
        resources: &resources,
        login_methods: &app.config.login.methods,
        allowed_hosts: &app.config.outbound.allow_hosts,
    })
}

/// Reads the row and locks it until the write ends. SQLite needs no lock, because it has one writer.
pub(super) async fn lock_client(tx: &Transaction, client_id: &str) -> Result<Model, ChangeError> {
    let row = rows::Entity::find_by_id(client_id).lock_exclusive().one(tx).await?;
    row.ok_or_else(|| unknown_client(client_id))
}

fn unknown_client(client_id: &str) -> ChangeError {
    ChangeError::Unknown { kind: "client", name: client_id.to_owned() }
}

/// Creates or removes the secrets and the client's own grant, as the metadata requires.
async fn reconcile_secret_and_grant(
    write: &Write<'_>,
    client_id: &str,
    metadata: &ClientMetadata,
) -> Result<Option<NewSecret>, ChangeError> {
    if metadata.grant_types.contains(&GrantType::ClientCredentials) {
        grants::ensure_own_grant(write, client_id).await?;
    } else {
        grants::end(write, GrantSelection::OwnOfClient(client_id), EndCause::GrantTypeRemoved).await?;
    }
    client_secrets::reconcile(write, client_id, metadata.token_endpoint_auth_method).await
}

fn empty_row(client_id: &str, now: Timestamp) -> Model {
    Model {
        client_id: client_id.to_owned(),
        name: String::new(),
        profile: String::new(),
        require_pkce: false,
        stricter_rules: json!({}),
        subject_type: String::new(),
        sector: None,
        first_party: false,
        token_endpoint_auth_method: String::new(),
        jwks: None,
        jwks_uri: None,
        id_token_signed_response_alg: None,
        userinfo_signed_response_alg: None,
        scope_claims_in_id_token: false,
        redirect_uris: JsonList::default(),
        post_logout_redirect_uris: JsonList::default(),
        backchannel_logout_uri: None,
        backchannel_logout_session_required: false,
        frontchannel_logout_uri: None,
        frontchannel_logout_session_required: false,
        origins: JsonList::default(),
        private_schemes: false,
        grant_types: JsonList::default(),
        scopes: JsonList::default(),
        default_scopes: JsonList::default(),
        login_methods: JsonList::default(),
        required_acr: None,
        logo_uri: None,
        client_uri: None,
        policy_uri: None,
        tos_uri: None,
        initiate_login_uri: None,
        disabled_at: None,
        created_at: now,
        updated_at: now,
    }
}
