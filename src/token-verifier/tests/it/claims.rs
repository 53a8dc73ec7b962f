//! Tests the claims that an access token must have.

use postern_token_verifier::testing::Issuer;
use postern_token_verifier::{Audience, ClaimError, Policy, Refusal};
use serde_json::{Value, json};

use crate::support::{AUDIENCE, Fixture};

/// Claims with one replaced by this JSON text.
fn with_text(claims: &Value, name: &str, text: &str) -> Vec<u8> {
    let mut members = claims.as_object().unwrap().clone();
    members.remove(name);
    let rest = serde_json::to_string(&members).unwrap();
    format!("{{{name:?}:{text},{}", &rest[1..]).into_bytes()
}

#[tokio::test]
async fn required_claims_must_be_there() {
    let fixture = Fixture::new();
    for name in ["iss", "sub", "aud", "client_id", "jti", "exp", "iat"] {
        let mut claims = fixture.claims();
        claims.as_object_mut().unwrap().remove(name);
        assert_eq!(fixture.verify(&claims).await.unwrap_err(), ClaimError::Missing(name).into());
    }
}

#[tokio::test]
async fn claims_of_a_wrong_type_are_refused() {
    let fixture = Fixture::new();
    let header = fixture.issuer.header().to_string();
    // Within the valid time, so that only the type is wrong.
    let soon = fixture.clock.now() + 30;
    let times = [
        format!("\"{soon}\""),
        format!("{soon}.5"),
        format!("{soon}.0"),
        format!("{soon}e0"),
        "null".to_owned(),
        format!("[{soon}]"),
        "{}".to_owned(),
        "-1".to_owned(),
        "1e400".to_owned(),
        "9223372036854775808".to_owned(),
        "true".to_owned(),
        "\"\"".to_owned(),
    ];
    for name in ["exp", "nbf", "iat", "auth_time"] {
        for text in &times {
            let payload = with_text(&fixture.claims(), name, text);
            let token = fixture.issuer.sign_bytes(header.as_bytes(), &payload);
            assert!(fixture.verifier.verify(&token).await.is_err(), "{name}: {text}");
        }
    }
    let texts = ["1", "1.5", "null", "[]", "[1]", "{}", "true", "\"\"", "-1", "1e400", "9223372036854775808"];
    for name in ["iss", "sub", "aud", "client_id", "jti", "sid", "acr"] {
        for text in texts {
            if (name, text) == ("aud", "\"\"") {
                continue; // an empty string is a string; it is not our audience
            }
            let payload = with_text(&fixture.claims(), name, text);
            let token = fixture.issuer.sign_bytes(header.as_bytes(), &payload);
            assert!(fixture.verifier.verify(&token).await.is_err(), "{name}: {text}");
        }
    }
    for (name, text) in [
        ("aud", "[\"https://api.example.com\",1]"),
        ("aud", "[[\"https://api.example.com\"]]"),
        ("scope", "[\"a\"]"),
        ("scope", "null"),
        ("amr", "\"pwd\""),
        ("amr", "[1]"),
    ] {
        let payload = with_text(&fixture.claims(), name, text);
        let token = fixture.issuer.sign_bytes(header.as_bytes(), &payload);
        assert!(fixture.verifier.verify(&token).await.is_err(), "{name}: {text}");
    }
}

#[tokio::test]
async fn a_token_ends_at_exp_with_at_most_a_minute_of_leeway() {
    for leeway in [0_i64, 30, 60] {
        let fixture = Fixture::with(|policy| Policy {
            leeway: std::time::Duration::from_secs(leeway.unsigned_abs()),
            cache_capacity: 0,
            ..policy
        });
        let now = fixture.clock.now();
        let mut claims = fixture.claims();
        claims["exp"] = json!(now - leeway + 1);
        assert!(fixture.verify(&claims).await.is_ok(), "leeway {leeway}");
        for exp in [now - leeway, now - 61, 0] {
            claims["exp"] = json!(exp);
            assert_eq!(
                fixture.verify(&claims).await.unwrap_err(),
                Refusal::Expired { exp, now },
                "leeway {leeway}"
            );
        }
    }
}

