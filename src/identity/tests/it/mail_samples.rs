//! Every mail in every language, as `/dev/mail` shows it.

use postern_identity::mail::samples;

use crate::{person::open, support::TestApp};

#[tokio::test]
async fn every_mail_renders_in_every_language_and_lacks_no_text() {
    let test = TestApp::new().await;
    let samples = samples::render_all(&test.app, &test.app.templates).unwrap();
    let languages = test.app.templates.languages();
    assert!(samples.len() >= 10 * languages.len(), "{}", samples.len());
    for sample in &samples {
        let parts = [&sample.text.subject, &sample.text.text, &sample.text.html];
        for part in parts {
            assert!(!part.trim().is_empty(), "{sample:?}");
            // A key without a message is shown as itself.
            let mut words = part.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            let key = words.find(|word| word.starts_with("mail-"));
            assert!(key.is_none(), "{} in {} lacks {key:?}", sample.template, sample.language);
        }
        assert!(!sample.text.subject.contains('\n'), "{sample:?}");
    }
    let mut subjects: Vec<_> = samples.iter().map(|sample| &sample.text.subject).collect();
    subjects.sort_unstable();
    subjects.dedup();
    assert_eq!(subjects.len(), samples.len(), "every language has its own subject");
}

#[tokio::test]
async fn where_mail_is_kept_in_memory_every_mail_can_be_looked_at() {
    let test = TestApp::new().await;
    let browser = test.browser();
    let page = open(&browser, "/dev/mail").await;
    assert_eq!(page.title(), "Mails");
    assert!(page.text("main").contains("Ein Wiederherstellungscode Ihres Kontos wurde benutzt"));
    let mail = browser.get("/dev/mail/account-closed/de").await;
    assert!(mail.status == 200 && mail.body.contains("Konto behalten"), "{}", mail.body);
    let policy = mail.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("sandbox"), "{policy}");
    for path in ["/dev/mail/account-closed/fr", "/dev/mail/layout/en", "/dev/mail/..%2Fpages%2Flogin/en"] {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn where_mail_is_sent_no_sample_is_shown() {
    let smtp = [("POSTERN_MAIL__SMTP_HOST", "localhost"), ("POSTERN_MAIL__SMTP_TLS", "none")];
    let test = TestApp::with(&smtp).await;
    for path in ["/dev/mail", "/dev/mail/account-closed/en", "/dev/inbox"] {
        assert_eq!(test.get(path).await.status, 404, "{path}");
    }
}
