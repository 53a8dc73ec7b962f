//! Defines [`Hasher`]: Argon2id on threads of its own, as many as there are cores.
//!
//! Each thread keeps the memory of its hashes, because allocating it anew takes longer than filling it.

use std::{num::NonZeroUsize, thread};

use argon2::{
    Algorithm, Argon2, Block, Params, PasswordHash, Version,
    password_hash::phc::{Output, ParamsString, Salt},
};
use zeroize::Zeroizing;

use super::{stored::StoredHash, workers::Workers};
use crate::{config::PasswordSettings, pool::Busy};

/// Waiting hashes per core: about a second's work.
const QUEUE_PER_CORE: usize = 32;
const SALT_LENGTH: usize = 16;
const OUTPUT_LENGTH: usize = 32;

/// Why a password was not hashed or verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    #[error(transparent)]
    Busy(#[from] Busy),
    /// A stored hash is malformed, or exceeds the cost limits.
    #[error("a stored password hash cannot be used")]
    UnusableStoredHash,
    /// The settings are outside the range of the algorithm.
    #[error("the parameters are out of range: {0}")]
    Parameters(#[from] argon2::Error),
}

/// The result of verifying a password against a stored hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordVerification {
    Mismatch,
    /// The password matches, and the hash has the current parameters.
    Match,
    /// The password matches, and the hash has other parameters or came from another system.
    NeedsRehash,
}

#[derive(Debug)]
pub struct Hasher {
    workers: Workers<HashMemory>,
    parameters: Params,
}

/// The Argon2 memory of one thread.
#[derive(Debug)]
struct HashMemory {
    blocks: Vec<Block>,
    /// Blocks that are kept between hashes: enough for the current parameters.
    kept_blocks: usize,
}

impl Hasher {
    /// Starts the threads, which end when the hasher is dropped.
    pub fn new(settings: &PasswordSettings) -> Result<Self, HashError> {
        let PasswordSettings { memory_kib, iterations, parallelism, .. } = *settings;
        let parameters = Params::new(memory_kib, iterations, parallelism, Some(OUTPUT_LENGTH))?;
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let arena = || HashMemory { blocks: Vec::new(), kept_blocks: parameters.block_count() };
        let workers = Workers::start("passwords", cores, cores * QUEUE_PER_CORE, arena)?;
        Ok(Self { workers, parameters })
    }

    /// A new hash with this salt, as a PHC string.
    pub async fn hash(
        &self,
        password: Zeroizing<String>,
        salt: [u8; SALT_LENGTH],
    ) -> Result<String, HashError> {
        let parameters = self.parameters.clone();
        self.workers
            .run(move |arena| {
                let mut output = [0; OUTPUT_LENGTH];
                let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters.clone());
                arena.with_blocks(parameters.block_count(), |blocks| {
                    argon2.hash_password_into_with_memory(password.as_bytes(), &salt, &mut output, blocks)
                })?;
                phc_string(&parameters, &salt, &output).ok_or(HashError::UnusableStoredHash)
            })
            .await?
    }

    /// Verifies a password against a stored hash. Without a stored hash the call takes as long as with a
    /// current one, and the result is a mismatch.
    ///
    /// An imported hash takes as long as its own parameters say, until the first right password replaces it.
    pub async fn verify(
        &self,
        password: Zeroizing<String>,
        stored: Option<&str>,
    ) -> Result<PasswordVerification, HashError> {
        let stored = stored
            .map(|stored| StoredHash::parse(stored).map_err(|_| HashError::UnusableStoredHash))
            .transpose()?;
        let known = stored.is_some();
        let stored =
            stored.unwrap_or_else(|| StoredHash::decoy(&self.parameters, SALT_LENGTH, OUTPUT_LENGTH));
        let current = stored.matches_parameters(&self.parameters);
        let same = self
            .workers
            .run(move |arena| arena.with_blocks(stored.blocks(), |blocks| stored.matches(&password, blocks)));
        let same = same.await??;
        Ok(match same && known {
            false => PasswordVerification::Mismatch,
            true if current => PasswordVerification::Match,
            true => PasswordVerification::NeedsRehash,
        })
    }

    /// Runs an assessment of a password that is to be set, on the same threads and in the same queue as the
    /// hashing.
    pub async fn run_assessment<T: Send + 'static>(
        &self,
        judge: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        self.workers.run(|_| judge()).await
    }
}

impl HashMemory {
    /// Runs `work` with this many blocks. Memory that an imported hash needs beyond the kept blocks is freed
    /// at once.
    fn with_blocks<T>(&mut self, blocks: usize, work: impl FnOnce(&mut [Block]) -> T) -> T {
        if self.blocks.len() < blocks {
            self.blocks.resize(blocks, Block::default());
        }
        let done = work(&mut self.blocks[..blocks]);
        if self.blocks.len() > self.kept_blocks {
            self.blocks.truncate(self.kept_blocks);
            self.blocks.shrink_to_fit();
        }
        done
    }
}

fn phc_string(parameters: &Params, salt: &[u8], output: &[u8]) -> Option<String> {
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(parameters).ok()?,
        salt: Some(Salt::new(salt).ok()?),
        hash: Some(Output::new(output).ok()?),
    };
    Some(hash.to_string())
}
