//! Tests the form of a token.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use postern_token_verifier::KeySet;
use postern_token_verifier::jws::{Compact, JwsError, MAX_LENGTH};
use postern_token_verifier::testing::Issuer;
use proptest::prelude::*;
use serde_json::json;

use crate::support::{AUDIENCE, Fixture};

fn refused_form(token: &str) -> JwsError {
    Compact::parse(token).err().unwrap_or_else(|| panic!("parsed: {token}"))
}

#[tokio::test]
async fn a_good_token_is_accepted() {
    let fixture = Fixture::new();
    let token = fixture.verify(&fixture.claims()).await.unwrap();
    assert_eq!(token.sub, "248289761001");
    assert_eq!(token.aud, [AUDIENCE]);
}

#[test]
fn exactly_three_parts() {
    let token = Issuer::new("https://login.example.com").token(AUDIENCE, "");
    for wrong in [
        String::new(),
        "a".to_owned(),
        "a.b".to_owned(),
        format!("{token}."),
        format!("{token}.e30"),
        format!("{token}.e30.e30"),
        token.rsplit_once('.').unwrap().0.to_owned(),
    ] {
        assert_eq!(refused_form(&wrong), JwsError::Parts, "{wrong}");
    }
}

#[test]
fn only_canonical_base64url_without_padding() {
    let token = Issuer::new("https://login.example.com").token(AUDIENCE, "");
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    // 256 bytes leave four unused bits in the last character.
    let tail_bits = format!("{}{}", &signature[..341], next_character(signature.chars().last().unwrap()));
    for wrong in [
        format!("{message}.{}", URL_SAFE.encode(&bytes)),
        format!("{message}.{}", STANDARD.encode(&bytes)),
        format!("{message}.{tail_bits}"),
        format!("{message}.{signature}="),
        format!("{message}.{signature}\n"),
        format!("{message}.{}\n{}", &signature[..100], &signature[100..]),
        format!(" {message}.{signature}"),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}%.{signature}"),
        format!("{header}.{payload}\u{e9}.{signature}"),
        format!("{message}.{}", &signature[..341]),
    ] {
        assert!(matches!(refused_form(&wrong), JwsError::Encoding(_)), "{wrong}");
    }
}

/// A different character that a lax decoder decodes to the same bytes.
fn next_character(last: char) -> char {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let position = ALPHABET.iter().position(|one| char::from(*one) == last).unwrap();
    char::from(ALPHABET[position + 1])
}

#[test]
fn no_json_serialization() {
    let token = Issuer::new("https://login.example.com").token(AUDIENCE, "");
    let parts: Vec<_> = token.split('.').collect();
    let flattened = json!({"protected": parts[0], "payload": parts[1], "signature": parts[2]});
    let general =
        json!({"payload": parts[1], "signatures": [{"protected": parts[0], "signature": parts[2]}]});
    refused_form(&flattened.to_string());
    refused_form(&general.to_string());
}

#[test]
fn no_token_longer_than_the_limit() {
    let issuer = Issuer::new("https://login.example.com");
    let mut claims = issuer.claims(AUDIENCE);
    claims["filler"] = "x".repeat(MAX_LENGTH).into();
    assert!(matches!(refused_form(&issuer.sign(&claims)), JwsError::TooLong(_)));
    refused_form(&".".repeat(MAX_LENGTH));
}

#[test]
fn a_header_is_one_json_object_with_strings_where_strings_belong() {
    let issuer = Issuer::new("https://login.example.com");
    let headers: [(&[u8], JwsError); 12] = [
        (b"", JwsError::Json("header")),
        (b"null", JwsError::Json("header")),
        (b"[]", JwsError::Json("header")),
        (b"{\"alg\":\"RS256\"}x", JwsError::Json("header")),
        (b"{\"alg\":\"RS256\",\"alg\":\"RS256\"}", JwsError::Json("header")),
        (b"{\"alg\":\"RS256\",\"\\u0061lg\":\"none\"}", JwsError::Json("header")),
        (b"{\"alg\":\"RS256\",\"x\":{\"y\":1,\"y\":2}}", JwsError::Json("header")),
        (b"{\"alg\":\"RS256\",\"kid\":\"\xff\"}", JwsError::Json("header")),
        (b"{}", JwsError::HeaderType("alg")),
        (b"{\"alg\":[\"RS256\"]}", JwsError::HeaderType("alg")),
        (b"{\"alg\":\"RS256\",\"kid\":1}", JwsError::HeaderType("kid")),
        (b"{\"alg\":\"RS256\",\"typ\":null}", JwsError::HeaderType("typ")),
    ];
    for (header, cause) in headers {
        assert_eq!(
            refused_form(&issuer.sign_bytes(header, b"{}")),
            cause,
            "{}",
            String::from_utf8_lossy(header)
        );
    }
}

