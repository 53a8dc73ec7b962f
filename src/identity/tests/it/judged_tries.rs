//! Tries that are judged at the same time, and tries that cannot be judged.

use futures_util::future::join_all;
use postern_identity::administration::sign_in as operators;
use postern_service::database::DatabaseError;
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};

use crate::{
    accounts::{ANOTHER, PASSWORD, QUICK, login, with_password_and},
    sign_in::{ALICE, NOBODY},
    support::{Answer, TestApp, from_peer, json_request},
};

async fn login_from(app: &TestApp, email: &str, password: &str, peer: &str) -> Answer {
    let body = json!({ "client_id": "app", "email": email, "password": password });
    app.send(from_peer(json_request("/api/auth/login", &body), peer)).await
}

fn statuses(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

#[tokio::test]
async fn forty_right_passwords_at_once_all_sign_in() {
    let sign_in = with_password_and(&QUICK).await;
    let answers = join_all((0..40).map(|_| login(&sign_in.app, ALICE, PASSWORD))).await;
    assert_eq!(statuses(&answers, 200), 40, "from one address");
    let peers: Vec<_> = (1..=40).map(|number| format!("203.0.113.{number}")).collect();
    let answers = join_all(peers.iter().map(|peer| login_from(&sign_in.app, ALICE, PASSWORD, peer))).await;
    assert_eq!(statuses(&answers, 200), 40, "from everywhere");
    assert_eq!(sign_in.app.audited("login.limited").await, Vec::<Value>::new(), "nobody was refused");
    let state = operators::load_state(&sign_in.app.app, &sign_in.alice).await.unwrap();
    assert_eq!((state.failed_attempts, state.locked_until), (0, None));
}

#[tokio::test]
async fn right_passwords_take_turns_where_one_more_failure_would_make_them_wait() {
    let source = ("POSTERN_LIMITS__FAILURES_PER_SOURCE", "100 per 15m per ip");
    let sign_in = with_password_and(&[&QUICK[..], &[source]].concat()).await;
    for _ in 0..5 {
        assert_eq!(login(&sign_in.app, ALICE, ANOTHER).await.status, 401);
    }
    let answers = join_all((0..10).map(|_| login(&sign_in.app, ALICE, PASSWORD))).await;
    assert_eq!(statuses(&answers, 200), 10);
}

#[tokio::test]
async fn of_many_wrong_passwords_at_once_as_many_are_judged_as_ever_known_or_not() {
    let sign_in = with_password_and(&QUICK).await;
    for email in [ALICE, NOBODY] {
        let peers: Vec<_> = (1..=40).map(|number| format!("203.0.113.{number}")).collect();
        let answers = join_all(peers.iter().map(|peer| login_from(&sign_in.app, email, ANOTHER, peer))).await;
        assert_eq!((statuses(&answers, 401), statuses(&answers, 429)), (6, 34), "{email}");
    }
    assert_eq!(sign_in.app.audited("login.failed").await.len(), 12);
    assert_eq!(sign_in.app.audited("login.limited").await.len(), 2, "once for each");
}

async fn execute(app: &TestApp, sql: &str) {
    let run = app.app.db.write(async |tx| -> Result<(), DatabaseError> {
        tx.execute_unprepared(sql).await?;
        Ok(())
    });
    run.await.unwrap();
}

#[tokio::test]
async fn a_fault_of_the_database_costs_no_try() {
    let sign_in = with_password_and(&[("POSTERN_LIMITS__FAILURES_BEFORE_DELAY", "1")]).await;
    let app = &sign_in.app;
    for table in ["sessions", "credentials"] {
        execute(app, &format!("ALTER TABLE {table} RENAME TO {table}_gone")).await;
        for _ in 0..6 {
            let answer = login(app, ALICE, PASSWORD).await;
            assert!(answer.status.is_server_error(), "{table}: {} {}", answer.status, answer.body);
        }
        execute(app, &format!("ALTER TABLE {table}_gone RENAME TO {table}")).await;
        let state = operators::load_state(&app.app, &sign_in.alice).await.unwrap();
        assert_eq!((state.failed_attempts, state.locked_until), (0, None), "{table}");
        assert_eq!(login(app, ALICE, PASSWORD).await.status, 200, "{table}");
    }
}
