//! Clients in their own right (RFC 6749 section 4.4).

use futures_util::future::join_all;
use serde_json::Value;

use crate::seeds::{NOTES, Seeds, TASKS, error};

async fn ask(seeds: &Seeds, more: &[(&str, &str)]) -> crate::support::Answer {
    let form: Vec<_> = [("grant_type", "client_credentials")].iter().chain(more).copied().collect();
    seeds.post_as("service", &seeds.service, "/oauth2/token", &form).await
}

#[tokio::test]
async fn a_client_gets_a_token_of_its_own() {
    let seeds = Seeds::new().await;
    let answer: Value = ask(&seeds, &[]).await.json();
    assert!(answer.get("refresh_token").is_none() && answer.get("id_token").is_none());
    // The default set without the issuer's scopes.
    assert_eq!(answer["scope"], "tasks:read");
    let claims = seeds.claims(&answer["access_token"]).await;
    assert_eq!(
        (&claims["sub"], &claims["client_id"], &claims["aud"]),
        (&"service".into(), &"service".into(), &TASKS.into())
    );
    for absent in ["sid", "acr", "amr", "auth_time"] {
        assert!(claims.get(absent).is_none(), "{absent}");
    }
}

#[tokio::test]
async fn scope_and_resource_say_what_it_is_for() {
    let seeds = Seeds::new().await;
    for (more, scope, aud) in [
        (&[("scope", "notes:read tasks:read")][..], "notes:read tasks:read", vec![TASKS, NOTES]),
        (&[("scope", "notes:read tasks:read"), ("resource", NOTES)], "notes:read", vec![NOTES]),
        (
            &[("scope", "notes:read tasks:read"), ("resource", NOTES), ("resource", TASKS)],
            "notes:read tasks:read",
            vec![TASKS, NOTES],
        ),
    ] {
        let answer: Value = ask(&seeds, more).await.json();
        assert_eq!(answer["scope"], scope);
        assert_eq!(seeds.access_token(&answer).await.aud, aud);
    }
    for (more, expected) in [
        (&[("scope", "openid")][..], "invalid_scope"),
        (&[("scope", "tasks:write")], "invalid_scope"),
        (&[("scope", "nonsense")], "invalid_scope"),
        (&[("scope", "tasks:read \u{e9}")], "invalid_scope"),
        (&[("scope", "tasks:read"), ("resource", NOTES)], "invalid_target"),
        (&[("resource", "https://unknown.example.test")], "invalid_target"),
        (&[("resource", "http://localhost:7117")], "invalid_target"),
    ] {
        assert_eq!(error(&ask(&seeds, more).await), expected, "{more:?}");
    }
}

#[tokio::test]
async fn tokens_cost_no_write() {
    let seeds = Seeds::new().await;
    let before = seeds.app.everything_stored().await;
    for answer in join_all((0..10).map(|_| ask(&seeds, &[]))).await {
        assert_eq!(answer.status, 200);
    }
    assert_eq!(before, seeds.app.everything_stored().await);
}

#[tokio::test]
async fn first_tokens_at_once_share_one_grant() {
    let seeds = Seeds::new().await;
    let answers = join_all((0..20).map(|_| ask(&seeds, &[]))).await;
    let mut grants = Vec::new();
    for answer in answers {
        assert_eq!(answer.status, 200, "{}", answer.body);
        let jti = seeds.access_token(&answer.json()).await.jti.clone();
        // The first 16 bytes are the grant: 21 characters and a bit of the next.
        grants.push(jti[..21].to_owned());
    }
    grants.dedup();
    assert_eq!(grants.len(), 1);
}
