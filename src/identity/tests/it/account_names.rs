//! Names that hold what nobody sees: refused at every input, and shown without it where they are stored already.

use postern_entities::clients;
use postern_identity::{
    administration::{
        ChangeError, clients as client_changes,
        metadata::ClientMetadataChange,
        resources::{self, ResourceChange},
        users,
    },
    core::RequestContext,
    login::passkey::enrolment::{self, PasskeyError},
};
use postern_service::database::DatabaseError;
use sea_orm::{ActiveModelTrait as _, EntityTrait as _, IntoActiveModel as _, Set};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    person::open,
    seeds::profile_of,
    sign_in::{SignIn, problem},
    support::TestApp,
};

/// "evilexe.png" to the eye.
const TURNED: &str = "evil\u{202e}gnp.exe";

fn field(refused: Result<impl Sized, ChangeError>) -> String {
    match refused {
        Err(ChangeError::Invalid { field, rule }) => format!("{field}: {rule}"),
        Err(cause) => panic!("{cause}"),
        Ok(_) => "accepted".to_owned(),
    }
}

#[tokio::test]
async fn names_of_every_kind_are_refused_by_one_rule() {
    let app = TestApp::empty().await;
    let context = RequestContext::of_command(&app.app);
    for name in [
        TURNED,
        "pay\u{200d}pal",
        "pay\u{200b}pal",
        "\u{2066}Ada\u{2069}",
        "Ada\u{200f}",
        "\u{feff}Ada",
        "A\u{7}da",
    ] {
        let profile = profile_of(&json!({ "nickname": name }));
        let user = users::add_without_password(&app.app, "ada@example.test", true, profile, &context).await;
        assert!(field(user).starts_with("nickname: must be 1 to 100 characters"), "{name:?}");
        let profile = profile_of(&json!({ "address": { "formatted": name } }));
        let user = users::add_without_password(&app.app, "ada@example.test", true, profile, &context).await;
        assert!(field(user).starts_with("address.formatted: "), "{name:?}");
        let client = ClientMetadataChange { name: Some(name.to_owned()), ..ClientMetadataChange::default() };
        let client = client_changes::add(&app.app, "ada", client, &context).await;
        assert!(field(client).starts_with("name: "), "{name:?}");
        let api = ResourceChange { name: Some(name.to_owned()), ..ResourceChange::default() };
        assert!(
            field(resources::add(&app.app, "https://api.test", api, &context).await).starts_with("name: ")
        );
        let scopes = Some([("api:read".to_owned(), name.to_owned())].into());
        let api = ResourceChange { scopes, ..ResourceChange::default() };
        assert!(
            field(resources::add(&app.app, "https://api.test", api, &context).await).starts_with("scopes: ")
        );
    }
    for (at, name) in
        ["علی\u{200c}رضا", "क\u{94d}\u{200d}ष", "👩\u{200d}💻", "שלום", "O’Neill"].into_iter().enumerate()
    {
        let profile = profile_of(&json!({ "name": name }));
        users::add_without_password(&app.app, &format!("{at}@example.test"), true, profile, &context)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn people_and_apps_are_told_which_field_it_is() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let body = json!({ "client_id": "app", "email": "carol@example.test", "password": "seven brass lamps upstream", "name": TURNED });
    let refused = app.post_json("/api/auth/register", &body).await;
    assert_eq!(
        (problem(&refused).as_str(), &refused.json::<Value>()["field"]),
        ("malformed_request", &json!("name"))
    );
    let browser = app.browser();
    let page = open(&browser, "/register").await;
    let typed =
        [("email", "carol@example.test"), ("password", "seven brass lamps upstream"), ("name", TURNED)];
    let wrong = page.press("#register-submit", &typed).await;
    assert!(
        wrong.text("#name-error").contains("turn the direction of text"),
        "{}",
        wrong.text("#name-error")
    );
    browser.sign_in(&sign_in.alice).await;
    let wrong =
        open(&browser, "/account/profile").await.press("#profile-submit", &[("nickname", TURNED)]).await;
    assert!(wrong.has("#nickname-error"));
    let signed_in = app.signed_in(&sign_in.alice).await;
    let renamed = enrolment::rename(
        &app.app,
        signed_in.principal(),
        Uuid::nil(),
        TURNED,
        &RequestContext::of_command(&app.app),
    )
    .await;
    assert!(matches!(renamed, Err(PasskeyError::InvalidName)), "a passkey");
}

#[tokio::test]
async fn what_is_stored_already_is_shown_without_it() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let client = clients::Entity::find_by_id("stranger").one(app.app.db.reader()).await.unwrap().unwrap();
    let mut client = client.into_active_model();
    client.name = Set(TURNED.to_owned());
    let mut alice = sign_in.alice.clone().into_active_model();
    alice.profile = Set(json!({ "name": TURNED }));
    app.app
        .db
        .write(async |tx| {
            client.update(tx).await?;
            alice.update(tx).await?;
            Ok::<_, DatabaseError>(())
        })
        .await
        .unwrap();
    let node = app.another_node().await;
    let browser = node.browser();
    browser.sign_in(&sign_in.alice).await;
    for (path, css) in [("/account", "h1"), ("/account/profile", "main")] {
        let page = open(&browser, path).await;
        assert!(!page.answer.body.contains('\u{202e}'), "{path}");
        assert!(page.has(css));
    }
    let ask = "/oauth2/authorize?response_type=code&client_id=stranger&redirect_uri=https%3A%2F%2Fstranger.example.test%2Fcallback&scope=openid&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
    let consent = open(&browser, ask).await;
    assert_eq!(consent.title(), "Allow evilgnp.exe?");
    assert!(!consent.answer.body.contains('\u{202e}'));
}

#[tokio::test]
async fn web_pages_of_a_profile_are_stored_as_they_were_parsed() {
    let sign_in = SignIn::new().await;
    let app = &sign_in.app;
    let context = RequestContext::of_command(&app.app);
    let pages = |page: &str| profile_of(&json!({ "profile": page, "picture": page, "website": page }));
    let user = users::add_without_password(
        &app.app,
        "eve@example.test",
        true,
        pages("HTTPS://Ada.Example.Test:443/a/../b"),
        &context,
    );
    let stored = user.await.unwrap().profile;
    for claim in ["profile", "picture", "website"] {
        assert_eq!(stored[claim], "https://ada.example.test/b", "{claim}");
    }
    for page in [
        "https://ada:secret@example.test/",
        "https://@example.test/",
        "javascript:alert(1)",
        "ada.example.test",
        "https://",
    ] {
        let user =
            users::add_without_password(&app.app, "mia@example.test", true, pages(page), &context).await;
        assert!(field(user).starts_with("website: must "), "{page}");
    }
    let browser = app.browser();
    browser.sign_in(&sign_in.alice).await;
    let page = open(&browser, "/account/profile").await;
    let saved = page.press("#profile-submit", &[("website", "https://Alice.Example.Test")]).await;
    assert_eq!(saved.attribute("#website", "value"), "https://alice.example.test/");
    let wrong = saved.press("#profile-submit", &[("website", "https://me:secret@alice.example.test/")]).await;
    assert!(wrong.text("#website-error").contains("without a user name or password"));
}
