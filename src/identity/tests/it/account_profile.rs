//! What people say of themselves, as the account API and its page have it (OpenID Connect Core section 5.1).

use std::time::Duration;

use poem::{
    Request,
    http::{Method, header},
};
use serde_json::{Value, json};

use crate::{
    flow::World,
    person::open,
    seeds::{FULL_SCOPE, Seeds},
    sign_in::{SignIn, problem},
    support::{Answer, TestApp},
};

const PATH: &str = "/api/account/profile";

async fn patch(app: &TestApp, token: &Value, body: &Value) -> Answer {
    let request = Request::builder()
        .method(Method::PATCH)
        .uri(PATH.parse().unwrap())
        .header(header::AUTHORIZATION, format!("Bearer {}", token["access_token"].as_str().unwrap()))
        .content_type("application/json")
        .body(body.to_string());
    app.send(request).await
}

async fn profile(app: &TestApp, token: &Value) -> Value {
    let answer = app.get_as(token["access_token"].as_str().unwrap(), PATH).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

#[tokio::test]
async fn claims_change_one_by_one_and_null_takes_them_away() {
    let sign_in = SignIn::new().await;
    let token = sign_in.tokens().await;
    let before = profile(&sign_in.app, &token).await;
    assert_eq!(
        before,
        json!({ "sub": sign_in.alice.subject, "email": "alice@example.test", "email_verified": true,
            "updated_at": before["updated_at"] })
    );
    sign_in.app.clock.advance(Duration::from_secs(5));
    let change = json!({
        "name": "Alice Adams", "nickname": " Al ", "birthdate": "1990-04-01", "zoneinfo": "Europe/Berlin",
        "locale": "de-AT", "phone_number": "+49 (30) 123-456", "website": "https://alice.example.test",
        "address": { "street_address": "1 Example Street\r\nBack yard", "locality": "Berlin" },
    });
    let changed = patch(&sign_in.app, &token, &change).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let changed: Value = changed.json();
    assert_eq!((&changed["nickname"], &changed["phone_number"]), (&json!("Al"), &json!("+4930123456")));
    assert_eq!(changed["address"]["street_address"], "1 Example Street\nBack yard");
    assert_eq!(changed["updated_at"].as_i64(), before["updated_at"].as_i64().map(|at| at + 5));

    sign_in.app.clock.advance(Duration::from_secs(1));
    let more = json!({ "nickname": null, "address": { "locality": null, "country": "Germany" } });
    let changed: Value = patch(&sign_in.app, &token, &more).await.json();
    assert_eq!((&changed["name"], changed.get("nickname")), (&json!("Alice Adams"), None));
    let address = json!({ "street_address": "1 Example Street\nBack yard", "country": "Germany" });
    assert_eq!(changed["address"], address);
    sign_in.app.clock.advance(Duration::from_secs(1));
    let changed: Value = patch(&sign_in.app, &token, &json!({ "address": null })).await.json();
    assert_eq!(changed.get("address"), None);
    assert_eq!(profile(&sign_in.app, &token).await, changed);

    let recorded = sign_in.app.audited("profile.changed").await;
    assert_eq!(
        recorded[1..],
        [json!({ "claims": ["address", "nickname"] }), json!({ "claims": ["address"] })]
    );
    assert!(!format!("{recorded:?}").contains("Berlin"), "names, and no values");
    patch(&sign_in.app, &token, &json!({ "name": "Alice Adams" })).await;
    assert_eq!(sign_in.app.audited("profile.changed").await.len(), 3, "what stays is no change");
}

#[tokio::test]
async fn userinfo_tells_what_was_changed_and_a_new_number_is_not_verified() {
    let seeds = Seeds::new().await;
    let tokens = seeds.tokens(FULL_SCOPE).await;
    let before: Value = seeds.userinfo(tokens["access_token"].as_str().unwrap()).await.json();
    assert_eq!(before["phone_number_verified"], true);
    let browser = seeds.app.browser();
    browser.sign_in(&seeds.ada).await;
    let page = open(&browser, "/account/profile").await;
    assert_eq!(page.attribute("#phone_number", "value"), "+491701234567");
    let done = page.press("#profile-submit", &[("given_name", "Alicia")]).await;
    assert_eq!(done.text(".note"), "Saved.");
    let told: Value = seeds.userinfo(tokens["access_token"].as_str().unwrap()).await.json();
    assert_eq!((&told["given_name"], &told["phone_number_verified"]), (&json!("Alicia"), &json!(true)));
    done.press("#profile-submit", &[("phone_number", "+49 30 123456")]).await;
    let told: Value = seeds.userinfo(tokens["access_token"].as_str().unwrap()).await.json();
    assert_eq!(
        (&told["phone_number"], &told["phone_number_verified"]),
        (&json!("+4930123456"), &json!(false))
    );
}

#[tokio::test]
async fn what_others_vouch_for_is_refused_by_name() {
    let sign_in = SignIn::new().await;
    let token = sign_in.tokens().await;
    for (member, value) in [
        ("email", json!("mallory@example.test")),
        ("email_verified", json!(true)),
        ("phone_number_verified", json!(true)),
        ("sub", json!("00000000-0000-4000-8000-000000000000")),
        ("updated_at", json!(0)),
        ("roles", json!(["admin"])),
        ("id", json!(1)),
        ("disabled_at", json!(null)),
    ] {
        let answer = patch(&sign_in.app, &token, &json!({ "name": "Mallory", member: value })).await;
        assert_eq!(
            (answer.status.as_u16(), problem(&answer).as_str()),
            (400, "malformed_request"),
            "{member}"
        );
        assert!(answer.body.contains(member), "{}", answer.body);
    }
    assert_eq!(profile(&sign_in.app, &token).await.get("name"), None, "nothing of it was kept");
    assert_eq!(sign_in.app.audited("profile.changed").await.len(), 0);
}

#[tokio::test]
async fn a_claim_that_breaks_a_rule_is_named() {
    let sign_in = SignIn::new().await;
    let token = sign_in.tokens().await;
    for (body, field) in [
        (json!({ "name": "x".repeat(101) }), "name"),
        (json!({ "nickname": "" }), "nickname"),
        (json!({ "given_name": "Al\u{0}ice" }), "given_name"),
        (json!({ "birthdate": "1990-02-30" }), "birthdate"),
        (json!({ "zoneinfo": "../../etc/passwd" }), "zoneinfo"),
        (json!({ "locale": "not a language" }), "locale"),
        (json!({ "phone_number": "030 123456" }), "phone_number"),
        (json!({ "website": "javascript:alert(1)" }), "website"),
        (json!({ "picture": "http://pictures.example.test/a.png" }), "picture"),
        (json!({ "address": { "country": "x".repeat(101) } }), "address.country"),
    ] {
        let answer = patch(&sign_in.app, &token, &body).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json::<Value>()["field"]),
            (400, &json!(field)),
            "{body}"
        );
    }
    let page = sign_in.app.browser();
    page.sign_in(&sign_in.alice).await;
    let wrong = open(&page, "/account/profile")
        .await
        .press("#profile-submit", &[("birthdate", "1.4.1990"), ("name", "Alice")])
        .await;
    assert_eq!(wrong.answer.status, 400);
    assert!(wrong.text("#birthdate-error").contains("1990-04-01"));
    assert_eq!(
        (wrong.attribute("#birthdate", "value").as_str(), wrong.attribute("#name", "value").as_str()),
        ("1.4.1990", "Alice")
    );
    let wrong = wrong.press("#profile-submit", &[("birthdate", ""), ("country", &"x".repeat(101))]).await;
    assert!(wrong.has("#country-error"));
    assert_eq!(profile(&sign_in.app, &token).await.get("name"), None);
}

