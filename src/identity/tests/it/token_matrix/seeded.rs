//! What a code that a browser gets without a press is good for, at each redirect URI of each client that `postern dev`
//! seeds.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use postern_identity::users::{self, Email};
use serde_json::Value;

use super::{
    Token,
    operation::{Needs, Operation, judged},
};
use crate::{
    flow::{CHALLENGE, VERIFIER},
    seeds::basic,
    support::{ISSUER, TestApp, form_request},
};

/// Seeds the provider's database as `postern dev` does; answers the secrets that it prints.
fn seed(app: &TestApp) -> Value {
    let data = tempfile::tempdir().unwrap();
    let mut command = app.command(&["dev", "--json", "--data", data.path().to_str().unwrap()]);
    command.env("POSTERN_HTTP__LISTEN", "127.0.0.1:0").stderr(Stdio::null()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
    let text: String = lines.take_while(|line| line != "}").collect::<Vec<_>>().join("\n") + "}";
    process.kill().unwrap();
    process.wait().unwrap();
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn a_code_without_a_press_manages_the_account_only_at_the_issuers_own_pages() {
    let app = TestApp::empty().await;
    let secrets = seed(&app);
    for topic in ["clients", "resources"] {
        app.app.reload(topic).await.unwrap();
    }
    let email = Email::parse("alice@example.test").unwrap();
    let alice = users::find_by_email(app.app.db.reader(), &email).await.unwrap().unwrap();
    let operations = Operation::all();
    let (mut cells, mut codes) = (0, Vec::new());
    let clients: Vec<_> = app.app.clients().all().cloned().collect();
    for client in clients {
        let secret = secrets["clients"][client.client_id()].as_str();
        for redirect_uri in client.row.redirect_uris.iter() {
            let browser = app.browser();
            browser.sign_in(&alice).await;
            let query = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("client_id", client.client_id())
                .append_pair("redirect_uri", redirect_uri)
                .append_pair("response_type", "code")
                .append_pair("scope", &client.row.scopes.join(" "))
                .append_pair("prompt", "none")
                .append_pair("code_challenge", CHALLENGE)
                .append_pair("code_challenge_method", "S256")
                .finish();
            let answer = browser.get(&format!("/oauth2/authorize?{query}")).await;
            let location = url::Url::parse(answer.header("location")).unwrap();
            let code = location.query_pairs().find(|(name, _)| name == "code").map(|(_, code)| code);
            let Some(code) = code else { continue };
            codes.push(client.client_id().to_owned());
            let mut form = vec![
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("redirect_uri", redirect_uri),
                ("code_verifier", VERIFIER),
            ];
            if secret.is_none() {
                form.push(("client_id", client.client_id()));
            }
            let mut request = form_request("/oauth2/token", &form);
            if let Some(secret) = secret {
                let header = basic(client.client_id(), secret).parse().unwrap();
                request.headers_mut().insert("authorization", header);
            }
            let tokens: Value = app.send(request).await.json();
            let text = tokens["access_token"].as_str().unwrap().to_owned();
            let token = Token { text, client_id: "docs", grant_id: alice.id };
            let at_issuer = redirect_uri.starts_with(&format!("{ISSUER}/"));
            // Reading only: the token has to last for all of them.
            for operation in operations.iter().filter(|operation| operation.method == "GET") {
                let answer = operation.call(&app, &token).await;
                let expected = match operation.needs() {
                    Needs::OpenId => 200,
                    Needs::Account if at_issuer => 200,
                    Needs::Account | Needs::Issuer => 401,
                };
                let at = format!("{redirect_uri} of {} at {}", client.client_id(), operation.path);
                assert_eq!(judged(&answer), expected, "{at}: {}", answer.body);
                cells += 1;
            }
        }
    }
    codes.sort();
    assert_eq!(codes, ["docs", "tasks-web"], "the others must ask the person first");
    println!("{cells} cells: codes of {codes:?}");
}
