//! Metadata and keys as published (OpenID Connect Discovery 1.0, RFC 8414, RFC 7517).

use poem::{Request, http::Method};
use serde_json::Value;

use crate::support::{Answer, ISSUER, TestApp};

const DOCUMENTS: [&str; 3] = [
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/.well-known/jwks.json",
];

#[doc(alias = "oidcc-discovery-endpoint-verification")]
#[tokio::test]
async fn the_metadata_says_the_same_at_both_addresses_and_points_to_this_issuer() {
    let app = TestApp::new().await;
    let openid: Value = app.get(DOCUMENTS[0]).await.json();
    assert_eq!(openid, app.get(DOCUMENTS[1]).await.json::<Value>());
    assert_eq!(openid["issuer"], ISSUER);
    for (member, value) in openid.as_object().unwrap() {
        if member.ends_with("_endpoint") || member == "jwks_uri" {
            let path = value.as_str().unwrap().strip_prefix(ISSUER).unwrap();
            assert_ne!(app.get(path).await.status, 404, "{member}: nothing is announced that is not there");
        }
    }
    // `signing_algorithms` proves that each works and that no other does.
    for signed in ["id_token", "userinfo"] {
        let member = format!("{signed}_signing_alg_values_supported");
        assert_eq!(openid[&member], serde_json::json!(["RS256", "PS256", "ES256", "EdDSA"]));
    }
    assert_eq!(openid["code_challenge_methods_supported"], serde_json::json!(["S256"]));
}

#[tokio::test]
async fn documents_are_cached_and_asked_for_again_by_their_tag() {
    let app = TestApp::new().await;
    let ask = async |path: &str, tags: &str| -> Answer {
        let request = Request::builder().uri(path.parse().unwrap()).header("if-none-match", tags).finish();
        app.send(request).await
    };
    for path in DOCUMENTS {
        let first = app.get(path).await;
        assert_eq!(
            (first.status.as_u16(), first.header("content-type")),
            (200, "application/json"),
            "{path}"
        );
        assert_eq!(first.header("cache-control"), "public, max-age=300");
        let tag = first.header("etag").to_owned();
        for tags in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            let again = ask(path, &tags).await;
            assert_eq!((again.status.as_u16(), again.body.as_str()), (304, ""), "{path} {tags}");
            assert_eq!(again.header("etag"), tag);
        }
        assert_eq!(ask(path, "\"other\"").await.status, 200);
    }
}

#[tokio::test]
async fn documents_have_no_other_methods() {
    let app = TestApp::new().await;
    for path in DOCUMENTS {
        let request = Request::builder().method(Method::POST).uri(path.parse().unwrap()).finish();
        assert_eq!(app.send(request).await.status, 405, "{path}");
    }
    assert_eq!(app.get("/.well-known/nothing").await.status, 404);
}

#[tokio::test]
async fn the_key_set_has_public_members_only() {
    let app = TestApp::new().await;
    let jwks: Value = app.get(DOCUMENTS[2]).await.json();
    for key in jwks["keys"].as_array().unwrap() {
        let mut members: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
        assert_eq!((&key["alg"], &key["use"]), (&"RS256".into(), &"sig".into()));
        assert_eq!(key["n"].as_str().unwrap().len(), 342, "2048 bits");
    }
}
