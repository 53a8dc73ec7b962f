//! Refresh tokens: rotation, grace, reuse, ends (RFC 6749 section 6, RFC 9700 section 4.14).

use std::time::Duration;

use futures_util::future::join_all;
use postern_identity::{
    administration::{clients, users},
    core::RequestContext,
    grants::{self, EndCause, GrantSelection},
};
use postern_service::database::DatabaseError;
use serde_json::Value;

use crate::{
    seeds::{NOTES, Seeds, error},
    support::Answer,
};

const DAY: u64 = 24 * 60 * 60;

fn successor(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json::<Value>()["refresh_token"].as_str().unwrap().to_owned()
}

async fn first(seeds: &Seeds) -> String {
    seeds.tokens("openid tasks:read notes:read").await["refresh_token"].as_str().unwrap().to_owned()
}

#[doc(alias = "oidcc-refresh-token")]
#[tokio::test]
async fn a_refresh_gives_new_tokens_of_the_same_sign_in() {
    let seeds = Seeds::new().await;
    let tokens = seeds.tokens("openid tasks:read").await;
    seeds.app.clock.advance(Duration::from_secs(600));
    let answer = seeds.refresh(tokens["refresh_token"].as_str().unwrap(), &[]).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let refreshed: Value = answer.json();
    let (before, after) =
        (seeds.claims(&tokens["id_token"]).await, seeds.claims(&refreshed["id_token"]).await);
    for same in ["iss", "sub", "aud", "auth_time", "acr", "amr", "sid"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    assert!(after.get("nonce").is_none() && after["iat"].as_i64() > before["iat"].as_i64());
    assert_eq!(refreshed["scope"], tokens["scope"]);
    assert_ne!(refreshed["refresh_token"], tokens["refresh_token"]);
}

#[tokio::test]
async fn of_fifty_refreshes_at_once_on_two_nodes_all_get_the_one_successor() {
    let seeds = Seeds::with(&[("POSTERN_LIMITS__REFRESHES_PER_GRANT", "1000 per 1h per grant")]).await;
    let presented = first(&seeds).await;
    let other = seeds.app.another_node().await;
    let nodes = [&seeds.app, &other];
    let answers = join_all((0..50).map(|turn| seeds.refresh_at(nodes[turn % 2], &presented, &[]))).await;
    let mut successors: Vec<_> = answers.iter().map(successor).collect();
    successors.dedup();
    assert_eq!(successors.len(), 1);
    assert_eq!(seeds.app.audited("refresh_token.rotated").await.len(), 1);
    assert_eq!(seeds.refresh(&successors[0], &[]).await.status, 200);
}

#[tokio::test]
async fn a_lost_answer_can_be_had_again_for_ten_seconds() {
    let seeds = Seeds::new().await;
    let presented = first(&seeds).await;
    let lost = successor(&seeds.refresh(&presented, &[]).await);
    seeds.app.clock.advance(Duration::from_secs(10));
    assert_eq!(successor(&seeds.refresh(&presented, &[]).await), lost);
    assert_eq!(seeds.refresh(&lost, &[]).await.status, 200);
}

#[tokio::test]
async fn later_reuse_ends_the_grant_and_everything_under_it() {
    let seeds = Seeds::new().await;
    let tokens = seeds.tokens("openid tasks:read").await;
    let presented = tokens["refresh_token"].as_str().unwrap();
    let refreshed: Value = seeds.refresh(presented, &[]).await.json();
    seeds.app.clock.advance(Duration::from_secs(11));
    assert_eq!(error(&seeds.refresh(presented, &[]).await), "invalid_grant");
    assert_eq!(
        error(&seeds.refresh(refreshed["refresh_token"].as_str().unwrap(), &[]).await),
        "invalid_grant"
    );
    for token in [&tokens, &refreshed] {
        assert_eq!(seeds.userinfo(token["access_token"].as_str().unwrap()).await.status, 401);
    }
    let revoked = seeds.app.audited("grant.revoked").await;
    assert_eq!((revoked.len(), &revoked[0]["because"]), (1, &"refresh_token_reused".into()));
}

#[tokio::test]
async fn a_refresh_token_ends_after_a_week_without_use_and_after_a_month_with_it() {
    let seeds = Seeds::new().await;
    let idle = first(&seeds).await;
    seeds.app.clock.advance(Duration::from_secs(7 * DAY));
    assert_eq!(error(&seeds.refresh(&idle, &[]).await), "invalid_grant");

    let mut token = first(&seeds).await;
    for _ in 0..5 {
        seeds.app.clock.advance(Duration::from_secs(6 * DAY - 1));
        token = successor(&seeds.refresh(&token, &[]).await);
    }
    seeds.app.clock.advance(Duration::from_secs(5));
    assert_eq!(error(&seeds.refresh(&token, &[]).await), "invalid_grant");
}

#[tokio::test]
async fn scope_and_resource_may_shrink_and_never_grow() {
    let seeds = Seeds::new().await;
    let mut token = first(&seeds).await;
    for (more, scope) in [
        (&[("scope", "tasks:read")][..], "tasks:read"),
        (&[("scope", "openid notes:read")], "openid notes:read"),
        (&[("resource", NOTES)], "openid notes:read"),
        (&[], "openid tasks:read notes:read"),
    ] {
        let answer = seeds.refresh(&token, more).await;
        token = successor(&answer);
        assert_eq!(answer.json::<Value>()["scope"], scope);
    }
    for (more, expected) in [
        (&[("scope", "openid tasks:write")][..], "invalid_scope"),
        (&[("scope", "offline_access")], "invalid_scope"),
        (&[("resource", "https://unknown.example.test")], "invalid_target"),
        (&[("scope", "tasks:read"), ("resource", NOTES)], "invalid_target"),
    ] {
        assert_eq!(error(&seeds.refresh(&token, more).await), expected, "{more:?}");
    }
    // What was refused has not used the token up.
    assert_eq!(seeds.refresh(&token, &[]).await.status, 200);
}

#[doc(alias = "oidcc-refresh-token")]
#[tokio::test]
async fn another_client_can_neither_use_nor_burn_a_refresh_token() {
    let seeds = Seeds::new().await;
    let token = first(&seeds).await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
    let foreign = seeds.post_as("web", &seeds.web, "/oauth2/token", &form).await;
    assert_eq!(error(&foreign), "invalid_grant");
    let next = successor(&seeds.refresh(&token, &[]).await);
    seeds.app.clock.advance(Duration::from_secs(11));
    let foreign = seeds.post_as("web", &seeds.web, "/oauth2/token", &form).await;
    assert_eq!(error(&foreign), "invalid_grant");
    assert_eq!(seeds.refresh(&next, &[]).await.status, 200, "another client's reuse ends nothing");
}

#[tokio::test]
async fn no_altered_refresh_token_is_accepted() {
    let seeds = Seeds::new().await;
    let token = first(&seeds).await;
    for altered in [&token[..63], &format!("{token}="), &format!("{token}A"), &token.to_lowercase(), "x"] {
        assert_eq!(error(&seeds.refresh(altered, &[]).await), "invalid_grant");
    }
    assert_eq!(seeds.refresh(&token, &[]).await.status, 200);
}

#[tokio::test]
async fn each_refresh_asks_whether_the_user_may_still_have_tokens() {
    let seeds = Seeds::new().await;
    let token = first(&seeds).await;
    users::disable(&seeds.app.app, &seeds.ada, &RequestContext::of_command(&seeds.app.app)).await.unwrap();
    assert_eq!(error(&seeds.refresh(&token, &[]).await), "invalid_grant");

    let seeds = Seeds::new().await;
    let token = first(&seeds).await;
    users::remove(&seeds.app.app, &seeds.ada, &RequestContext::of_command(&seeds.app.app)).await.unwrap();
    assert_eq!(error(&seeds.refresh(&token, &[]).await), "invalid_grant");
}

#[tokio::test]
async fn a_session_that_ends_takes_its_grants_along_except_offline_ones() {
    let seeds = Seeds::new().await;
    for (scope, expected) in [("openid tasks:read", 400), ("openid tasks:read offline_access", 200)] {
        let grant = seeds.grant("mobile", scope).await;
        let tokens: Value = seeds.redeem(&seeds.code(&grant).await, &[]).await.json();
        let app = &seeds.app.app;
        let context = RequestContext::of_command(app);
        let end = app.write(&context, async |write| {
            grants::end(write, GrantSelection::OfSessions(&[grant.sid.unwrap()]), EndCause::SignedOut).await
        });
        end.await.map_err(|cause: DatabaseError| cause).unwrap();
        let answer = seeds.refresh(tokens["refresh_token"].as_str().unwrap(), &[]).await;
        assert_eq!(answer.status, expected, "{scope}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_grant_does_not_stand_on_an_ended_session_even_if_nobody_revoked_it() {
    let seeds = Seeds::new().await;
    for (scope, expected) in [("openid tasks:read", 400), ("openid tasks:read offline_access", 200)] {
        let grant = seeds.grant("mobile", scope).await;
        let tokens: Value = seeds.redeem(&seeds.code(&grant).await, &[]).await.json();
        seeds.ended_session(grant.sid.unwrap()).await;
        let answer = seeds.refresh(tokens["refresh_token"].as_str().unwrap(), &[]).await;
        assert_eq!(answer.status, expected, "{scope}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_grant_is_refreshed_so_often_an_hour_and_no_more() {
    let seeds = Seeds::with(&[("POSTERN_LIMITS__REFRESHES_PER_GRANT", "2 per 1h per grant")]).await;
    let mut token = first(&seeds).await;
    for _ in 0..2 {
        token = successor(&seeds.refresh(&token, &[]).await);
    }
    for _ in 0..2 {
        let limited = seeds.refresh(&token, &[]).await;
        assert_eq!(
            (limited.status.as_u16(), limited.header("retry-after")),
            (429, "3600"),
            "{}",
            limited.body
        );
    }
    let other = first(&seeds).await;
    assert_eq!(seeds.refresh(&other, &[]).await.status, 200, "another grant has its own count");
    seeds.app.clock.advance(Duration::from_secs(3600));
    assert_eq!(seeds.refresh(&token, &[]).await.status, 200, "what was refused has not used the token up");
}

#[tokio::test]
async fn a_replay_within_the_grace_counts_as_a_refresh_and_is_recorded() {
    let seeds = Seeds::with(&[("POSTERN_LIMITS__REFRESHES_PER_GRANT", "3 per 1h per grant")]).await;
    let presented = first(&seeds).await;
    let next = successor(&seeds.refresh(&presented, &[]).await);
    for left in [1, 0] {
        let replay = seeds.refresh(&presented, &[]).await;
        assert_eq!(successor(&replay), next);
        assert!(replay.header("ratelimit").contains(&format!("r={left};")), "{}", replay.header("ratelimit"));
    }
    let limited = seeds.refresh(&presented, &[]).await;
    assert_eq!((limited.status.as_u16(), limited.header("retry-after")), (429, "3600"), "{}", limited.body);
    assert_eq!(seeds.app.audited("refresh_token.rotated").await.len(), 1);
    let replays = seeds.app.events("refresh_token.replayed").await;
    assert_eq!(replays.len(), 2, "what was refused gave nothing");
    assert!(replays.iter().all(|replay| replay.grant_id.is_some() && replay.user_id.is_some()));
    assert_eq!(seeds.refresh(&next, &[]).await.status, 429);
    seeds.app.clock.advance(Duration::from_secs(3600));
    assert_eq!(seeds.refresh(&next, &[]).await.status, 200);
}

#[tokio::test]
async fn an_app_that_refreshes_at_each_start_is_not_stopped() {
    let seeds = Seeds::new().await;
    let mut token = first(&seeds).await;
    // Ten tabs and devices of one sign-in, each opened anew three times an hour.
    for _ in 0..30 {
        token = successor(&seeds.refresh(&token, &[]).await);
        seeds.app.clock.advance(Duration::from_secs(100));
    }
}

#[tokio::test]
async fn refresh_and_revocation_at_once_leave_nothing_alive() {
    let seeds = Seeds::with(&[("POSTERN_LIMITS__REFRESHES_PER_GRANT", "1000 per 1h per grant")]).await;
    for _ in 0..10 {
        let token = first(&seeds).await;
        let revocation = [("client_id", "mobile"), ("token", token.as_str())];
        let (refreshed, revoked) =
            tokio::join!(seeds.refresh(&token, &[]), seeds.app.post_form("/oauth2/revoke", &revocation));
        assert_eq!(revoked.status, 200);
        if refreshed.status == 200 {
            let token = successor(&refreshed);
            assert_eq!(error(&seeds.refresh(&token, &[]).await), "invalid_grant");
        }
    }
}

#[tokio::test]
async fn a_client_that_is_disabled_or_removed_refreshes_nothing() {
    let seeds = Seeds::new().await;
    let token = first(&seeds).await;
    let app = &seeds.app.app;
    let context = RequestContext::of_command(app);
    clients::set_enabled(app, "mobile", false, &context).await.unwrap();
    assert_eq!(error(&seeds.refresh(&token, &[]).await), "invalid_client");
    clients::set_enabled(app, "mobile", true, &context).await.unwrap();
    assert_eq!(seeds.refresh(&token, &[]).await.status, 200, "it was suspended");
    clients::remove(app, "mobile", &context).await.unwrap();
    assert_eq!(error(&seeds.refresh(&token, &[]).await), "invalid_client");
}
