//! A request is sealed in the page's URL until a form is posted: whoever opens links stores nothing.

use std::time::Duration;

use postern_entities::authorization_requests;
use postern_identity::{
    administration::metadata::ClientMetadataChange, clients::ClientAuthMethod, core::RequestContext,
    jobs::housekeeping,
};
use sea_orm::{ConnectionTrait as _, EntityTrait as _, PaginatorTrait as _, Statement};

use crate::{
    flow::{Ask, World, code, error, refused_on_page, resume, told, waits_on},
    person::open,
    support::TestApp,
};

/// How many rows every table has.
async fn rows(app: &TestApp) -> Vec<(String, i64)> {
    let db = app.app.db.reader();
    let backend = app.app.db.backend();
    let query = async |sql: String| db.query_all_raw(Statement::from_string(backend, sql)).await.unwrap();
    let tables = if backend == sea_orm::DbBackend::Postgres {
        "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
    } else {
        "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1"
    };
    let mut counted = Vec::new();
    for table in query(tables.to_owned()).await {
        let table: String = table.try_get_by_index(0).unwrap();
        let count = query(format!("SELECT COUNT(*) FROM {table}")).await;
        counted.push((table, count[0].try_get_by_index(0).unwrap()));
    }
    assert!(counted.len() > 10, "{counted:?}");
    counted
}

async fn requests(app: &TestApp) -> u64 {
    authorization_requests::Entity::find().count(app.app.db.reader()).await.unwrap()
}

#[tokio::test]
async fn links_that_strangers_open_write_no_row_of_any_table() {
    let world = World::new().await;
    let before = rows(&world.app).await;
    for turn in 0..20 {
        let browser = world.app.browser();
        let ask = Ask::of("own").with("state", &format!("{turn}"));
        let posted = world.app.post_form("/oauth2/authorize", &ask.form()).await;
        let next = browser.get(posted.header("location")).await;
        waits_on(&next, "/login");
        for client in ["own", "rp", "spa", "native"] {
            let ask = Ask::of(client).with("state", &format!("{turn}"));
            let handle = waits_on(&browser.get(&ask.path()).await, "/login");
            for path in ["/login?request=", "/register?request=", "/forgot-password?request="] {
                let page = browser.get(&format!("{path}{handle}")).await;
                assert_eq!(page.status, 200, "{path} {page:?}");
            }
            waits_on(&browser.get(&resume(&handle)).await, "/login");
            let consent = browser.get(&format!("/consent?request={handle}")).await;
            assert_eq!(consent.status, 303, "{consent:?}");
        }
    }
    assert_eq!(rows(&world.app).await, before);
}

#[tokio::test]
async fn a_form_stores_the_request_and_its_row_is_answered_once() {
    let world = World::new().await;
    let browser = world.app.browser();
    let login = open(&browser, &Ask::of("own").path()).await;
    assert_eq!(requests(&world.app).await, 0);
    let typed = login.press("#login-submit", &[("identifier", "not an address")]).await;
    assert_eq!((typed.answer.status.as_u16(), requests(&world.app).await), (400, 0), "nothing began");
    let code_page = typed.press("#login-submit", &[("identifier", "alice@example.test")]).await;
    let id = code_page.path.strip_prefix("/login?request=").unwrap().to_owned();
    assert!(id.len() == 36 && requests(&world.app).await == 1, "{}", code_page.path);
    // The same request from the page before is another one.
    let again = login.press("#login-submit", &[("identifier", "alice@example.test")]).await;
    assert_ne!(again.path, code_page.path);
    assert_eq!(requests(&world.app).await, 2);
    let sent = world.app.code_for("alice@example.test").await;
    let done = code_page.press("#login-submit", &[("code", &sent)]).await;
    code(&done.answer);
    refused_on_page(&browser.get(&resume(&id)).await, "took too long");
    // The other tab's goes on, and so does the link itself, which begins anew.
    code(&browser.get(&resume(again.path.strip_prefix("/login?request=").unwrap())).await);
    let sealed = login.path.strip_prefix("/login?request=").unwrap();
    code(&browser.get(&resume(sealed)).await);
    assert_eq!(requests(&world.app).await, 2, "what is answered at once is not stored");
}

#[tokio::test]
async fn a_sealed_request_is_of_its_browser_unaltered_and_for_half_an_hour() {
    let world = World::new().await;
    let browser = world.app.browser();
    let handle = waits_on(&browser.get(&Ask::of("own").path()).await, "/login");
    let stranger = world.app.browser();
    stranger.sign_in(&world.alice).await;
    let mut altered = handle.clone();
    let last = if altered.ends_with('A') { 'B' } else { 'A' };
    altered.pop();
    altered.push(last);
    for (who, handle) in [(&stranger, &handle), (&browser, &altered), (&browser, &handle[..40].to_owned())] {
        refused_on_page(&who.get(&resume(handle)).await, "took too long");
        refused_on_page(&who.get(&format!("/login?request={handle}")).await, "took too long");
    }
    // One that came by POST is for the GET that follows alone.
    let posted = world.app.post_form("/oauth2/authorize", &Ask::of("own").form()).await;
    let unbound = posted.header("location").split_once("resume=").unwrap().1.to_owned();
    refused_on_page(&browser.get(&format!("/login?request={unbound}")).await, "took too long");

    world.app.clock.advance(Duration::from_secs(1799));
    waits_on(&browser.get(&resume(&handle)).await, "/login");
    world.app.clock.advance(Duration::from_secs(1));
    refused_on_page(&browser.get(&resume(&handle)).await, "took too long");
    refused_on_page(&browser.get(&resume(&unbound)).await, "took too long");
}

