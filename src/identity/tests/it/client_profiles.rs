//! The profile of a client: what the migration makes of stored clients, and what the checks ask of it.

use postern_entities::clients;
use postern_identity::clients::TOPIC;
use postern_migrations::identity::Migrator;
use postern_service::database::{DatabaseError, migrate};
use sea_orm::{ConnectionTrait as _, EntityTrait as _, Statement};

use crate::{
    flow::{Ask, CALLBACK, World, code, error, told},
    support::Answer,
};

const STEP: &str = "m20261128_000009_client_profiles";

/// Runs one statement on the database. Returns how many rows it changed.
async fn execute(world: &World, sql: &str) -> u64 {
    let db = &world.app.app.db;
    let statement = Statement::from_string(db.backend(), sql);
    db.write(async |tx| Ok::<_, DatabaseError>(tx.execute_raw(statement).await?.rows_affected()))
        .await
        .unwrap()
}

/// Every client's profile, and whether the client's own setting demands PKCE.
async fn profiles(world: &World) -> Vec<(String, bool)> {
    let rows = clients::Entity::find().all(world.app.app.db.reader()).await.unwrap();
    rows.into_iter().map(|row| (row.profile, row.require_pkce)).collect()
}

/// Asks for a code in a signed-in browser, without PKCE.
async fn ask_without_pkce(world: &World, client_id: &str) -> Answer {
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let ask = Ask::of(client_id).without("code_challenge").without("code_challenge_method");
    browser.get(&ask.path()).await
}

/// Makes `rp` a client that is not asked for consent, so that its answer is a code or an error.
async fn trust_rp(world: &World) {
    assert_eq!(execute(world, "UPDATE clients SET first_party = true WHERE client_id = 'rp'").await, 1);
    world.app.app.reload(TOPIC).await.unwrap();
}

#[tokio::test]
async fn a_client_of_before_becomes_standard_and_pkce_stays_required() {
    let world = World::new().await;
    let db = &world.app.app.db;
    let steps = migrate::status::<Migrator>(db).await.unwrap();
    let position = steps.iter().position(|step| step.name == STEP).unwrap();
    migrate::down::<Migrator>(db, u32::try_from(steps.len() - position).unwrap()).await.unwrap();
    let stored = "SELECT client_id FROM clients WHERE profile <> 'strict'";
    let others = db.reader().query_all_raw(Statement::from_string(db.backend(), stored)).await.unwrap();
    assert!(others.is_empty(), "the step back leaves the one word of before");
    migrate::up::<Migrator>(db).await.unwrap();
    let after = profiles(&world).await;
    assert_eq!(after, vec![("standard".to_owned(), true); after.len()]);
    trust_rp(&world).await;
    for client_id in ["rp", "own"] {
        let answer = ask_without_pkce(&world, client_id).await;
        assert_eq!(error(&answer), "invalid_request", "{client_id}");
        assert!(told(&answer)["error_description"].contains("PKCE"), "{client_id}");
    }
}

#[tokio::test]
async fn a_new_client_is_standard_and_has_no_rule_of_its_own() {
    let world = World::new().await;
    let stored = profiles(&world).await;
    assert_eq!(stored, vec![("standard".to_owned(), false); stored.len()]);
}

#[tokio::test]
async fn pkce_is_demanded_by_the_clients_setting_or_by_its_profile() {
    let world = World::new().await;
    trust_rp(&world).await;
    execute(&world, "UPDATE clients SET require_pkce = false").await;
    world.app.app.reload(TOPIC).await.unwrap();
    assert_eq!(error(&ask_without_pkce(&world, "own").await), "invalid_request", "a public client must");
    let code = code(&ask_without_pkce(&world, "rp").await);
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "rp"),
        ("client_secret", &world.rp_secret),
        ("code", &code),
        ("redirect_uri", CALLBACK),
    ];
    let answer = world.app.post_form("/oauth2/token", &form).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let half = Ask::of("rp").without("code_challenge");
    assert_eq!(error(&browser.get(&half.path()).await), "invalid_request", "a method without a challenge");

    execute(&world, "UPDATE clients SET profile = 'strict' WHERE client_id = 'rp'").await;
    world.app.app.reload(TOPIC).await.unwrap();
    assert_eq!(error(&ask_without_pkce(&world, "rp").await), "invalid_request", "a strict client must");
}

#[tokio::test]
async fn a_client_with_an_unknown_profile_is_left_out_and_a_command_says_why() {
    let world = World::new().await;
    execute(&world, "UPDATE clients SET profile = 'lenient' WHERE client_id = 'rp'").await;
    world.app.app.reload(TOPIC).await.unwrap();
    assert!(world.app.app.clients().find("rp").is_none());
    let output = world.app.command(&["client", "show", "rp"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("lenient"), "{said}");
}
