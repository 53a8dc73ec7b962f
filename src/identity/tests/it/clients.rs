//! What a client may be: every rule refuses by the field's name, and nothing is half-written.

use postern_identity::{
    administration::{
        ChangeError,
        clients::{add, remove, rotate_secret, update},
        metadata::ClientMetadataChange,
        resources::{self, ResourceChange},
    },
    clients::{ClientAuthMethod, GrantType},
    core::RequestContext,
};
use secrecy::ExposeSecret as _;
use std::time::Duration;

use crate::support::TestApp;

fn texts(values: &[&str]) -> Option<Vec<String>> {
    Some(values.iter().map(|value| (*value).to_owned()).collect())
}

fn web() -> ClientMetadataChange {
    ClientMetadataChange {
        redirect_uris: texts(&["https://web.test/callback"]),
        ..ClientMetadataChange::default()
    }
}

fn machine() -> ClientMetadataChange {
    ClientMetadataChange {
        grant_types: Some(vec![GrantType::ClientCredentials]),
        ..ClientMetadataChange::default()
    }
}

#[tokio::test]
async fn a_new_client_knows_its_secret_and_has_its_own_grant_only_if_it_needs_one() {
    let test = TestApp::empty().await;
    let secret = add(&test.app, "web", web(), &RequestContext::of_command(&test.app)).await.unwrap().unwrap();
    add(&test.app, "machine", machine(), &RequestContext::of_command(&test.app)).await.unwrap();
    let clients = test.app.clients();
    let web = clients.find("web").unwrap();
    assert!(web.secret_matches(secret.client_secret.expose_secret(), test.clock.now()));
    assert!(!web.secret_matches("guess", test.clock.now()));
    assert!(web.own_grant.is_none());
    assert!(clients.find("machine").unwrap().own_grant.is_some());
    let change = ClientMetadataChange {
        grant_types: Some(vec![GrantType::AuthorizationCode]),
        redirect_uris: texts(&["https://a.test/"]),
        ..ClientMetadataChange::default()
    };
    update(&test.app, "machine", change, &RequestContext::of_command(&test.app)).await.unwrap();
    assert!(test.app.clients().find("machine").unwrap().own_grant.is_none());
}

#[tokio::test]
async fn a_replaced_secret_works_until_the_end_of_the_overlap() {
    let test = TestApp::empty().await;
    let old = add(&test.app, "web", web(), &RequestContext::of_command(&test.app))
        .await
        .unwrap()
        .unwrap()
        .client_secret;
    let hour = Duration::from_secs(3600);
    let new = rotate_secret(&test.app, "web", hour, &RequestContext::of_command(&test.app))
        .await
        .unwrap()
        .client_secret;
    let knows =
        |secret: &str| test.app.clients().find("web").unwrap().secret_matches(secret, test.clock.now());
    assert!(knows(old.expose_secret()) && knows(new.expose_secret()));
    let third = rotate_secret(&test.app, "web", hour, &RequestContext::of_command(&test.app)).await;
    assert!(matches!(third, Err(ChangeError::Refused(_))), "{third:?}");
    test.clock.advance(hour);
    assert!(!knows(old.expose_secret()) && knows(new.expose_secret()));
    let third = rotate_secret(&test.app, "web", Duration::ZERO, &RequestContext::of_command(&test.app))
        .await
        .unwrap()
        .client_secret;
    assert!(!knows(new.expose_secret()) && knows(third.expose_secret()));
}

