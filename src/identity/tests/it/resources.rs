//! What a resource may be, and that a scope belongs to exactly one.

use postern_identity::{
    administration::{
        ChangeError,
        resources::{ResourceChange, add, remove, update},
    },
    core::RequestContext,
    resources::{
        ISSUER_SCOPES, Resources, ScopeHolder, ScopeHolders, scope_is_issuer_only, scope_is_reserved,
    },
};

use postern_service::database::DatabaseError;
use sea_orm::ConnectionTrait as _;

use crate::support::{ISSUER, TestApp};

fn with_scope(scope: &str) -> ResourceChange {
    ResourceChange {
        scopes: Some([(scope.to_owned(), "Do it".to_owned())].into()),
        ..ResourceChange::default()
    }
}

#[tokio::test]
async fn a_scope_belongs_to_one_resource() {
    let test = TestApp::empty().await;
    add(&test.app, "https://a.test", with_scope("read"), &RequestContext::of_command(&test.app))
        .await
        .unwrap();
    let taken =
        add(&test.app, "https://b.test", with_scope("read"), &RequestContext::of_command(&test.app)).await;
    assert!(matches!(taken, Err(ChangeError::Taken { kind: "scope", .. })), "{taken:?}");
    assert!(test.app.resources().find("https://b.test").is_none(), "nothing half-written");
    add(&test.app, "https://b.test", with_scope("write"), &RequestContext::of_command(&test.app))
        .await
        .unwrap();
    let taken =
        update(&test.app, "https://b.test", with_scope("read"), &RequestContext::of_command(&test.app)).await;
    assert!(matches!(taken, Err(ChangeError::Taken { kind: "scope", .. })), "{taken:?}");
    assert_eq!(test.app.resources().find_by_scope("write").unwrap().row.identifier, "https://b.test");
    remove(&test.app, "https://a.test", &RequestContext::of_command(&test.app)).await.unwrap();
    update(&test.app, "https://b.test", with_scope("read"), &RequestContext::of_command(&test.app))
        .await
        .unwrap();
    assert_eq!(test.app.resources().find_by_scope("read").unwrap().row.identifier, "https://b.test");
    assert!(test.app.resources().find_by_scope("write").is_none());
}

#[tokio::test]
async fn the_issuers_own_scopes_are_no_rows() {
    let test = TestApp::empty().await;
    let context = RequestContext::of_command(&test.app);
    for scope in ["openid", "account", "admin:users"] {
        let refused = add(&test.app, "https://a.test", with_scope(scope), &context).await;
        assert!(matches!(refused, Err(ChangeError::Invalid { field: "scopes", .. })), "{refused:?}");
    }
    let refused = update(&test.app, ISSUER, with_scope("openid"), &context).await.unwrap_err().to_string();
    assert!(refused.contains("must not be the issuer"), "{refused}");
    assert!(matches!(remove(&test.app, ISSUER, &context).await, Err(ChangeError::Unknown { .. })));
    // A row of an earlier version keeps the provider from starting until it is removed.
    let stored = test.app.db.write(async |tx| -> Result<(), DatabaseError> {
        let insert = format!("INSERT INTO resources VALUES ('{ISSUER}', 'Own', 'RS256', 0, 0, false)");
        tx.execute_unprepared(&insert).await?;
        Ok(())
    });
    stored.await.unwrap();
    remove(&test.app, ISSUER, &context).await.unwrap();
}

fn with_texts(scope: &str, texts: &[(&str, &str)]) -> ResourceChange {
    let texts = texts.iter().map(|(language, text)| ((*language).to_owned(), (*text).to_owned()));
    ResourceChange { scope_texts: [(scope.to_owned(), texts.collect())].into(), ..ResourceChange::default() }
}

