//! Answers whether a password is known from a breach of some other service, from a file on this machine and offline.
//!
//! The file holds the first 64 bits of SHA-1 hashes, sorted, each once; [`build`] makes it from a public dump. Two
//! passwords share their bits by chance once in 2^64 pairs, so that with a thousand million entries one good password in
//! 18 thousand million is refused. Read by position, never into memory as a whole: the operating system keeps the pages
//! that are used.
//!
//! ```text
//!   offset 0   16 bytes  "postern breached"
//!         16    4        version, little-endian: 1
//!         20    4        bytes of one entry: 8
//!         24    8        number of entries
//!         32    8 each   entries, big-endian, ascending
//! ```

pub mod build;

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use openssl::sha::sha1;

const MAGIC: [u8; 16] = *b"postern breached";
const VERSION: u32 = 1;
const ENTRY: usize = 8;
const HEADER: usize = 32;
/// Entries that are read at once: one page of memory.
const BLOCK: u64 = 512;
/// Entries that are looked at when a file is opened.
const SAMPLES: u64 = 1024;

/// A file of breached passwords, open for reading.
#[derive(Debug)]
pub struct Breached {
    file: File,
    count: u64,
}

/// Why a file of breached passwords cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BreachedError {
    /// It cannot be read.
    #[error("`password.breached_file`: {path} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what [`build`] makes.
    #[error(
        "`password.breached_file`: {path} is not a file that `postern passwords build` made, or it is damaged: {rule}"
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        rule: &'static str,
    },
}

impl Breached {
    /// Opens a file, and looks at its head, its size and the order of some of its entries.
    pub fn open(path: &Path) -> Result<Self, BreachedError> {
        let unreadable = |source| BreachedError::Unreadable { path: path.to_owned(), source };
        let malformed = |rule| BreachedError::Malformed { path: path.to_owned(), rule };
        let file = File::open(path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        let mut header = [0; HEADER];
        match file.read_exact_at(&mut header, 0) {
            Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(malformed("it is too short"));
            }
            read => read.map_err(unreadable)?,
        }
        let count = parse(&header).map_err(malformed)?;
        if Some(size) != count.checked_mul(ENTRY as u64).and_then(|bytes| bytes.checked_add(HEADER as u64)) {
            return Err(malformed("its size is not what its head says"));
        }
        let breached = Self { file, count };
        if !breached.ascends().map_err(unreadable)? {
            return Err(malformed("its entries are not in order"));
        }
        Ok(breached)
    }

    /// How many entries it has.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether a password is in it.
    pub fn contains(&self, password: &str) -> io::Result<bool> {
        self.find(entry_of(&sha1(password.as_bytes())))
    }

    /// Guesses where an entry is by its value, since hashes are spread evenly, and every other time halves what is left,
    /// so that also a file that is spread otherwise is searched in few steps.
    fn find(&self, wanted: u64) -> io::Result<bool> {
        let (mut low, mut high) = (0, self.count);
        let (mut least, mut most) = (0, u64::MAX);
        let mut guess = true;
        while low < high {
            let middle = if guess { between(wanted, least, most, high - low) } else { (high - low) / 2 };
            let begin = low + middle.min(high - low - 1);
            let begin = begin.saturating_sub(BLOCK / 2).max(low);
            let block = self.block(begin, (begin + BLOCK).min(high))?;
            let (Some(&first), Some(&last)) = (block.first(), block.last()) else { return Ok(false) };
            if wanted < first {
                (high, most) = (begin, first);
            } else if wanted > last {
                (low, least) = (begin + block.len() as u64, last);
            } else {
                return Ok(block.binary_search(&wanted).is_ok());
            }
            guess = !guess;
        }
        Ok(false)
    }

    fn block(&self, begin: u64, end: u64) -> io::Result<Vec<u64>> {
        let length = usize::try_from(end - begin).map_err(io::Error::other)?;
        let mut bytes = vec![0; length * ENTRY];
        self.file.read_exact_at(&mut bytes, HEADER as u64 + begin * ENTRY as u64)?;
        Ok(bytes.chunks_exact(ENTRY).map(entry_of).collect())
    }

    /// Whether entries from all over the file, and the neighbour of each, are in order.
    fn ascends(&self) -> io::Result<bool> {
        let samples = SAMPLES.min(self.count);
        let mut before = 0;
        for sample in 0..samples {
            let at = u128::from(self.count) * u128::from(sample) / u128::from(samples);
            let begin = u64::try_from(at).map_err(io::Error::other)?;
            let pair = self.block(begin, (begin + 2).min(self.count))?;
            if pair[0] < before || !pair.is_sorted_by(|one, next| one < next) {
                return Ok(false);
            }
            before = pair[0];
        }
        Ok(true)
    }
}

/// How many of so many evenly spread entries are before this one.
fn between(wanted: u64, least: u64, most: u64, count: u64) -> u64 {
    let (part, whole) = (u128::from(wanted.saturating_sub(least)), u128::from(most - least).max(1));
    u64::try_from(u128::from(count) * part / whole).unwrap_or(count)
}

/// The first bytes of a hash.
fn entry_of(hash: &[u8]) -> u64 {
    let mut bytes = [0; ENTRY];
    bytes.copy_from_slice(&hash[..ENTRY]);
    u64::from_be_bytes(bytes)
}

fn header(count: u64) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..16].copy_from_slice(&MAGIC);
    header[16..20].copy_from_slice(&VERSION.to_le_bytes());
    header[20..24].copy_from_slice(&8_u32.to_le_bytes());
    header[24..].copy_from_slice(&count.to_le_bytes());
    header
}

/// The number of entries.
fn parse(bytes: &[u8; HEADER]) -> Result<u64, &'static str> {
    let mut count = [0; 8];
    count.copy_from_slice(&bytes[24..]);
    let count = u64::from_le_bytes(count);
    let like = header(count);
    match () {
        () if bytes[..16] != like[..16] => Err("it does not begin with \"postern breached\""),
        () if bytes != &like => Err("it is of another version: build it again"),
        () => Ok(count),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn file_of(entries: &[u64]) -> Breached {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("breached");
        let count = u64::try_from(entries.len()).unwrap();
        let bytes = entries.iter().flat_map(|entry| entry.to_be_bytes());
        fs::write(&path, header(count).into_iter().chain(bytes).collect::<Vec<_>>()).unwrap();
        Breached::open(&path).unwrap()
    }

    #[test]
    fn every_entry_is_found_and_nothing_beside_however_they_are_spread() {
        let even: Vec<u64> = (0..20_000).map(|at| at * (u64::MAX / 20_000)).collect();
        let crowded: Vec<u64> = (0..20_000).map(|at| at * 2 + 1).chain([u64::MAX - 7]).collect();
        let growing: Vec<u64> = (0..63).map(|bits| 1 << bits).collect();
        for entries in [even, crowded, growing, vec![7], Vec::new()] {
            let breached = file_of(&entries);
            for entry in &entries {
                assert!(breached.find(*entry).unwrap(), "{entry}");
                let beside = entry.wrapping_add(1);
                assert_eq!(
                    breached.find(beside).unwrap(),
                    entries.binary_search(&beside).is_ok(),
                    "{beside}"
                );
            }
            for outside in [0, u64::MAX] {
                assert_eq!(breached.find(outside).unwrap(), entries.binary_search(&outside).is_ok());
            }
        }
    }
}
