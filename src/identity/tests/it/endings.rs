//! How sessions and grants end: by one function each, for a cause that is a word, and before their rows are deleted.

use std::collections::BTreeSet;

use postern_entities::grants as rows;
use postern_identity::{
    administration::{clients, metadata::ClientMetadataChange, users},
    clients::GrantType,
    core::RequestContext,
    grants::EndCause,
};
use postern_service::database::DatabaseError;
use sea_orm::{ConnectionTrait as _, DbBackend, EntityTrait as _};
use serde_json::{Value, json};

use crate::{
    seeds::Seeds,
    support::{Answer, TestApp},
};

/// Makes the database refuse to delete a grant that has not ended, whatever deletes it.
async fn guard_live_grants(app: &TestApp) {
    let statements: &[&str] = match app.app.db.backend() {
        DbBackend::Sqlite => &["CREATE TRIGGER guard BEFORE DELETE ON grants WHEN OLD.revoked_at IS NULL \
             BEGIN SELECT RAISE(ABORT, 'a live grant was deleted'); END"],
        _ => &[
            "CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN IF OLD.revoked_at IS NULL THEN RAISE EXCEPTION 'a live grant was deleted'; END IF; RETURN OLD; END $$",
            "CREATE TRIGGER guard BEFORE DELETE ON grants FOR EACH ROW EXECUTE FUNCTION guard()",
        ],
    };
    for statement in statements {
        let made =
            app.app.db.write(async |tx| Ok::<_, DatabaseError>(tx.execute_unprepared(statement).await?));
        made.await.unwrap();
    }
}

async fn grants(app: &TestApp) -> Vec<rows::Model> {
    rows::Entity::find().all(app.app.db.reader()).await.unwrap()
}

/// The causes of the recorded ends of grants, each once.
async fn causes(app: &TestApp) -> BTreeSet<String> {
    let events = app.audited("grant.ended").await;
    events.iter().map(|event| event["because"].as_str().unwrap().to_owned()).collect()
}

async fn own_token(seeds: &Seeds) -> Answer {
    let form = [("grant_type", "client_credentials")];
    seeds.post_as("service", &seeds.service, "/oauth2/token", &form).await
}

#[tokio::test]
async fn removing_a_client_ends_its_grants_before_it_deletes_them() {
    let seeds = Seeds::new().await;
    guard_live_grants(&seeds.app).await;
    for _ in 0..3 {
        seeds.grant("mobile", "openid tasks:read offline_access").await;
    }
    let app = &seeds.app.app;
    clients::remove(app, "mobile", &RequestContext::of_command(app)).await.unwrap();
    assert!(grants(&seeds.app).await.iter().all(|grant| grant.client_id != "mobile"));
    let ended = seeds.app.events("grant.ended").await;
    assert_eq!(ended.len(), 3);
    for event in ended {
        assert_eq!(
            (&event.details["because"], &*event.actor_kind.unwrap()),
            (&json!("client_removed"), "operator")
        );
        assert_eq!((event.client_id.as_deref(), event.user_id), (Some("mobile"), Some(seeds.ada.id)));
    }
}

#[tokio::test]
async fn a_client_with_more_grants_than_one_statement_ends_loses_all() {
    let seeds = Seeds::new().await;
    guard_live_grants(&seeds.app).await;
    let db = &seeds.app.app.db;
    let template = rows::Model { sid: None, ..seeds.grant("mobile", "openid offline_access").await };
    let many =
        (1..=1_200_u128).map(|number| rows::Model { id: uuid::Uuid::from_u128(number), ..template.clone() });
    let many: Vec<_> = many.map(rows::ActiveModel::from).collect();
    for some in many.chunks(400) {
        let added = rows::Entity::insert_many(some.to_vec());
        db.write(async |tx| added.exec_without_returning(tx).await.map_err(DatabaseError::from))
            .await
            .unwrap();
    }
    clients::remove(&seeds.app.app, "mobile", &RequestContext::of_command(&seeds.app.app)).await.unwrap();
    assert_eq!(seeds.app.events("grant.ended").await.len(), 1_201);
}

#[tokio::test]
async fn removing_a_user_ends_sessions_and_grants_before_it_deletes_them() {
    let seeds = Seeds::new().await;
    guard_live_grants(&seeds.app).await;
    seeds.grant("mobile", "openid").await;
    seeds.grant("mobile", "openid offline_access").await;
    let app = &seeds.app.app;
    users::remove(app, &seeds.ada, &RequestContext::of_command(app)).await.unwrap();
    assert!(grants(&seeds.app).await.iter().all(|grant| grant.user_id.is_none()));
    assert_eq!(causes(&seeds.app).await, BTreeSet::from(["user_removed".to_owned()]));
}

#[tokio::test]
async fn a_client_that_may_not_act_on_its_own_any_more_loses_its_own_grant() {
    let seeds = Seeds::new().await;
    let token: Value = own_token(&seeds).await.json();
    let app = &seeds.app.app;
    let change = ClientMetadataChange {
        grant_types: Some(vec![GrantType::AuthorizationCode]),
        redirect_uris: Some(vec!["https://service.example.test/".to_owned()]),
        ..ClientMetadataChange::default()
    };
    clients::update(app, "service", change, &RequestContext::of_command(app)).await.unwrap();
    let own = grants(&seeds.app).await.into_iter().find(|grant| grant.client_id == "service").unwrap();
    assert_eq!(own.revoked_because.as_deref(), Some("grant_type_removed"));
    assert_eq!(causes(&seeds.app).await, BTreeSet::from(["grant_type_removed".to_owned()]));
    let active = seeds.introspect("web", &seeds.web, token["access_token"].as_str().unwrap()).await;
    assert_eq!(active["active"], false);
}

#[tokio::test]
async fn a_disabled_client_is_suspended_and_its_grants_stay() {
    let seeds = Seeds::new().await;
    let before = seeds.grant("mobile", "openid offline_access").await;
    let code = seeds.code(&before).await;
    let app = &seeds.app.app;
    clients::set_enabled(app, "mobile", false, &RequestContext::of_command(app)).await.unwrap();
    let after = grants(&seeds.app).await.into_iter().find(|grant| grant.id == before.id).unwrap();
    assert_eq!(after.revoked_at, None);
    assert_eq!(seeds.redeem(&code, &[]).await.status, 401);
    clients::set_enabled(app, "mobile", true, &RequestContext::of_command(app)).await.unwrap();
    assert_eq!(seeds.redeem(&code, &[]).await.status, 200);
}

#[tokio::test]
async fn a_disabled_user_who_is_enabled_again_has_no_session_and_no_grant() {
    let seeds = Seeds::new().await;
    let grant = seeds.grant("mobile", "openid offline_access").await;
    let app = &seeds.app.app;
    users::disable(app, &seeds.ada, &RequestContext::of_command(app)).await.unwrap();
    users::enable(app, &seeds.ada, &RequestContext::of_command(app)).await.unwrap();
    let after = grants(&seeds.app).await.into_iter().find(|row| row.id == grant.id).unwrap();
    assert_eq!(after.revoked_because.as_deref(), Some("user_disabled"));
    assert_ne!(seeds.redeem(&seeds.code(&grant).await, &[]).await.status, 200);
}

#[test]
fn each_cause_has_a_word_of_its_own() {
    let words: BTreeSet<_> = EndCause::ALL.map(EndCause::word).into();
    assert_eq!(words.len(), EndCause::ALL.len());
    assert!(words.iter().all(|word| word.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase())));
}