#[tokio::test]
async fn a_scope_has_texts_by_language_and_the_widest_fits() {
    let test = TestApp::empty().await;
    let context = RequestContext::of_command(&test.app);
    let identifier = "https://a.test";
    let both = ResourceChange {
        scope_texts: with_texts("read", &[("de", "Tu es")]).scope_texts,
        ..with_scope("read")
    };
    add(&test.app, identifier, both, &context).await.unwrap();
    update(&test.app, identifier, with_texts("read", &[("PT-br", "Faz"), ("pt", "Faze")]), &context)
        .await
        .unwrap();
    let text = |language: &str| {
        test.app.resources().find(identifier).unwrap().scope_text("read", language).unwrap().to_owned()
    };
    let told = ["de", "de-AT", "pt-BR", "pt-PT", "en", "fr"].map(text);
    assert_eq!(told, ["Tu es", "Tu es", "Faz", "Faze", "Do it", "Do it"]);

    // A new description leaves the texts; a scope that goes takes them along; an empty text goes.
    update(&test.app, identifier, with_scope("read"), &context).await.unwrap();
    assert_eq!(text("de"), "Tu es");
    update(&test.app, identifier, with_texts("read", &[("de", "")]), &context).await.unwrap();
    assert_eq!([text("de"), text("pt")], ["Do it", "Faze"]);
    update(&test.app, identifier, with_scope("write"), &context).await.unwrap();
    update(&test.app, identifier, with_scope("read"), &context).await.unwrap();
    assert_eq!(text("pt"), "Do it");
}

#[tokio::test]
async fn a_text_that_misleads_or_belongs_to_nothing_is_refused() {
    let test = TestApp::empty().await;
    let context = RequestContext::of_command(&test.app);
    add(&test.app, "https://a.test", with_scope("read"), &context).await.unwrap();
    add(&test.app, "https://b.test", with_scope("other"), &context).await.unwrap();
    let long = "x".repeat(101);
    let many: Vec<_> = ('a'..='z').flat_map(|a| ('a'..='c').map(move |b| format!("x{a}{b}"))).collect();
    let many: Vec<_> = many.iter().map(|language| (language.as_str(), "x")).collect();
    for change in [
        with_texts("read", &[("de", "Les\u{202e}en")]),
        with_texts("read", &[("de", "a\nb")]),
        with_texts("read", &[("de", " Lesen")]),
        with_texts("read", &[("de", &long)]),
        with_texts("read", &[("de_AT", "Lesen")]),
        with_texts("read", &[("../de", "Lesen")]),
        with_texts("read", &many),
        with_texts("other", &[("de", "Lesen")]),
        with_texts("openid", &[("de", "Lesen")]),
    ] {
        let refused = update(&test.app, "https://a.test", change.clone(), &context).await;
        assert!(
            matches!(refused, Err(ChangeError::Invalid { field: "scope_texts", .. })),
            "{change:?}: {refused:?}"
        );
    }
    assert!(test.app.resources().find("https://a.test").unwrap().scope_texts.is_empty());
}

#[test]
fn each_scope_says_who_may_have_it() {
    for scope in ISSUER_SCOPES {
        assert_eq!(scope.holders, ScopeHolders::Users, "{} is about a user", scope.name);
        assert!(scope_is_reserved(scope.name));
        assert_eq!(scope_is_issuer_only(scope.name), scope.name == "account");
    }
    assert!(scope_is_reserved("admin:anything") && scope_is_issuer_only("admin:anything"));
    assert!(!Resources::default().may_be_granted("admin:anything", ScopeHolder::Client), "none exists yet");
    assert!(Resources::default().may_be_granted("openid", ScopeHolder::User));
    assert!(!Resources::default().may_be_granted("openid", ScopeHolder::Client));
}

#[tokio::test]
async fn each_rule_names_its_field() {
    let test = TestApp::empty().await;
    let context = RequestContext::of_command(&test.app);
    let on_own_origin = [
        ISSUER,
        "http://localhost:7117/",
        "http://localhost:7117/api",
        "HTTP://LOCALHOST:7117/api?a=b",
        "http://user@localhost:7117/x",
    ];
    for identifier in ["", "api", "https://a.test#x"].into_iter().chain(on_own_origin) {
        let refused = add(&test.app, identifier, ResourceChange::default(), &context).await;
        assert!(
            matches!(refused, Err(ChangeError::Invalid { field: "identifier", .. })),
            "{identifier}: {refused:?}"
        );
    }
    let none = ResourceChange { signing_algorithm: Some("none".to_owned()), ..ResourceChange::default() };
    for (field, change) in [
        ("scopes", with_scope("a b")),
        ("scopes", with_scope("openid")),
        ("scopes", with_scope("account")),
        ("scopes", with_scope("admin:users")),
        ("signing_algorithm", none),
    ] {
        match add(&test.app, "https://a.test", change, &context).await {
            Err(ChangeError::Invalid { field: named, .. }) => assert_eq!(named, field),
            other => panic!("{other:?}"),
        }
    }
    let gone = remove(&test.app, "https://a.test", &context).await;
    assert!(matches!(gone, Err(ChangeError::Unknown { kind: "resource", .. })), "{gone:?}");
}
