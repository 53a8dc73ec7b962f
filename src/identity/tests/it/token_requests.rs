//! What the token endpoint makes of requests that are not what they should be (RFC 6749 sections 3.2 and 5.2), and of
//! clients that are not who they say (section 2.3).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use poem::{Request, http::Method};
use postern_identity::{
    administration::{
        metadata::ClientMetadataChange,
        resources::{self, ResourceChange},
    },
    clients::GrantType,
    core::RequestContext,
};
use serde_json::Value;

use crate::seeds::{Seeds, TASKS, basic, error};

const TOKEN: &str = "/oauth2/token";

async fn send(
    seeds: &Seeds,
    content_type: Option<&str>,
    body: impl Into<poem::Body>,
) -> crate::support::Answer {
    let mut request = Request::builder().method(Method::POST).uri(TOKEN.parse().unwrap());
    if let Some(content_type) = content_type {
        request = request.content_type(content_type);
    }
    seeds.app.send(request.body(body.into())).await
}

#[tokio::test]
async fn a_body_that_is_no_form_is_415() {
    let seeds = Seeds::new().await;
    let form = "grant_type=client_credentials";
    for content_type in [
        None,
        Some("application/json"),
        Some("text/plain"),
        Some("multipart/form-data"),
        Some("application/x-www-form-urlencoded; charset=utf-16"),
    ] {
        let answer = send(&seeds, content_type, form).await;
        assert_eq!(
            (answer.status.as_u16(), error(&answer).as_str()),
            (415, "invalid_request"),
            "{content_type:?}"
        );
    }
    let answer = send(&seeds, Some("Application/X-WWW-Form-Urlencoded; charset=UTF-8"), form).await;
    assert_eq!(answer.status, 401, "the form was read: {}", answer.body);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_413() {
    let seeds = Seeds::new().await;
    let answer = send(&seeds, Some("application/x-www-form-urlencoded"), "a".repeat(64 * 1024 + 1)).await;
    assert_eq!(answer.status, 413);
    let pieces =
        futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(bytes::Bytes::from("a".repeat(4096))));
    let body = poem::Body::from_bytes_stream(futures_util::StreamExt::take(pieces, 32));
    let answer = send(&seeds, Some("application/x-www-form-urlencoded"), body).await;
    assert_eq!(
        (answer.status.as_u16(), error(&answer).as_str()),
        (413, "invalid_request"),
        "of unknown length"
    );
}

#[tokio::test]
async fn a_malformed_form_is_400() {
    let seeds = Seeds::new().await;
    for form in ["grant_type=%", "grant_type=%zz", "grant_type=%ff", "%ff=a", "grant_type=a%00b"] {
        let answer = send(&seeds, Some("application/x-www-form-urlencoded"), form).await;
        assert_eq!((answer.status.as_u16(), error(&answer).as_str()), (400, "invalid_request"), "{form}");
    }
}

#[tokio::test]
async fn a_parameter_may_be_there_once_and_empty_means_absent() {
    let seeds = Seeds::new().await;
    let answer = seeds
        .app
        .post_form(TOKEN, &[("grant_type", "client_credentials"), ("grant_type", "client_credentials")])
        .await;
    assert_eq!(error(&answer), "invalid_request");
    assert!(answer.body.contains("grant_type"), "{}", answer.body);
    let form =
        [("grant_type", "client_credentials"), ("scope", ""), ("scope", "tasks:read"), ("unknown", "x")];
    assert_eq!(seeds.post_as("service", &seeds.service, TOKEN, &form).await.status, 200);
}

