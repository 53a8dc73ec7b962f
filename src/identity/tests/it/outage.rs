//! PostgreSQL that hangs: everybody is answered in time, and served as soon as it goes on.

use std::time::Duration;

use futures_util::future::join_all;
use postern_service::testing::Proxy;
use sea_orm::DbBackend;
use secrecy::ExposeSecret as _;
use serde_json::json;
use tokio::time::timeout;

use crate::{
    sign_in::{ALICE, SignIn},
    support::{Answer, TestApp},
};

/// Far more than a request may wait for the database, and far less than the time-outs of a server.
const SOON: Duration = Duration::from_secs(8);

/// Another node, which reaches the database through a proxy; `None` where the database is a file.
async fn behind_a_proxy(app: &TestApp) -> Option<(TestApp, Proxy)> {
    if app.app.db.backend() != DbBackend::Postgres {
        return None;
    }
    let url = app.app.config.database.url.expose_secret();
    let (proxy, url) = Proxy::before(url).await.unwrap();
    Some((app.another_node_with(&[("POSTERN_DATABASE__URL", &url)]).await, proxy))
}

/// The first step of a sign-in. One by password would wait for its hash as well.
async fn begin_to_sign_in(node: &TestApp) -> Answer {
    node.post_json("/api/auth/email-otp/request", &json!({ "client_id": "app", "identifier": ALICE })).await
}

async fn redeem_an_unknown_code(node: &TestApp) -> Answer {
    // Codes are 48 bytes; others are refused without a look.
    let (code, verifier) = ("A".repeat(64), "v".repeat(43));
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", &code),
        ("redirect_uri", "https://app.example.test/callback"),
        ("code_verifier", &verifier),
    ];
    node.post_form("/oauth2/token", &form).await
}

async fn open_the_account(node: &TestApp) -> Answer {
    let browser = node.browser();
    // As long as a secret; others are refused without a look.
    browser.set_cookie("postern-session", &"A".repeat(43));
    browser.get("/account").await
}

#[tokio::test]
async fn everybody_is_answered_in_time_while_postgresql_hangs_and_served_when_it_goes_on() {
    let sign_in = SignIn::new().await;
    let Some((node, proxy)) = behind_a_proxy(&sign_in.app).await else { return };
    assert_eq!(begin_to_sign_in(&node).await.status, 200);

    proxy.hang();
    let requests = (0..20).map(|_| async {
        [begin_to_sign_in(&node).await, redeem_an_unknown_code(&node).await, open_the_account(&node).await]
    });
    for answers in timeout(SOON, join_all(requests)).await.expect("nobody waits behind the others") {
        for answer in answers {
            assert_eq!(answer.status, 503, "{answer:?}");
            assert!(answer.header("retry-after").parse::<u32>().unwrap() >= 1, "{answer:?}");
        }
    }

    proxy.go_on();
    assert_eq!(begin_to_sign_in(&node).await.status, 200);
    assert_eq!(redeem_an_unknown_code(&node).await.status, 400);
    assert_eq!(open_the_account(&node).await.status, 303);
}
