//! Defines the certificate of `postern dev --tls`: made once, and kept in the data folder, so that it needs to
//! be trusted only once. `--fresh` keeps it too.

use std::{
    fs,
    path::{Path, PathBuf},
};

use postern_service::tls::{LocalCertificate, TlsFiles, remains_valid};

use super::secrets::write_for_owner;
use crate::cli::error::CommandError;

/// The files of the certificate, with absolute paths: other programs read them too.
pub(super) struct DevCertificate {
    pub(super) authority: PathBuf,
    pub(super) files: TlsFiles,
}

impl DevCertificate {
    /// Uses the kept certificate, or makes one if none is kept or its time is almost over.
    pub(super) fn load_or_create(data: &Path) -> Result<Self, CommandError> {
        let data = fs::canonicalize(data)?;
        let certificate =
            TlsFiles { certificate: data.join("dev-tls.pem"), key: data.join("dev-tls-key.pem") };
        let kept = Self { authority: data.join("dev-tls-ca.pem"), files: certificate };
        if !kept.usable() {
            let made = LocalCertificate::create().map_err(|cause| CommandError::Failed(cause.to_string()))?;
            // No secret: programs of other users, such as a web server, trust it too.
            fs::write(&kept.authority, &made.authority)?;
            write_for_owner(&kept.files.certificate, &made.certificate)?;
            write_for_owner(&kept.files.key, &made.key)?;
        }
        Ok(kept)
    }

    fn usable(&self) -> bool {
        let valid = fs::read(&self.files.certificate).is_ok_and(|certificate| remains_valid(&certificate));
        valid && self.authority.is_file() && self.files.load().is_ok()
    }
}
