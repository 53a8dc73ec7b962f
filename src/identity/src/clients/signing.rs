//! Defines by which algorithms the responses to a client are signed.

use postern_entities::clients::Model;
use postern_service::database::DatabaseError;
use postern_token_verifier::Algorithm;

use crate::core::read_json_column;

/// The algorithms that a client is registered for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponseSigning {
    /// Of its ID tokens; none means the issuer's own algorithm.
    pub id_token: Option<Algorithm>,
    /// Of its userinfo responses; none means that they are JSON (OpenID Connect Core section 5.3.2).
    pub userinfo: Option<Algorithm>,
}

impl ResponseSigning {
    pub(super) fn from_row(row: &Model) -> Result<Self, DatabaseError> {
        Ok(Self {
            id_token: read_algorithm(row.id_token_signed_response_alg.as_deref())?,
            userinfo: read_algorithm(row.userinfo_signed_response_alg.as_deref())?,
        })
    }
}

/// Reads a stored algorithm. A word that this version does not know is an error, so that nothing is signed by
/// another algorithm than the registered one.
pub fn read_algorithm(stored: Option<&str>) -> Result<Option<Algorithm>, DatabaseError> {
    stored.map(|word| read_json_column(word.into())).transpose()
}
