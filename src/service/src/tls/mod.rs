//! Reads the PEM files of TLS (RFC 7468): the certificate and key of the listener, and extra trust anchors of
//! outbound fetches.
//!
//! Every error names the setting that must change, because one file may be fine only until it meets the
//! other.

mod local;

use std::{
    fs,
    path::{Path, PathBuf},
};

use rustls::{
    Error, InconsistentKeys,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};

pub use self::local::{LocalCertificate, LocalCertificateError, remains_valid};
use crate::settings::HttpSettings;

const CERTIFICATE: &str = "http.tls_certificate";
const KEY: &str = "http.tls_key";

const NO_CERTIFICATE: &str = "must contain certificates in PEM, that of this server first";
const NO_TRUST_ANCHOR: &str = "must contain certificates in PEM";
const NO_KEY: &str = "must contain a private key in PEM (PKCS #8, PKCS #1 or SEC 1) that is not encrypted";
const OTHER_KEY: &str = "must be the key of the first certificate in http.tls_certificate";

/// Which setting is wrong, and the rule as a predicate that begins with "must".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{setting}` {rule}")]
pub struct InvalidTlsFile {
    pub setting: &'static str,
    pub rule: String,
}

fn invalid(setting: &'static str, rule: impl Into<String>) -> InvalidTlsFile {
    InvalidTlsFile { setting, rule: rule.into() }
}

/// The two files of `[http]` that switch TLS on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl TlsFiles {
    /// `None` when neither file is set: the listener then speaks plain HTTP.
    pub fn from_settings(settings: &HttpSettings) -> Result<Option<Self>, InvalidTlsFile> {
        match (&settings.tls_certificate, &settings.tls_key) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => {
                Ok(Some(Self { certificate: certificate.clone(), key: key.clone() }))
            }
            (Some(_), None) => Err(invalid(KEY, format!("must be set, because {CERTIFICATE} is set"))),
            (None, Some(_)) => Err(invalid(CERTIFICATE, format!("must be set, because {KEY} is set"))),
        }
    }

    /// Reads both files, and checks that they belong together.
    pub fn load(&self) -> Result<CertifiedKey, InvalidTlsFile> {
        let chain = certificates(&read(CERTIFICATE, &self.certificate)?);
        let chain = chain.ok_or_else(|| invalid(CERTIFICATE, NO_CERTIFICATE))?;
        let key = PrivateKeyDer::from_pem_slice(&read(KEY, &self.key)?);
        let key = key.map_err(|_| invalid(KEY, NO_KEY))?;
        CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(|cause| match cause {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => invalid(KEY, OTHER_KEY),
            Error::InvalidCertificate(_) => invalid(CERTIFICATE, NO_CERTIFICATE),
            // The key is of a kind or size that the library does not use.
            other => invalid(KEY, format!("must be an RSA, ECDSA or Ed25519 key that TLS can use ({other})")),
        })
    }
}

/// Checks the files of the listener as its start does. Settings without TLS are fine.
pub fn check_listener(settings: &HttpSettings) -> Result<(), InvalidTlsFile> {
    match TlsFiles::from_settings(settings)? {
        Some(files) => files.load().map(drop),
        None => Ok(()),
    }
}

/// Reads the PEM file of extra trust anchors that `setting` names, and checks that it contains a certificate.
pub fn read_trust_anchors(setting: &'static str, path: &Path) -> Result<Vec<u8>, InvalidTlsFile> {
    let pem = read(setting, path)?;
    let anchors = certificates(&pem).ok_or_else(|| invalid(setting, NO_TRUST_ANCHOR))?;
    let mut store = rustls::RootCertStore::empty();
    for anchor in anchors {
        store.add(anchor).map_err(|_| invalid(setting, NO_TRUST_ANCHOR))?;
    }
    Ok(pem)
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, InvalidTlsFile> {
    fs::read(path).map_err(|cause| invalid(setting, format!("must be a file that can be read ({cause})")))
}

/// At least one certificate, and no section that is malformed.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
    (!chain.is_empty()).then_some(chain)
}
