//! Defines [`Hasher`]: Argon2id on threads of its own, no more than there are cores.
//!
//! Each thread keeps the memory of its hashes, because getting it anew would take longer than filling it.

use std::{num::NonZeroUsize, thread};

use argon2::{
    Algorithm, Argon2, Block, Params, PasswordHash, Version,
    password_hash::phc::{Output, ParamsString, Salt},
};
use zeroize::Zeroizing;

use super::{stored::Stored, workers::Workers};
use crate::{config::PasswordSettings, pool::Busy};

/// Waiting hashes per core: about a second's work.
const QUEUE_PER_CORE: usize = 32;
const SALT_LENGTH: usize = 16;
const OUTPUT_LENGTH: usize = 32;

/// Why nothing was hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Too many wait.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// A stored hash does not read, or costs more than is allowed.
    #[error("a stored password hash cannot be used")]
    Stored,
    /// The settings are out of the range of the algorithm.
    #[error("the parameters are out of range: {0}")]
    Parameters(#[from] argon2::Error),
}

/// What a password is to a stored hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Another one.
    Wrong,
    /// The one, hashed as the settings say.
    Right,
    /// The one, hashed with other parameters or by another system.
    Outdated,
}

/// Hashes passwords and compares them.
#[derive(Debug)]
pub struct Hasher {
    workers: Workers<Arena>,
    parameters: Params,
}

/// The memory of one thread.
#[derive(Debug)]
struct Arena {
    blocks: Vec<Block>,
    /// So many are kept, enough for hashes of ours.
    kept: usize,
}

impl Hasher {
    /// Starts the threads. They end with it.
    pub fn new(settings: &PasswordSettings) -> Result<Self, HashError> {
        let PasswordSettings { memory_kib, iterations, parallelism, .. } = *settings;
        let parameters = Params::new(memory_kib, iterations, parallelism, Some(OUTPUT_LENGTH))?;
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let arena = || Arena { blocks: Vec::new(), kept: parameters.block_count() };
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
                arena.with(parameters.block_count(), |blocks| {
                    argon2.hash_password_into_with_memory(password.as_bytes(), &salt, &mut output, blocks)
                })?;
                written(&parameters, &salt, &output).ok_or(HashError::Stored)
            })
            .await?
    }

    /// Compares a password with a stored hash. Without one it takes as long as with one of ours, and is wrong.
    ///
    /// One that was imported takes as long as its own parameters say, until the first right password replaces it.
    pub async fn verify(
        &self,
        password: Zeroizing<String>,
        stored: Option<&str>,
    ) -> Result<Verdict, HashError> {
        let stored = stored.map(|stored| Stored::parse(stored).map_err(|_| HashError::Stored)).transpose()?;
        let known = stored.is_some();
        let stored =
            stored.unwrap_or_else(|| Stored::of_nobody(&self.parameters, SALT_LENGTH, OUTPUT_LENGTH));
        let current = stored.current(&self.parameters);
        let same = self
            .workers
            .run(move |arena| arena.with(stored.blocks(), |blocks| stored.matches(&password, blocks)));
        let same = same.await??;
        Ok(match same && known {
            false => Verdict::Wrong,
            true if current => Verdict::Right,
            true => Verdict::Outdated,
        })
    }

    /// Judges a password that is to be set where it is hashed afterwards, with the same bound.
    pub async fn judge<T: Send + 'static>(
        &self,
        judge: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        self.workers.run(|_| judge()).await
    }
}

impl Arena {
    /// Lends so many blocks. What an imported hash takes beyond ours is given back at once.
    fn with<T>(&mut self, blocks: usize, work: impl FnOnce(&mut [Block]) -> T) -> T {
        if self.blocks.len() < blocks {
            self.blocks.resize(blocks, Block::default());
        }
        let done = work(&mut self.blocks[..blocks]);
        if self.blocks.len() > self.kept {
            self.blocks.truncate(self.kept);
            self.blocks.shrink_to_fit();
        }
        done
    }
}

/// As a PHC string.
fn written(parameters: &Params, salt: &[u8], output: &[u8]) -> Option<String> {
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(parameters).ok()?,
        salt: Some(Salt::new(salt).ok()?),
        hash: Some(Output::new(output).ok()?),
    };
    Some(hash.to_string())
}
