//! Defines [`Hasher`]: Argon2id on threads of its own, no more than there are cores.
//!
//! Each thread keeps the memory of its hashes, because getting it anew would take longer than filling it. What waits is
//! bounded by what can be served soon; who finds the queue full is told at once.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use argon2::{
    Algorithm, Argon2, Block, Params, PasswordHash, Version,
    password_hash::phc::{Output, ParamsString, Salt},
};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::{config::PasswordSettings, crypto, pool::Busy};

/// Waiting hashes per core: about a second's work.
const QUEUE_PER_CORE: usize = 32;
const SALT_LENGTH: usize = 16;
const OUTPUT_LENGTH: usize = 32;
/// What a stored hash may cost at most: one that was imported is not to stop the service.
const MOST_MEMORY_KIB: u32 = 256 * 1024;
const MOST_ITERATIONS: u32 = 16;

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
    /// The one, hashed with other parameters.
    Outdated,
}

/// Hashes passwords and compares them.
#[derive(Debug)]
pub struct Hasher {
    queue: SyncSender<Work>,
    parameters: Params,
}

type Work = Box<dyn FnOnce(&mut Arena) + Send>;

/// The memory of one thread.
#[derive(Default)]
struct Arena(Vec<Block>);

impl Hasher {
    /// Starts the threads. They end with it.
    pub fn new(settings: &PasswordSettings) -> Result<Self, HashError> {
        let PasswordSettings { memory_kib, iterations, parallelism, .. } = *settings;
        let parameters = Params::new(memory_kib, iterations, parallelism, Some(OUTPUT_LENGTH))?;
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let (queue, waiting) = sync_channel(cores * QUEUE_PER_CORE);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..cores {
            let waiting = Arc::clone(&waiting);
            thread::Builder::new()
                .name("passwords".to_owned())
                .spawn(move || work(&waiting))
                .map_err(|_| Busy)?;
        }
        Ok(Self { queue, parameters })
    }

    /// A new hash with this salt, as a PHC string.
    pub async fn hash(
        &self,
        password: Zeroizing<String>,
        salt: [u8; SALT_LENGTH],
    ) -> Result<String, HashError> {
        let parameters = self.parameters.clone();
        self.run(move |arena| {
            let output = arena.fill(&parameters, &password, &salt)?;
            written(&parameters, &salt, &output).ok_or(HashError::Stored)
        })
        .await?
    }

    /// Compares a password with a stored hash. Without one it takes as long, and is wrong.
    pub async fn verify(
        &self,
        password: Zeroizing<String>,
        stored: Option<&str>,
    ) -> Result<Verdict, HashError> {
        let stored = stored.map(|stored| Stored::parse(stored).ok_or(HashError::Stored)).transpose()?;
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| Stored::of_nobody(&self.parameters));
        let current = same_cost(&stored.parameters, &self.parameters);
        let same = self
            .run(move |arena| {
                let output = arena.fill(&stored.parameters, &password, &stored.salt)?;
                Ok::<_, HashError>(crypto::equal(&output, &stored.output))
            })
            .await??;
        Ok(match same && known {
            false => Verdict::Wrong,
            true if current => Verdict::Right,
            true => Verdict::Outdated,
        })
    }

    /// Judges a password where hashes are made: its strength takes long to estimate, too.
    pub(super) async fn judge<T: Send + 'static>(
        &self,
        judge: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        self.run(|_| judge()).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Arena) -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let (answer, answered) = oneshot::channel();
        // For who has left nothing is hashed.
        let work: Work = Box::new(move |arena| {
            if !answer.is_closed() {
                drop(answer.send(work(arena)));
            }
        });
        self.queue.try_send(work).map_err(|_full| Busy)?;
        answered.await.map_err(|_| Busy)
    }
}

fn work(waiting: &Mutex<Receiver<Work>>) {
    let mut arena = Arena::default();
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(work) => work(&mut arena),
            // The hasher is gone.
            Err(_) => return,
        }
    }
}

impl Arena {
    fn fill(
        &mut self,
        parameters: &Params,
        password: &str,
        salt: &[u8],
    ) -> Result<[u8; OUTPUT_LENGTH], HashError> {
        let blocks = parameters.block_count();
        if self.0.len() < blocks {
            self.0.resize(blocks, Block::default());
        }
        let mut output = [0; OUTPUT_LENGTH];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters.clone()).hash_password_into_with_memory(
            password.as_bytes(),
            salt,
            &mut output,
            &mut self.0[..blocks],
        )?;
        Ok(output)
    }
}

/// A stored hash, read.
struct Stored {
    parameters: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Stored {
    /// None when it is not one of Argon2id, or costs too much.
    fn parse(text: &str) -> Option<Self> {
        let hash = PasswordHash::new(text).ok()?;
        let parameters = Params::try_from(&hash).ok()?;
        let affordable = parameters.m_cost() <= MOST_MEMORY_KIB && parameters.t_cost() <= MOST_ITERATIONS;
        let (salt, output) = (hash.salt?.as_ref().to_vec(), hash.hash?.as_bytes().to_vec());
        let ours = hash.algorithm.as_str() == "argon2id" && output.len() == OUTPUT_LENGTH;
        (ours && affordable).then_some(Self { parameters, salt, output })
    }

    fn of_nobody(parameters: &Params) -> Self {
        Self { parameters: parameters.clone(), salt: vec![0; SALT_LENGTH], output: vec![0; OUTPUT_LENGTH] }
    }
}

fn same_cost(one: &Params, other: &Params) -> bool {
    let cost = |of: &Params| (of.m_cost(), of.t_cost(), of.p_cost());
    cost(one) == cost(other)
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
