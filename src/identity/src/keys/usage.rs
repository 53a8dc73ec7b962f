//! Answers which algorithms are in use, so that no others have keys.
//!
//! RS256 is always in use, because every OpenID Provider supports it (OpenID Connect Core section 15.1). So are the
//! issuer's own algorithm and those that a client or a resource names. The database is asked, not the memory of
//! this node, so that a fresh change counts.

use std::collections::HashSet;

use postern_entities::{clients, resources};
use postern_service::database::DatabaseError;
use postern_token_verifier::Algorithm;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::core::Core;

/// The algorithms that need keys.
pub(super) async fn algorithms_in_use(core: &Core) -> Result<HashSet<Algorithm>, DatabaseError> {
    use clients::Column::{IdTokenSignedResponseAlg, UserinfoSignedResponseAlg};
    let mut names = named::<clients::Entity>(core, IdTokenSignedResponseAlg).await?;
    names.extend(named::<clients::Entity>(core, UserinfoSignedResponseAlg).await?);
    names.extend(named::<resources::Entity>(core, resources::Column::SigningAlgorithm).await?);
    let named = Algorithm::ALL.into_iter().filter(|algorithm| names.contains(algorithm.name()));
    Ok(named.chain([Algorithm::Rs256, core.config.keys.algorithm]).collect())
}

/// The values of a column, each once.
async fn named<E: EntityTrait>(core: &Core, column: E::Column) -> Result<HashSet<String>, DatabaseError> {
    let values = E::find().select_only().column(column).distinct().filter(column.is_not_null());
    let values: Vec<String> = values.into_tuple().all(core.db.reader()).await?;
    Ok(values.into_iter().collect())
}