#[tokio::test]
async fn a_missing_or_unknown_grant_type_has_its_own_error() {
    let seeds = Seeds::new().await;
    for (grant_type, expected) in [
        ("", "invalid_request"),
        ("password", "unsupported_grant_type"),
        ("implicit", "unsupported_grant_type"),
        ("Client_Credentials", "unsupported_grant_type"),
        ("authorization_code", "unauthorized_client"),
        ("refresh_token", "unauthorized_client"),
    ] {
        let form = [("grant_type", grant_type), ("code", "x"), ("refresh_token", "x")];
        let answer = seeds.post_as("service", &seeds.service, TOKEN, &form).await;
        assert_eq!((answer.status.as_u16(), error(&answer).as_str()), (400, expected), "{grant_type}");
    }
    let answer =
        seeds.app.post_form(TOKEN, &[("grant_type", "authorization_code"), ("client_id", "mobile")]).await;
    assert_eq!(error(&answer), "invalid_request", "code is missing");
    let answer =
        seeds.app.post_form(TOKEN, &[("grant_type", "refresh_token"), ("client_id", "mobile")]).await;
    assert_eq!(error(&answer), "invalid_request", "refresh_token is missing");
}

#[tokio::test]
async fn only_post_is_answered_and_nothing_is_taken_from_the_query() {
    let seeds = Seeds::new().await;
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let request = Request::builder().method(method.clone()).uri(TOKEN.parse().unwrap()).finish();
        let answer = seeds.app.send(request).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "POST"), "{method}");
    }
    let uri = format!("{TOKEN}?client_id=post&client_secret={}&grant_type=client_credentials", seeds.post);
    let answer = seeds.app.post_form(&uri, &[("grant_type", "client_credentials")]).await;
    assert_eq!(error(&answer), "invalid_client");
}

#[tokio::test]
async fn a_client_that_does_not_prove_itself_is_401_and_challenged_if_it_tried_the_header() {
    let seeds = Seeds::new().await;
    let form = [("grant_type", "client_credentials")];
    for (client_id, secret) in
        [("service", "wrong"), ("service", ""), ("nobody", "x"), ("post", &seeds.service), ("mobile", "x")]
    {
        let answer = seeds.post_as(client_id, secret, TOKEN, &form).await;
        assert_eq!((answer.status.as_u16(), error(&answer).as_str()), (401, "invalid_client"), "{client_id}");
        assert_eq!(answer.header("www-authenticate"), "Basic realm=\"Postern\"");
    }
    for (client_id, secret) in [
        ("post", "wrong"),
        ("post", ""),
        ("service", &seeds.post),
        ("mobile", "x"),
        ("", "x"),
        ("service", ""),
    ] {
        let form =
            [("grant_type", "client_credentials"), ("client_id", client_id), ("client_secret", secret)];
        let answer = seeds.app.post_form(TOKEN, &form).await;
        assert_eq!((answer.status.as_u16(), error(&answer).as_str()), (401, "invalid_client"), "{client_id}");
        assert_eq!(answer.header("www-authenticate"), "");
    }
}

/// The method that a client is registered with says what its developer meant to use; libraries send the other one as well.
#[doc(alias = "oidcc-server-client-secret-post")]
#[tokio::test]
async fn a_secret_counts_in_the_header_and_in_the_form_alike() {
    let seeds = Seeds::new().await;
    let tokens = seeds.tokens("openid tasks:read").await;
    for (client_id, secret) in [("web", &seeds.web), ("post", &seeds.post)] {
        let form = [("token", tokens["access_token"].as_str().unwrap())];
        assert_eq!(
            seeds.post_as(client_id, secret, "/oauth2/introspect", &form).await.status,
            200,
            "{client_id}"
        );
        let form = [form[0], ("client_id", client_id), ("client_secret", secret)];
        assert_eq!(seeds.app.post_form("/oauth2/introspect", &form).await.status, 200, "{client_id}");
        let form = [form[0], ("client_id", client_id)];
        assert_eq!(
            seeds.app.post_form("/oauth2/introspect", &form).await.status,
            401,
            "{client_id} without its secret"
        );
    }
}

#[tokio::test]
async fn guessing_a_secret_is_limited_per_source() {
    let seeds = Seeds::with(&[("POSTERN_LIMITS__CLIENT_FAILURES_PER_SOURCE", "3 per 15m per ip")]).await;
    let form = [("grant_type", "client_credentials")];
    for _ in 0..3 {
        assert_eq!(seeds.post_as("service", "wrong", TOKEN, &form).await.status, 401);
    }
    let limited = seeds.post_as("service", "wrong", TOKEN, &form).await;
    assert_eq!((limited.status.as_u16(), limited.header("retry-after")), (429, "900"));
    assert_eq!(error(&limited), "temporarily_unavailable");
}

