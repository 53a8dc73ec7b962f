//! The steps of the schema on a database with data from before: each runs on rows as the program before it left them.

use postern_identity::{
    accounts::recovery_codes,
    core::RequestContext,
    login::{credential_change::CredentialChange, recovery_code},
    sessions::SignedInUser,
};
use postern_migrations::identity::Migrator;
use postern_service::database::{Database, DatabaseError, migrate};
use sea_orm::{ConnectionTrait as _, Statement};

use crate::{
    backchannel_logout::{self, logout_jobs, sign_out, visit},
    logout_app::LogoutApp,
    seeds::Seeds,
    sign_in::SignIn,
    support::TestApp,
};

/// Reverts this step and all after it.
async fn go_back_before(db: &Database, step: &str) {
    let steps = migrate::status::<Migrator>(db).await.unwrap();
    let from = steps.iter().position(|known| known.name == step).unwrap();
    migrate::down::<Migrator>(db, u32::try_from(steps.len() - from).unwrap()).await.unwrap();
}

async fn execute(db: &Database, sql: &str) {
    db.write(async |tx| Ok::<_, DatabaseError>(tx.execute_unprepared(sql).await?)).await.unwrap();
}

async fn texts(app: &TestApp, sql: &str) -> Vec<Option<String>> {
    let db = &app.app.db;
    let rows = db.reader().query_all_raw(Statement::from_string(db.backend(), sql)).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

#[tokio::test]
async fn acts_of_operators_are_known_as_such_from_before() {
    let seeds = Seeds::new().await;
    seeds.tokens("openid").await;
    let db = &seeds.app.app.db;
    go_back_before(db, "m20261128_000007_actors").await;
    // A command, an HTTP request that only says that it is one, and a kind that only operators caused.
    execute(db, "UPDATE audit_events SET user_agent = NULL, ip = NULL, request_id = NULL").await;
    execute(db, "UPDATE audit_events SET user_agent = 'postern command' WHERE kind = 'client.added'").await;
    execute(db, "UPDATE audit_events SET user_agent = 'postern command', request_id = 'x' WHERE kind = 'code.redeemed'")
        .await;
    migrate::up::<Migrator>(db).await.unwrap();
    let operators = "SELECT DISTINCT kind FROM audit_events WHERE actor_kind = 'operator' ORDER BY kind";
    assert_eq!(
        texts(&seeds.app, operators).await,
        ["client.added", "user.added"].map(|kind| Some(kind.to_owned()))
    );
    assert_eq!(
        texts(&seeds.app, "SELECT user_agent FROM audit_events WHERE actor_kind = 'operator'").await[0],
        None
    );
}

#[tokio::test]
async fn the_cause_that_was_a_sentence_becomes_a_word() {
    let seeds = Seeds::new().await;
    seeds.grant("mobile", "openid").await;
    let db = &seeds.app.app.db;
    go_back_before(db, "m20261128_000008_end_causes").await;
    execute(
        db,
        "UPDATE grants SET revoked_at = 1, revoked_because = 'client_credentials was taken from the client'",
    )
    .await;
    migrate::up::<Migrator>(db).await.unwrap();
    let causes = texts(&seeds.app, "SELECT DISTINCT revoked_because FROM grants").await;
    assert_eq!(causes, [Some("grant_type_removed".to_owned())]);
}

#[tokio::test]
async fn a_notice_that_was_to_be_sent_again_is_sent_by_the_one_kind_of_job() {
    let world = backchannel_logout::world().await;
    let app = LogoutApp::of(&world.app, "rp").await;
    let browser = world.app.browser();
    let session = browser.sign_in(&world.alice).await;
    visit(&browser, "rp").await;
    sign_out(&browser, &world, &session).await;
    let db = &world.app.app.db;
    go_back_before(db, "m20261129_000006_logout_notices").await;
    execute(db, "UPDATE jobs SET kind = 'backchannel_logout.retry' WHERE kind = 'backchannel_logout'").await;
    migrate::up::<Migrator>(db).await.unwrap();
    let kinds: Vec<_> = logout_jobs(&world.app).await.into_iter().map(|job| job.kind).collect();
    assert_eq!(kinds, ["backchannel_logout"]);
    world.app.run_jobs().await;
    assert_eq!(app.calls().len(), 1);
}

#[tokio::test]
async fn recovery_codes_from_before_count_as_kept() {
    let sign_in = SignIn::new().await;
    sign_in.enrol().await;
    let app = &sign_in.app.app;
    let session = sign_in.app.open_session(&sign_in.alice, "aal2").await.session;
    let signed_in = SignedInUser { session, user: sign_in.alice.clone() };
    let context = RequestContext::of_command(app);
    let change = CredentialChange { principal: signed_in.principal(), ends_others: false, context: &context };
    recovery_codes::replace_set(app, change).await.unwrap();
    assert!(!recovery_code::status(app, &sign_in.alice).await.unwrap().kept, "a new set is not kept yet");
    go_back_before(&app.db, "m20261129_000002_kept_recovery_codes").await;
    migrate::up::<Migrator>(&app.db).await.unwrap();
    let set = recovery_code::status(app, &sign_in.alice).await.unwrap();
    assert_eq!((set.unused, set.kept), (10, true));
}