#[tokio::test]
async fn a_token_begins_at_nbf_and_iat_with_leeway() {
    let fixture = Fixture::new();
    let now = fixture.clock.now();
    let mut claims = fixture.claims();
    claims["nbf"] = json!(now + 30);
    claims["iat"] = json!(now + 30);
    assert!(fixture.verify(&claims).await.is_ok());
    claims["nbf"] = json!(now + 31);
    assert_eq!(fixture.verify(&claims).await.unwrap_err(), Refusal::NotYetValid { nbf: now + 31, now });
    claims["nbf"] = json!(now);
    claims["iat"] = json!(now + 61);
    assert_eq!(fixture.verify(&claims).await.unwrap_err(), Refusal::IssuedInTheFuture { iat: now + 61, now });
}

#[tokio::test]
async fn the_far_ends_of_time_do_not_overflow() {
    let fixture = Fixture::new();
    let mut claims = fixture.claims();
    claims["exp"] = json!(i64::MAX);
    assert!(fixture.verify(&claims).await.is_ok());
    claims["nbf"] = json!(i64::MAX);
    assert!(fixture.verify(&claims).await.is_err());
}

#[tokio::test]
async fn the_issuer_is_compared_exactly() {
    let fixture = Fixture::new();
    for iss in [
        "https://login.example.com/",
        "https://LOGIN.example.com",
        "http://login.example.com",
        "https://login.example.com ",
        "https://login.example.com.evil.test",
        "https://login.example.com\u{0}",
    ] {
        let mut claims = fixture.claims();
        claims["iss"] = json!(iss);
        assert_eq!(fixture.verify(&claims).await.unwrap_err(), Refusal::Issuer(iss.to_owned()));
    }
}

#[tokio::test]
async fn the_audience_must_contain_ours_exactly() {
    let fixture = Fixture::new();
    let mut claims = fixture.claims();
    claims["aud"] = json!(["https://other.example.com", AUDIENCE]);
    assert!(fixture.verify(&claims).await.is_ok());
    for aud in [
        json!("https://api.example.com/"),
        json!("https://api.example.com https://api.example.com"),
        json!(["https://other.example.com"]),
        json!("https://api.example.co"),
        json!(""),
    ] {
        claims["aud"] = aud;
        assert!(matches!(fixture.verify(&claims).await.unwrap_err(), Refusal::Audience(_)), "{claims}");
    }
}

#[tokio::test]
async fn a_caller_that_checks_the_audience_sees_it() {
    let fixture = Fixture::with(|policy| Policy { audience: Audience::CheckedByCaller, ..policy });
    let mut claims = fixture.claims();
    claims["aud"] = json!(["https://other.example.com", "https://third.example.com"]);
    let token = fixture.verify(&claims).await.unwrap();
    assert!(token.has_audience("https://third.example.com"));
    assert!(!token.has_audience(AUDIENCE));
}

#[tokio::test]
async fn only_the_forms_of_at_jwt_are_access_tokens() {
    let fixture = Fixture::new();
    for typ in ["at+jwt", "AT+JWT", "At+Jwt", "application/at+jwt", "APPLICATION/AT+JWT"] {
        let mut header = fixture.issuer.header();
        header["typ"] = json!(typ);
        assert!(fixture.verify_under(&header).await.is_ok(), "{typ}");
    }
    for typ in [
        "JWT",
        "jwt",
        "",
        "application/jwt",
        "logout+jwt",
        "token-introspection+jwt",
        "dpop+jwt",
        "oauth-authz-req+jwt",
        "statuslist+jwt",
        "secevent+jwt",
        "at+jwt ",
        " at+jwt",
        "at+jwt;v=1",
        "xat+jwt",
        "text/at+jwt",
        "application/application/at+jwt",
        "application/",
        "\u{e9}pplication/at+jwt",
    ] {
        let mut header = fixture.issuer.header();
        header["typ"] = json!(typ);
        assert_eq!(fixture.verify_under(&header).await.unwrap_err(), Refusal::Type(Some(typ.to_owned())));
    }
    let mut header = fixture.issuer.header();
    header.as_object_mut().unwrap().remove("typ");
    assert_eq!(fixture.verify_under(&header).await.unwrap_err(), Refusal::Type(None));
}