#[tokio::test]
async fn two_methods_in_one_request_are_refused() {
    let seeds = Seeds::new().await;
    for more in [("client_secret", seeds.service.as_str()), ("client_id", "web")] {
        let form = [("grant_type", "client_credentials"), more];
        let answer = seeds.post_as("service", &seeds.service, TOKEN, &form).await;
        assert_eq!(error(&answer), "invalid_request", "{more:?}");
    }
    let same = [("grant_type", "client_credentials"), ("client_id", "service")];
    assert_eq!(seeds.post_as("service", &seeds.service, TOKEN, &same).await.status, 200);
}

#[tokio::test]
async fn malformed_authorization_headers_are_not_taken_for_none() {
    let seeds = Seeds::new().await;
    let good = basic("service", &seeds.service);
    for value in
        ["Basic", "Basic ", "Basic !!!", "Basic c2VydmljZQ==", "Bearer abc", "Negotiate abc", "Basic JTpg"]
    {
        let mut request = crate::support::form_request(
            TOKEN,
            &[("grant_type", "client_credentials"), ("client_id", "mobile")],
        );
        request.headers_mut().insert("authorization", value.parse().unwrap());
        let answer = seeds.app.send(request).await;
        assert_eq!((answer.status.as_u16(), error(&answer).as_str()), (401, "invalid_client"), "{value}");
    }
    let mut request = crate::support::form_request(TOKEN, &[("grant_type", "client_credentials")]);
    request.headers_mut().append("authorization", good.parse().unwrap());
    request.headers_mut().append("authorization", good.parse().unwrap());
    assert_eq!(error(&seeds.app.send(request).await), "invalid_client");
}

