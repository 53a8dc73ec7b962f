//! Which pages of other origins may read an answer (the Fetch standard's CORS protocol).

use poem::http::Method;
use postern_identity::{
    administration::{clients, metadata::ClientMetadataChange},
    clients::ClientAuthMethod,
    core::RequestContext,
};

use crate::{
    flow::list,
    seeds::Seeds,
    support::{Answer, TestApp, form_request},
};

const DOCUMENTS: [&str; 3] = [
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/.well-known/jwks.json",
];
const PROTOCOL: [&str; 3] = ["/oauth2/token", "/oauth2/userinfo", "/oauth2/revoke"];
/// Registered by a public client, and by a confidential one.
const KNOWN: &str = "https://mobile.example.test";
const CONFIDENTIAL: &str = "https://web.example.test";
const STRANGER: &str = "https://evil.example.test";

async fn ask(app: &TestApp, method: Method, path: &str, origin: &str) -> Answer {
    let mut request = form_request(path, &[("grant_type", "client_credentials")]);
    request.set_method(method.clone());
    if !origin.is_empty() {
        request.headers_mut().insert("origin", origin.parse().unwrap());
    }
    if method == Method::OPTIONS {
        request.headers_mut().insert("access-control-request-method", "POST".parse().unwrap());
        request.headers_mut().insert("access-control-request-headers", "content-type,dpop".parse().unwrap());
    }
    app.send(request).await
}

/// The origin that an answer lets read it.
async fn allowed(app: &TestApp, path: &str, origin: &str) -> String {
    let preflight = ask(app, Method::OPTIONS, path, origin).await;
    preflight.header("access-control-allow-origin").to_owned()
}

#[tokio::test]
async fn metadata_and_keys_are_read_by_every_page() {
    let seeds = Seeds::new().await;
    for path in DOCUMENTS {
        for origin in [KNOWN, STRANGER, "null", ""] {
            let answer = ask(&seeds.app, Method::GET, path, origin).await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.header("access-control-allow-origin"), "*", "{path} {origin:?}");
            assert!(answer.header("access-control-expose-headers").contains("ETag"));
            assert_eq!(answer.header("access-control-allow-credentials"), "");
            assert_eq!(answer.header("vary"), "", "one answer for all, so that caches keep one");
        }
        let preflight = ask(&seeds.app, Method::OPTIONS, path, STRANGER).await;
        assert_eq!(preflight.status, 204, "{path}");
        assert_eq!(preflight.header("access-control-allow-origin"), "*");
        assert_eq!(preflight.header("access-control-allow-methods"), "GET");
        assert_eq!(preflight.header("access-control-allow-headers"), "*");
    }
}

#[tokio::test]
async fn origins_of_public_clients_read_the_protocol_and_others_do_not() {
    let seeds = Seeds::new().await;
    let app = &seeds.app;
    for path in PROTOCOL {
        let preflight = ask(app, Method::OPTIONS, path, KNOWN).await;
        assert_eq!(preflight.status, 204, "{path}");
        assert_eq!(preflight.header("access-control-allow-origin"), KNOWN);
        assert_eq!(preflight.header("access-control-allow-methods"), "GET, POST");
        assert_eq!(preflight.header("access-control-allow-headers"), "authorization, content-type, dpop");
        assert_eq!(preflight.header("access-control-allow-credentials"), "");
        assert_eq!(preflight.header("vary"), "Origin");
        for foreign in [CONFIDENTIAL, STRANGER, "null"] {
            let preflight = ask(app, Method::OPTIONS, path, foreign).await;
            assert_eq!(preflight.header("access-control-allow-origin"), "", "{path} {foreign}");
            assert_eq!(preflight.header("access-control-allow-methods"), "", "{path} {foreign}");
            assert_eq!(preflight.header("vary"), "Origin");
        }
    }
    let failed = ask(app, Method::POST, "/oauth2/token", KNOWN).await;
    assert_eq!((failed.status.as_u16(), failed.header("access-control-allow-origin")), (401, KNOWN));
    assert_eq!(failed.header("vary"), "Origin");
    let exposed = failed.header("access-control-expose-headers");
    for header in ["DPoP-Nonce", "WWW-Authenticate", "Retry-After"] {
        assert!(exposed.contains(header), "{header} in {exposed}");
    }
    let strangers = ask(app, Method::POST, "/oauth2/token", STRANGER).await;
    assert_eq!((strangers.status.as_u16(), strangers.header("access-control-allow-origin")), (401, ""));
}