#[tokio::test]
async fn other_tokens_of_the_same_issuer_are_no_access_tokens() {
    let fixture = Fixture::new();
    let kid = fixture.issuer.kid();
    let now = fixture.clock.now();
    let id_token =
        json!({"iss": fixture.issuer.url(), "sub": "ada", "aud": "s6BhdRkqt3", "iat": now, "exp": now + 60});
    let logout_token = json!({"iss": fixture.issuer.url(), "aud": AUDIENCE, "iat": now, "exp": now + 60, "jti": "1",
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}}, "sid": "1"});
    let introspection =
        json!({"iss": fixture.issuer.url(), "aud": AUDIENCE, "iat": now, "token_introspection": {}});
    for (typ, claims) in
        [("JWT", id_token), ("logout+jwt", logout_token), ("token-introspection+jwt", introspection)]
    {
        let header = json!({"alg": "RS256", "typ": typ, "kid": kid});
        let token = fixture.issuer.sign_with(&header, &claims);
        assert_eq!(fixture.verifier.verify(&token).await.unwrap_err(), Refusal::Type(Some(typ.to_owned())));
    }
}

#[tokio::test]
async fn a_token_bound_to_a_key_is_refused_as_a_bearer_token() {
    let fixture = Fixture::new();
    for cnf in [json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}), json!({}), Value::Null] {
        let mut claims = fixture.claims();
        claims["cnf"] = cnf;
        assert_eq!(fixture.verify(&claims).await.unwrap_err(), Refusal::SenderConstrained);
    }
}

#[tokio::test]
async fn the_claims_are_given_to_the_caller() {
    let fixture = Fixture::new();
    let mut claims = fixture.claims();
    claims["scope"] = json!("tasks:read  tasks:write");
    claims["sid"] = json!("session");
    claims["auth_time"] = json!(1_700_000_000);
    claims["acr"] = json!("aal2");
    claims["amr"] = json!(["pwd", "otp"]);
    claims["roles"] = json!(["admin"]);
    let token = fixture.verify(&claims).await.unwrap();
    assert_eq!(token.scope, ["tasks:read", "tasks:write"]);
    assert!(token.has_scope("tasks:read") && !token.has_scope("tasks") && !token.has_scope(""));
    assert_eq!((token.sid.as_deref(), token.auth_time), (Some("session"), Some(1_700_000_000)));
    assert_eq!(
        (token.acr.as_deref(), token.amr.as_slice()),
        (Some("aal2"), &["pwd".to_owned(), "otp".to_owned()][..])
    );
    assert_eq!(token.other.get("roles"), Some(&json!(["admin"])));
    assert_eq!(token.other.len(), 1);
}

#[tokio::test]
async fn a_token_without_scope_allows_nothing() {
    let issuer = Issuer::new("https://login.example.com");
    let fixture = Fixture::new();
    let token = fixture.verifier.verify(&issuer.sign(&fixture.claims())).await.unwrap();
    assert!(token.scope.is_empty());
}

#[test]
fn what_the_caller_is_told_has_nothing_of_the_token() {
    let refusal = Refusal::Issuer("https://evil.test/\r\nSet-Cookie: a=b".to_owned());
    assert_eq!(refusal.description(), "The access token is of another issuer");
    // A claim cannot forge a log line.
    assert!(!refusal.to_string().contains('\n'), "{refusal}");
    let long = Refusal::Issuer("x".repeat(5000)).to_string();
    assert!(long.len() < 200, "{long}");
}