#[tokio::test]
async fn each_rule_names_its_field() {
    let test = TestApp::empty().await;
    let public = Some(ClientAuthMethod::None);
    let cases = vec![
        ("grant_types", ClientMetadataChange { grant_types: Some(vec![]), ..web() }),
        ("grant_types", ClientMetadataChange { token_endpoint_auth_method: public, ..machine() }),
        ("grant_types", ClientMetadataChange { grant_types: Some(vec![GrantType::RefreshToken]), ..web() }),
        (
            "grant_types",
            ClientMetadataChange { grant_types: Some(vec![GrantType::AuthorizationCode; 2]), ..web() },
        ),
        ("redirect_uris", ClientMetadataChange::default()),
        ("redirect_uris", ClientMetadataChange { redirect_uris: texts(&["http://web.test/"]), ..web() }),
        (
            "redirect_uris",
            ClientMetadataChange { redirect_uris: texts(&["https://a.test/", "https://a.test/"]), ..web() },
        ),
        ("redirect_uris", ClientMetadataChange { redirect_uris: texts(&["com.example.app:/back"]), ..web() }),
        (
            "post_logout_redirect_uris",
            ClientMetadataChange { post_logout_redirect_uris: texts(&["javascript:1"]), ..web() },
        ),
        ("origins", ClientMetadataChange { origins: texts(&["https://web.test/"]), ..web() }),
        ("scopes", ClientMetadataChange { scopes: texts(&["openid", "nothing"]), ..web() }),
        (
            "scopes",
            ClientMetadataChange {
                scopes: texts(&["openid", "offline_access"]),
                grant_types: Some(vec![GrantType::AuthorizationCode]),
                ..web()
            },
        ),
        ("scopes", ClientMetadataChange { scopes: texts(&["openid", "account"]), ..web() }),
        ("default_scopes", ClientMetadataChange { default_scopes: texts(&["phone"]), ..web() }),
        ("login_methods", ClientMetadataChange { login_methods: texts(&["telepathy"]), ..web() }),
        ("required_acr", ClientMetadataChange { required_acr: Some("aal9".to_owned()), ..web() }),
        ("name", ClientMetadataChange { name: Some(" ".to_owned()), ..web() }),
        ("logo_uri", ClientMetadataChange { logo_uri: Some("javascript:alert(1)".to_owned()), ..web() }),
        ("policy_uri", ClientMetadataChange { policy_uri: Some("http://web.test".to_owned()), ..web() }),
    ];
    for (field, change) in cases {
        let refused = add(&test.app, "web", change.clone(), &RequestContext::of_command(&test.app)).await;
        match refused {
            Err(ChangeError::Invalid { field: named, .. }) => assert_eq!(named, field, "{change:?}"),
            other => panic!("{field}: {change:?} gave {other:?}"),
        }
    }
    for client_id in ["", "a b", "5f0c1b6e-6f0e-4a7c-9d39-1f6f1c1e6a10"] {
        let refused = add(&test.app, client_id, web(), &RequestContext::of_command(&test.app)).await;
        assert!(matches!(refused, Err(ChangeError::Invalid { field: "client_id", .. })), "{refused:?}");
    }
    assert_eq!(test.app.clients().all().count(), 0);
}

#[tokio::test]
async fn a_name_is_taken_once_and_an_unknown_one_is_said_so() {
    let test = TestApp::empty().await;
    add(&test.app, "web", web(), &RequestContext::of_command(&test.app)).await.unwrap();
    let taken = add(&test.app, "web", web(), &RequestContext::of_command(&test.app)).await;
    assert!(matches!(taken, Err(ChangeError::Taken { kind: "client", .. })), "{taken:?}");
    for gone in [
        update(&test.app, "x", web(), &RequestContext::of_command(&test.app)).await.map(drop),
        remove(&test.app, "x", &RequestContext::of_command(&test.app)).await,
        rotate_secret(&test.app, "x", Duration::ZERO, &RequestContext::of_command(&test.app)).await.map(drop),
    ] {
        assert!(matches!(gone, Err(ChangeError::Unknown { kind: "client", .. })), "{gone:?}");
    }
}

#[tokio::test]
async fn a_refused_change_leaves_the_client_as_it_was() {
    let test = TestApp::empty().await;
    add(&test.app, "web", web(), &RequestContext::of_command(&test.app)).await.unwrap();
    let before = test.app.clients().find("web").unwrap().row.clone();
    let change = ClientMetadataChange { name: Some("New".to_owned()), origins: texts(&["nowhere"]), ..web() };
    update(&test.app, "web", change, &RequestContext::of_command(&test.app)).await.unwrap_err();
    test.app.reload("clients").await.unwrap();
    assert_eq!(test.app.clients().find("web").unwrap().row, before);
}

#[tokio::test]
async fn narrowing_the_scopes_narrows_the_default_ones() {
    let test = TestApp::empty().await;
    let scopes = [("read".to_owned(), "Read".to_owned())].into();
    let change = ResourceChange { scopes: Some(scopes), ..ResourceChange::default() };
    resources::add(&test.app, "https://api.test", change, &RequestContext::of_command(&test.app))
        .await
        .unwrap();
    let both = ClientMetadataChange {
        scopes: texts(&["openid", "read"]),
        default_scopes: texts(&["openid", "read"]),
        ..web()
    };
    add(&test.app, "web", both, &RequestContext::of_command(&test.app)).await.unwrap();
    let change = ClientMetadataChange { scopes: texts(&["openid"]), ..ClientMetadataChange::default() };
    update(&test.app, "web", change, &RequestContext::of_command(&test.app)).await.unwrap();
    assert_eq!(test.app.clients().find("web").unwrap().row.default_scopes[..], ["openid"]);
}
