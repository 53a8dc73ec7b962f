//! A value in a row that another program wrote and that does not read is an error. It never counts as an empty list or as
//! some level.

use postern_identity::{App, administration, core::RequestContext, grants};
use postern_service::database::DatabaseError;
use sea_orm::{ConnectionTrait as _, Statement};

use crate::{flow::World, seeds::Seeds, seeds::error, support::TestApp};

async fn overwrite(app: &TestApp, table: &str, column: &str, value: &str) {
    let sql = format!("UPDATE {table} SET {column} = '{value}'");
    let written = app.app.db.write(async |tx| -> Result<(), DatabaseError> {
        tx.execute_unprepared(&sql).await?;
        Ok(())
    });
    written.await.unwrap();
}

/// Each column, a value that does not read, and a word of the error that names the column or its type.
const UNREADABLE: [(&str, &str, &str); 6] = [
    ("amr", r#""otp""#, "amr"),
    ("amr", "[1]", "amr"),
    ("resources", "{}", "resources"),
    ("resources", "null", "resources"),
    ("acr", "aal9", "Acr"),
    ("acr", "", "Acr"),
];

#[tokio::test]
async fn a_grant_that_does_not_read_yields_no_token() {
    for (column, value, named) in UNREADABLE {
        let seeds = Seeds::new().await;
        let tokens = seeds.tokens("openid offline_access").await;
        let grant = seeds.grant("mobile", "openid").await;
        let code = seeds.code(&grant).await;
        overwrite(&seeds.app, "grants", column, value).await;
        let cause = grants::find(seeds.app.app.db.reader(), grant.id).await.unwrap_err();
        let cause = format!("{cause:?}");
        assert!(cause.contains(named), "{column} {value}: {cause}");
        let refreshed = seeds.refresh(tokens["refresh_token"].as_str().unwrap(), &[]).await;
        for answer in [refreshed, seeds.redeem(&code, &[]).await] {
            assert_eq!((answer.status.as_u16(), error(&answer).as_str()), (500, "server_error"), "{column}");
        }
    }
}

#[tokio::test]
async fn a_session_that_does_not_read_opens_no_page() {
    for (column, value) in [("acr", "aal9"), ("amr", r#""otp""#), ("kind", "telegraph")] {
        let world = World::new().await;
        let browser = world.app.browser();
        browser.sign_in(&world.alice).await;
        assert_eq!(browser.get("/account/sessions").await.status, 200);
        overwrite(&world.app, "sessions", column, value).await;
        assert_eq!(browser.get("/account/sessions").await.status, 500, "{column}");
    }
}

#[tokio::test]
async fn what_does_not_read_can_still_be_ended() {
    for (table, column, value) in
        [("sessions", "acr", "aal9"), ("sessions", "kind", "telegraph"), ("grants", "amr", r#""otp""#)]
    {
        let world = World::new().await;
        let (app, browser) = (&world.app, world.app.browser());
        browser.sign_in(&world.alice).await;
        let seeds = Seeds::new().await;
        let _grant = seeds.grant("mobile", "openid offline_access").await;
        for (app, user) in [(app, &world.alice), (&seeds.app, &seeds.ada)] {
            overwrite(app, table, column, value).await;
            let context = RequestContext::of_command(&app.app);
            administration::users::disable(&app.app, user, &context).await.unwrap();
            for live in ["sessions WHERE ended_at", "grants WHERE user_id IS NOT NULL AND revoked_at"] {
                let sql = format!("SELECT 1 FROM {live} IS NULL");
                let rows = app.app.db.reader().query_all_raw(statement(&app.app, sql)).await.unwrap();
                assert!(rows.is_empty(), "{table} {column}: {live}");
            }
        }
    }
}

fn statement(app: &App, sql: String) -> Statement {
    Statement::from_string(app.db.reader().get_database_backend(), sql)
}
