//! Defines by which algorithms the ID tokens and userinfo responses of a client are signed (OpenID Connect Dynamic
//! Client Registration section 2).

use postern_token_verifier::Algorithm;

use super::{ClientMetadata, ClientMetadataChange};
use crate::administration::{ChangeError, parse_signing_algorithm};

impl ClientMetadata {
    pub(super) fn replace_algorithms(
        &mut self,
        id_token: Option<String>,
        userinfo: Option<String>,
    ) -> Result<(), ChangeError> {
        if let Some(word) = id_token {
            self.id_token_signed_response_alg = parse("id_token_signed_response_alg", &word)?;
        }
        if let Some(word) = userinfo {
            self.userinfo_signed_response_alg = parse("userinfo_signed_response_alg", &word)?;
        }
        Ok(())
    }
}

impl ClientMetadataChange {
    /// The algorithms that the change names, which need keys.
    pub(in crate::administration) fn signing_algorithms(&self) -> Result<Vec<Algorithm>, ChangeError> {
        let mut named = ClientMetadata::new("");
        named.replace_algorithms(
            self.id_token_signed_response_alg.clone(),
            self.userinfo_signed_response_alg.clone(),
        )?;
        let algorithms = [named.id_token_signed_response_alg, named.userinfo_signed_response_alg];
        Ok(algorithms.into_iter().flatten().collect())
    }
}

/// None for the empty text, which removes the setting.
fn parse(field: &'static str, word: &str) -> Result<Option<Algorithm>, ChangeError> {
    if word.is_empty() { Ok(None) } else { parse_signing_algorithm(field, word).map(Some) }
}