#[tokio::test]
async fn of_changes_to_different_claims_at_once_none_is_lost() {
    let sign_in = SignIn::new().await;
    let token = sign_in.tokens().await;
    let other = sign_in.app.another_node().await;
    let claims = ["name", "given_name", "family_name", "middle_name", "nickname", "gender"];
    let calls = claims.iter().enumerate().map(|(call, claim)| {
        let app = if call % 2 == 0 { &sign_in.app } else { &other };
        let (token, body) = (&token, json!({ *claim: "Alice" }));
        async move { patch(app, token, &body).await.status }
    });
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
    let profile = profile(&sign_in.app, &token).await;
    assert!(claims.iter().all(|claim| profile[claim] == "Alice"), "{profile}");
}

#[tokio::test]
async fn the_profile_needs_a_token_of_a_first_party_client() {
    let seeds = Seeds::new().await;
    assert_eq!(seeds.app.get(PATH).await.status, 401);
    let tokens = seeds.tokens("openid").await;
    let answer = seeds.app.get_as(tokens["access_token"].as_str().unwrap(), PATH).await;
    assert_eq!((answer.status.as_u16(), problem(&answer).as_str()), (403, "not_first_party"));
}

#[tokio::test]
async fn the_form_shows_all_mistakes_at_once_and_leads_to_the_first_field() {
    let world = World::new().await;
    let browser = world.app.browser();
    browser.sign_in(&world.alice).await;
    let form = open(&browser, "/account/profile").await;
    let typed = [
        ("website", "javascript:alert(1)"),
        ("zoneinfo", "Berlin"),
        ("birthdate", "yesterday"),
        ("given_name", "a\u{202e}b"),
        ("postal_code", "1\u{7}"),
        ("nickname", "Ada"),
    ];
    let page = form.press("#profile-submit", &typed).await;
    assert_eq!(page.answer.status, 400);
    for (name, text) in typed {
        let wrong = name != "nickname";
        assert_eq!(page.has(&format!("#{name}-error")), wrong, "{name}");
        assert_eq!(page.has(&format!("#{name}[aria-invalid]")), wrong, "{name}");
        if wrong && name != "given_name" && name != "postal_code" {
            assert_eq!(page.attribute(&format!("#{name}"), "value"), text, "what was typed stays");
        }
    }
    assert!(page.has("#given_name[autofocus]"), "the first field of the form, not the last");
    let focused = page.answer.body.matches(" autofocus").count();
    assert_eq!(focused, 1);

    let rest = [
        ("website", ""),
        ("zoneinfo", "Europe/Berlin"),
        ("birthdate", ""),
        ("given_name", ""),
        ("postal_code", ""),
    ];
    let saved = page.press("#profile-submit", &rest).await;
    assert_eq!((saved.answer.status.as_u16(), saved.path.as_str()), (200, "/account/profile?done=yes"));
}