#[tokio::test]
async fn the_header_is_decoded_as_a_form() {
    // RFC 6749 section 2.3.1: the name of this client has characters that must be encoded.
    let seeds = Seeds::new().await;
    let answer = seeds.post_as(TASKS, &seeds.tasks, TOKEN, &[("grant_type", "client_credentials")]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(seeds.access_token(&answer.json()).await.sub, TASKS);
}

/// A header of these credentials as `curl -u` sends them: nothing is encoded but the whole.
fn plain(client_id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{client_id}:{secret}")))
}

async fn service_token(seeds: &Seeds, authorization: &str) -> crate::support::Answer {
    let mut request = crate::support::form_request(TOKEN, &[("grant_type", "client_credentials")]);
    request.headers_mut().insert("authorization", authorization.parse().unwrap());
    seeds.app.send(request).await
}

#[tokio::test]
async fn a_name_with_colons_may_stand_in_the_header_as_it_is() {
    let seeds = Seeds::new().await;
    let answer = service_token(&seeds, &plain(TASKS, &seeds.tasks)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(seeds.access_token(&answer.json()).await.sub, TASKS);

    // Clients whose names begin with each other, and one by which the first colon could be meant.
    let register = async |client_id: &str| {
        let metadata = ClientMetadataChange {
            grant_types: Some(vec![GrantType::ClientCredentials]),
            scopes: Some(vec!["tasks:read".to_owned()]),
            default_scopes: Some(vec!["tasks:read".to_owned()]),
            ..ClientMetadataChange::default()
        };
        seeds.app.client(client_id, metadata).await
    };
    let http = register("http").await;
    let longer = format!("{TASKS}/v1:a");
    resources::add(
        &seeds.app.app,
        &longer,
        ResourceChange::default(),
        &RequestContext::of_command(&seeds.app.app),
    )
    .await
    .unwrap();
    let longer_secret = register(&longer).await;
    for (client_id, secret) in [
        ("http", &http),
        (TASKS, &seeds.tasks),
        (longer.as_str(), &longer_secret),
        ("service", &seeds.service),
    ] {
        for header in [plain(client_id, secret), basic(client_id, secret)] {
            let answer = service_token(&seeds, &header).await;
            assert_eq!(answer.status, 200, "{client_id} {}", answer.body);
            assert_eq!(seeds.access_token(&answer.json()).await.sub, client_id);
        }
        let wrong = service_token(&seeds, &plain(client_id, &format!("{secret}x"))).await;
        assert_eq!((wrong.status.as_u16(), error(&wrong).as_str()), (401, "invalid_client"), "{client_id}");
    }
    let many_colons = service_token(&seeds, &plain(&":".repeat(4000), &seeds.tasks)).await;
    assert_eq!(error(&many_colons), "invalid_client");
}

#[tokio::test]
async fn a_resource_introspects_with_its_name_as_it_is() {
    let seeds = Seeds::new().await;
    let tokens = seeds.tokens("tasks:read").await;
    let form = [("token", tokens["access_token"].as_str().unwrap())];
    let mut request = crate::support::form_request("/oauth2/introspect", &form);
    request.headers_mut().insert("authorization", plain(TASKS, &seeds.tasks).parse().unwrap());
    let answer = seeds.app.send(request).await;
    assert_eq!((answer.status.as_u16(), &answer.json::<Value>()["active"]), (200, &Value::Bool(true)));
}

#[tokio::test]
async fn a_disabled_client_is_no_client() {
    use postern_identity::{administration::clients, core::RequestContext};
    let seeds = Seeds::new().await;
    let tokens = seeds.tokens("openid tasks:read").await;
    clients::set_enabled(&seeds.app.app, "mobile", false, &RequestContext::of_command(&seeds.app.app))
        .await
        .unwrap();
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(error(&seeds.refresh(refresh_token, &[]).await), "invalid_client");
    assert_eq!(seeds.userinfo(tokens["access_token"].as_str().unwrap()).await.status, 401);
    clients::set_enabled(&seeds.app.app, "mobile", true, &RequestContext::of_command(&seeds.app.app))
        .await
        .unwrap();
    assert_eq!(seeds.refresh(refresh_token, &[]).await.status, 200);
}

#[tokio::test]
async fn every_error_is_a_sentence_of_plain_characters() {
    let seeds = Seeds::new().await;
    let form = [("grant_type", "client_credentials"), ("scope", "tasks:read nonsense'`<>")];
    let answer = seeds.post_as("service", &seeds.service, TOKEN, &form).await;
    assert_eq!(error(&answer), "invalid_scope");
    let description = answer.json::<Value>()["error_description"].as_str().unwrap().to_owned();
    assert!(
        description.bytes().all(|byte| matches!(byte, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e)),
        "{description}"
    );
}

/// CA-01: the same refusal wherever a client authenticates.
#[tokio::test]
async fn each_endpoint_refuses_a_client_that_does_not_prove_itself() {
    let seeds = Seeds::new().await;
    for path in [TOKEN, "/oauth2/introspect", "/oauth2/revoke"] {
        let form = [("grant_type", "client_credentials"), ("token", "x")];
        for secret in ["wrong", ""] {
            let answer = seeds.post_as("service", secret, path, &form).await;
            assert_eq!((answer.status.as_u16(), error(&answer).as_str()), (401, "invalid_client"), "{path}");
            assert!(answer.header("www-authenticate").starts_with("Basic "), "{path}");
            let named = [&form[..], &[("client_id", "service"), ("client_secret", secret)]].concat();
            let answer = seeds.app.post_form(path, &named).await;
            assert_eq!((answer.status.as_u16(), error(&answer).as_str()), (401, "invalid_client"), "{path}");
            assert_eq!(answer.header("www-authenticate"), "", "{path}");
        }
        for unproven in [&form[..], &[&form[..], &[("client_id", "service")]].concat()] {
            let answer = seeds.app.post_form(path, unproven).await;
            assert_eq!((answer.status.as_u16(), error(&answer).as_str()), (401, "invalid_client"), "{path}");
        }
    }
}