#[tokio::test]
async fn nobody_reads_the_authorization_endpoint_or_introspection() {
    let seeds = Seeds::new().await;
    for path in
        ["/oauth2/authorize", "/oauth2/introspect", "/oauth2/logout", "/login", "/api/account/profile"]
    {
        for method in [Method::OPTIONS, Method::GET, Method::POST] {
            let answer = ask(&seeds.app, method, path, KNOWN).await;
            assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
        }
    }
}

#[tokio::test]
async fn a_redirect_uri_of_a_public_client_makes_its_origin_known() {
    let app = TestApp::empty().await;
    let public = |uris: &[&str]| ClientMetadataChange {
        redirect_uris: list(uris),
        token_endpoint_auth_method: Some(ClientAuthMethod::None),
        ..ClientMetadataChange::default()
    };
    let spa = [
        "https://spa.example.test/cb",
        "https://spa.example.test:8443/cb?x=1",
        "http://localhost:5173/",
        "com.example.app:/cb",
    ];
    app.client("spa", public(&spa)).await;
    app.client("native", public(&["http://127.0.0.1/cb", "http://[::1]:9/cb"])).await;
    let confidential =
        ClientMetadataChange { redirect_uris: list(&["https://rp.test/cb"]), ..Default::default() };
    app.client("rp", confidential).await;
    for path in PROTOCOL {
        for origin in [
            "https://spa.example.test",
            "https://spa.example.test:8443",
            "http://localhost:5173",
            "http://127.0.0.1",
            "http://127.0.0.1:49152",
            "http://[::1]:49152",
            "http://localhost",
            "http://localhost:5174",
        ] {
            assert_eq!(allowed(&app, path, origin).await, origin, "{path}");
        }
        for origin in [
            "https://rp.test",
            "http://spa.example.test",
            "https://spa.example.test:444",
            "https://localhost:5173",
            "http://localhost.evil.test",
            "http://app.localhost:5173",
            "https://127.0.0.1",
            "http://127.0.0.1.evil.test",
            "com.example.app:",
            "null",
        ] {
            assert_eq!(allowed(&app, path, origin).await, "", "{path} {origin}");
        }
    }
    clients::set_enabled(&app.app, "spa", false, &RequestContext::of_command(&app.app)).await.unwrap();
    assert_eq!(allowed(&app, "/oauth2/token", "https://spa.example.test").await, "", "it is disabled");
}

#[tokio::test]
async fn first_party_origins_alone_call_the_first_party_api_with_credentials() {
    let app = TestApp::empty().await;
    let public = |uri: &str, origins: &[&str], first_party| ClientMetadataChange {
        redirect_uris: list(&[uri]),
        origins: list(origins),
        first_party: Some(first_party),
        token_endpoint_auth_method: Some(ClientAuthMethod::None),
        ..ClientMetadataChange::default()
    };
    app.client("own", public("https://own.test/cb", &["https://app.own.test"], true)).await;
    app.client("other", public("https://other.test/cb", &["https://app.other.test"], false)).await;
    let path = "/api/auth/code/request";
    let preflight = ask(&app, Method::OPTIONS, path, "https://app.own.test").await;
    assert_eq!(preflight.header("access-control-allow-origin"), "https://app.own.test");
    assert_eq!(preflight.header("access-control-allow-credentials"), "true");
    assert_eq!(preflight.header("vary"), "Origin");
    // With credentials, an origin counts only where somebody has written it down as one.
    for origin in ["https://own.test", "https://app.other.test", "https://other.test", STRANGER, "null"] {
        let preflight = ask(&app, Method::OPTIONS, path, origin).await;
        assert_eq!(preflight.header("access-control-allow-origin"), "", "{origin}");
        assert_eq!(preflight.header("access-control-allow-credentials"), "", "{origin}");
    }
}
