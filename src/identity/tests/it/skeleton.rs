//! What must hold before anything else does.

use postern_identity::config::Config;

use crate::support::TestApp;

#[tokio::test]
async fn an_empty_provider_starts_and_knows_no_path() {
    let app = TestApp::new().await;
    assert_eq!(app.get("/nowhere").await.status, 404);
}

#[test]
fn the_issuer_must_be_an_origin() {
    for issuer in
        ["http://id.example.com", "https://id.example.com/", "https://id.example.com/x", "id", "ftp://a.b"]
    {
        let env = [("POSTERN_ISSUER".into(), issuer.into())];
        let error = Config::load(None, env).unwrap_err().to_string();
        assert!(error.contains("issuer") && error.contains(issuer), "{error}");
    }
    for issuer in
        ["https://id.example.com", "https://id.example.com:8443", "http://localhost:7117", "http://127.0.0.1"]
    {
        assert!(Config::load(None, [("POSTERN_ISSUER".into(), issuer.into())]).is_ok(), "{issuer}");
    }
}
