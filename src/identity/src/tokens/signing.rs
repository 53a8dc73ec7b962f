//! Signs tokens and other JWTs of this issuer. The only way by which the use cases reach the signing keys.

use postern_token_verifier::Algorithm;
use serde::Serialize;

use super::IssueError;
use crate::{
    App,
    keys::{self, SignError, TokenType},
};

/// Signs claims as a compact JWS (RFC 7515 section 7.1).
///
/// A client can come to this node with an algorithm whose key this node has not loaded yet. The stored keys are then
/// loaded, and a missing key is made.
pub(super) async fn sign(
    app: &App,
    algorithm: Algorithm,
    token_type: TokenType,
    claims: &impl Serialize,
) -> Result<String, IssueError> {
    match app.signing_keys.sign(algorithm, token_type, claims).await {
        Err(SignError::NoKey(_)) => {
            app.reload(keys::TOPIC).await?;
            app.signing_keys.ensure(app, [algorithm]).await?;
            Ok(app.signing_keys.sign(algorithm, token_type, claims).await?)
        }
        signed => Ok(signed?),
    }
}