#[tokio::test]
async fn a_client_that_changed_since_ends_what_was_sealed() {
    let world = World::new().await;
    let browser = world.app.browser();
    let handle = waits_on(&browser.get(&Ask::of("own").path()).await, "/login");
    let change = ClientMetadataChange {
        redirect_uris: crate::flow::list(&["https://rp.test/other"]),
        token_endpoint_auth_method: Some(ClientAuthMethod::None),
        ..ClientMetadataChange::default()
    };
    let app = &world.app.app;
    postern_identity::administration::clients::update(app, "own", change, &RequestContext::of_command(app))
        .await
        .unwrap();
    let answer = browser.get(&resume(&handle)).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.headers.get("location").is_none());
}

#[tokio::test]
async fn what_does_not_fit_into_a_url_is_an_invalid_request() {
    let world = World::new().await;
    let browser = world.app.browser();
    let long = |scope: &str| {
        let ask = Ask::of("own").with("state", &"s".repeat(2048)).with("nonce", &"n".repeat(512));
        ask.with("login_hint", scope)
    };
    waits_on(&browser.get(&long("alice@example.test").path()).await, "/login");
    for signed_in in [false, true] {
        if signed_in {
            browser.sign_in(&world.alice).await;
        }
        let answer = browser.get(&long(&"\u{1f511}".repeat(80)).path()).await;
        assert_eq!(error(&answer), "invalid_request");
        assert!(told(&answer)["error_description"].contains("4096 bytes"), "{answer:?}");
    }
}

/// Alike for an address that somebody has and one that nobody has.
#[tokio::test]
async fn forms_of_strangers_store_requests_within_the_limits_of_their_source() {
    for (setting, method, button) in [
        ("POSTERN_LIMITS__ATTEMPTS_PER_SOURCE", "password", "#login-password"),
        ("POSTERN_LIMITS__CODES_PER_SOURCE", "email-otp", "#login-submit"),
    ] {
        for email in ["alice@example.test", "nobody@example.test"] {
            let world = World::with(&[(setting, "3 per 15m per ip")]).await;
            for turn in 0..6 {
                let browser = world.app.browser();
                let login = open(&browser, &Ask::of("own").path()).await;
                let page = login.press(button, &[("identifier", email)]).await;
                let status = if turn < 3 { 200 } else { 429 };
                assert_eq!(page.answer.status, status, "{method} {turn} {}", page.answer.body);
            }
            assert_eq!(requests(&world.app).await, 3, "{method} {email}");
        }
    }
}

#[tokio::test]
async fn a_mail_that_is_on_its_way_keeps_the_request_and_a_limited_one_does_not() {
    let world = World::with(&[("POSTERN_LIMITS__CODES_PER_SOURCE", "1 per 15m per ip")]).await;
    for (turn, stored) in [1, 1].into_iter().enumerate() {
        let browser = world.app.browser();
        let login = open(&browser, &Ask::of("own").path()).await;
        let handle = login.path.strip_prefix("/login?request=").unwrap();
        let forgot = open(&browser, &format!("/forgot-password?request={handle}")).await;
        let sent = forgot.press("#forgot-submit", &[("email", "nobody@example.test")]).await;
        assert_eq!(sent.answer.status, if turn == 0 { 200 } else { 429 }, "{}", sent.answer.body);
        assert_eq!(requests(&world.app).await, stored);
    }
}

/// Far more than one batch, as a flood leaves them.
#[tokio::test]
async fn housekeeping_keeps_up_with_a_flood() {
    let world = World::new().await;
    let db = &world.app.app.db;
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000) \
                INSERT INTO rate_limits (bucket, used, window_ends_at) ";
    let bucket = match db.backend() {
        sea_orm::DbBackend::Postgres => "SELECT i::text::bytea, 1, 0 FROM n",
        _ => "SELECT CAST(i AS BLOB), 1, 0 FROM n",
    };
    let statement = Statement::from_string(db.backend(), format!("{many}{bucket}"));
    db.write(async |tx| Ok::<_, postern_service::database::DatabaseError>(tx.execute_raw(statement).await?))
        .await
        .unwrap();
    assert_eq!(housekeeping::remove_expired(&world.app.app).await.unwrap(), 30000);
}