#[tokio::test]
async fn extensions_that_change_the_meaning_are_refused() {
    let fixture = Fixture::new();
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("crit", json!("b64")),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("enc", json!("A128GCM")),
    ] {
        let mut header = fixture.issuer.header();
        header[name] = value;
        let refusal = fixture.verify_under(&header).await.unwrap_err();
        assert_eq!(refusal, JwsError::HeaderParameter(name).into());
    }
}

#[tokio::test]
async fn unknown_header_parameters_are_ignored() {
    let fixture = Fixture::new();
    let mut header = fixture.issuer.header();
    header["x5t#S256"] = json!("AAAA");
    header["cty"] = json!("JWT");
    assert!(fixture.verify_under(&header).await.is_ok());
}

#[tokio::test]
async fn a_payload_is_one_json_object_without_duplicates() {
    let fixture = Fixture::new();
    let header = fixture.issuer.header().to_string();
    let good = fixture.claims().to_string();
    let inner = &good[1..good.len() - 1];
    for payload in [
        String::new(),
        "[]".to_owned(),
        "\"text\"".to_owned(),
        format!("{{{inner},\"aud\":\"x\"}}"),
        format!("{{{inner},\"\\u0061ud\":\"x\"}}"),
        format!("{{{inner},\"other\":{{\"a\":1,\"a\":2}}}}"),
        format!("{good} {good}"),
        format!("\u{feff}{good}"),
    ] {
        let token = fixture.issuer.sign_bytes(header.as_bytes(), payload.as_bytes());
        assert_eq!(
            fixture.verifier.verify(&token).await.unwrap_err(),
            JwsError::Json("payload").into(),
            "{payload}"
        );
    }
    let not_utf8 = [good.as_bytes(), b"\xff"].concat();
    assert!(fixture.verifier.verify(&fixture.issuer.sign_bytes(header.as_bytes(), &not_utf8)).await.is_err());
}

#[test]
fn an_expired_token_can_still_be_read_at_the_layer_below() {
    let issuer = Issuer::new("https://login.example.com");
    let keys = KeySet::parse(issuer.jwks().to_string().as_bytes()).unwrap();
    let header = json!({"alg": "RS256", "kid": issuer.kid()});
    let token = issuer.sign_with(&header, &json!({"sub": "ada", "exp": 1}));
    let verified = Compact::parse(&token).unwrap().verify(&keys).unwrap();
    let mut claims = verified.claims().unwrap();
    assert_eq!(claims.require_string("sub").unwrap(), "ada");
    assert_eq!(claims.require_seconds("exp").unwrap(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn any_text_is_parsed_or_refused(token in any::<String>()) {
        let _ = Compact::parse(&token);
    }

    #[test]
    fn any_three_parts_are_parsed_or_refused(
        header in any::<Vec<u8>>(), payload in any::<Vec<u8>>(), signature in any::<Vec<u8>>()
    ) {
        let parts = [header, payload, signature].map(|part| URL_SAFE_NO_PAD.encode(part));
        let _ = Compact::parse(&parts.join("."));
    }

    #[test]
    fn any_header_is_parsed_or_refused(header in "\\{(\"(alg|kid|typ|x)\":(\"[a-zA-Z0-9]{0,5}\"|1|null|\\[\\]),?){0,4}\\}") {
        let _ = Compact::parse(&format!("{}..", URL_SAFE_NO_PAD.encode(header)));
    }

    #[test]
    fn any_key_set_is_read_or_refused(jwks in any::<Vec<u8>>(), text in "\\{\"keys\":\\[(\\{(\"(kty|kid|n|e|alg)\":\"[RSAEC256-]{0,6}\",?){0,4}\\},?){0,3}\\]\\}") {
        let _ = KeySet::parse(&jwks);
        let _ = KeySet::parse(text.as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    /// Flips one bit of the decoded payload or signature.
    #[test]
    fn one_changed_bit_is_refused(part in 1_usize..3, position in any::<prop::sample::Index>(), bit in 0..8) {
        let issuer = Issuer::new("https://login.example.com");
        let keys = KeySet::parse(issuer.jwks().to_string().as_bytes()).unwrap();
        let token = issuer.token(AUDIENCE, "tasks:read");
        let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
        let mut bytes = URL_SAFE_NO_PAD.decode(&parts[part]).unwrap();
        let position = position.index(bytes.len());
        bytes[position] ^= 1_u8 << bit;
        parts[part] = URL_SAFE_NO_PAD.encode(bytes);
        let changed = parts.join(".");
        prop_assert_eq!(Compact::parse(&changed).unwrap().verify(&keys).unwrap_err(), JwsError::Signature);
    }
}
