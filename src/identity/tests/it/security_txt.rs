//! `/.well-known/security.txt` (RFC 9116).

use std::time::Duration;

use postern_identity::config::Config;

use crate::support::{ISSUER, TestApp};

const PATH: &str = "/.well-known/security.txt";
const CONTACT: &str = "POSTERN_PAGES__SECURITY_CONTACT";

#[tokio::test]
async fn who_names_a_contact_publishes_it_with_an_end_that_is_always_ahead() {
    let test = TestApp::with(&[(CONTACT, "mailto:security@example.test")]).await;
    let answer = test.get(PATH).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "text/plain; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), "public, max-age=86400");
    let lines: Vec<_> = answer.body.lines().collect();
    assert_eq!(
        lines,
        [
            "Contact: mailto:security@example.test",
            "Expires: 2026-06-30T00:00:00Z",
            "Preferred-Languages: de, en",
            &format!("Canonical: {ISSUER}{PATH}"),
        ]
    );
    test.clock.advance(Duration::from_hours(24 * 300));
    assert!(test.get(PATH).await.body.contains("Expires: 2027-04-26T00:00:00Z"));
}

#[tokio::test]
async fn without_a_contact_there_is_nothing() {
    let test = TestApp::new().await;
    assert_eq!(test.get(PATH).await.status, 404);
}

#[test]
fn a_contact_is_an_address_that_somebody_can_write_to() {
    let load = |contact: &str| Config::load(None, [(CONTACT.into(), contact.into())]);
    for good in ["mailto:security@example.test", "https://example.test/report", "tel:+43-1-234"] {
        assert!(load(good).is_ok(), "{good}");
    }
    for bad in ["security@example.test", "http://example.test/report", "javascript:alert(1)"] {
        let error = load(bad).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("pages.security_contact"), "{bad}: {error}");
    }
}
