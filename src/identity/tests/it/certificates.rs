//! The settings that name files of certificates, as an operator checks them, and what outbound calls then trust.

use poem::{EndpointExt as _, endpoint::make_sync};
use postern_service::{listener::Listener, settings::HttpSettings, tls::LocalCertificate};
use tokio_util::sync::CancellationToken;

use crate::{
    commands::{Ended, Shell},
    support::TestApp,
};

const CERTIFICATE: &str = "POSTERN_HTTP__TLS_CERTIFICATE";
const KEY: &str = "POSTERN_HTTP__TLS_KEY";
const ANCHORS: &str = "POSTERN_OUTBOUND__TRUST_ANCHORS";

#[tokio::test]
async fn a_check_of_the_settings_reads_the_certificates() {
    let shell = Shell::empty().await;
    let folder = tempfile::tempdir().unwrap();
    let made = LocalCertificate::create().unwrap();
    let write = |name: &str, contents: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, contents).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (certificate, key) = (write("certificate.pem", &made.certificate), write("key.pem", &made.key));
    let other = write("other.pem", &LocalCertificate::create().unwrap().key);
    let check = |command: &[&str], settings: &[(&str, &str)]| {
        let mut command = shell.command(command);
        command.env("POSTERN_ISSUER", "https://id.example.com").envs(settings.iter().copied());
        Ended::from(command.output().unwrap())
    };
    let good = [(CERTIFICATE, certificate.as_str()), (KEY, &key), (ANCHORS, &certificate)];
    // There is no proxy in front, so none must be named.
    let said = check(&["config", "check"], &good).succeeded();
    assert!(said.starts_with("The settings are good: ") && !said.contains("Warning"), "{said}");
    for (settings, said) in [
        (&[(CERTIFICATE, certificate.as_str())][..], "setting `http.tls_key`"),
        (&[(KEY, &key)], "setting `http.tls_certificate`"),
        (&[(CERTIFICATE, "/nowhere"), (KEY, &key)], "setting `http.tls_certificate` = \"/nowhere\""),
        (&[(CERTIFICATE, &certificate), (KEY, &other)], "must be the key of the first certificate"),
        (&[(ANCHORS, &key)], "setting `outbound.trust_anchors`"),
        (&[(CERTIFICATE, &certificate), (KEY, &key), ("POSTERN_ISSUER", "http://localhost:7117")], "issuer"),
    ] {
        for command in [["config", "check"].as_slice(), &["serve"]] {
            check(command, settings).failed(1, said);
        }
    }
}

#[tokio::test]
async fn outbound_calls_trust_the_anchors_that_a_setting_names() {
    let folder = tempfile::tempdir().unwrap();
    let made = LocalCertificate::create().unwrap();
    let path = |name: &str, contents: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, contents).unwrap();
        path
    };
    let authority = path("ca.pem", &made.authority);
    let allowed = ("POSTERN_OUTBOUND__ALLOW_HOSTS", "localhost");
    let trusting =
        TestApp::with(&[allowed, ("POSTERN_OUTBOUND__TRUST_ANCHORS", authority.to_str().unwrap())]).await;
    let plain = TestApp::with(&[allowed]).await;
    let settings = HttpSettings {
        tls_certificate: Some(path("certificate.pem", &made.certificate)),
        tls_key: Some(path("key.pem", &made.key)),
        ..plain.app.config.http.clone()
    };
    let gateway = Listener::bind("127.0.0.1:0".parse().unwrap(), &settings).await.unwrap();
    let url = format!("https://localhost:{}/", gateway.address().port()).parse().unwrap();
    let stop = CancellationToken::new();
    let _stop = stop.clone().drop_guard();
    tokio::spawn(gateway.serve(make_sync(|_| "taken").map_to_response().boxed(), stop));
    let taken = trusting.app.outbound.post_json(&url, &[], b"{}".to_vec()).await.unwrap();
    assert_eq!(taken.status, 200);
    assert!(plain.app.outbound.post_json(&url, &[], b"{}".to_vec()).await.is_err());
}
