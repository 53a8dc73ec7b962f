//! Answers whether a password is known from a breach of another service, offline and from a local file.
//!
//! The file holds the first 64 bits of SHA-1 hashes, sorted, each once; [`build`] makes it from a public
//! dump. Two passwords share these bits by chance once in 2^64 pairs: with 10^9 entries one good password in
//! 1.8 * 10^10 is refused. The file is read by position and never as a whole; the operating system caches the
//! pages that are used.
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
const ENTRY_BYTES: usize = 8;
const HEADER_BYTES: usize = 32;
/// Entries that are read at once: one page of memory.
const BLOCK_ENTRIES: u64 = 512;
/// Entries whose order is checked when a file is opened.
const SAMPLES: u64 = 1024;

#[derive(Debug)]
pub struct BreachedPasswords {
    file: File,
    count: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum BreachedError {
    #[error("`password.breached_file`: {path} cannot be read")]
    Unreadable { path: PathBuf, source: io::Error },
    /// The file was not made by [`build`], or is damaged.
    #[error(
        "`password.breached_file`: {path} is not a file that `postern passwords build` made, or it is damaged: {rule}"
    )]
    Malformed {
        path: PathBuf,
        /// The property that the file lacks.
        rule: &'static str,
    },
}

impl BreachedPasswords {
    /// Opens a file, and checks its header, its size and the order of a sample of its entries.
    pub fn open(path: &Path) -> Result<Self, BreachedError> {
        let unreadable = |source| BreachedError::Unreadable { path: path.to_owned(), source };
        let malformed = |rule| BreachedError::Malformed { path: path.to_owned(), rule };
        let file = File::open(path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        let mut header = [0; HEADER_BYTES];
        match file.read_exact_at(&mut header, 0) {
            Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(malformed("it is too short"));
            }
            read => read.map_err(unreadable)?,
        }
        let count = parse_header(&header).map_err(malformed)?;
        if Some(size)
            != count.checked_mul(ENTRY_BYTES as u64).and_then(|bytes| bytes.checked_add(HEADER_BYTES as u64))
        {
            return Err(malformed("its size is not what its head says"));
        }
        let breached = Self { file, count };
        if !breached.ascends().map_err(unreadable)? {
            return Err(malformed("its entries are not in order"));
        }
        Ok(breached)
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn contains(&self, password: &str) -> io::Result<bool> {
        self.find(entry_of(&sha1(password.as_bytes())))
    }

    /// Interpolation search, because hashes are evenly distributed; every other step halves the range
    /// instead, so that a file with another distribution is searched in few steps too.
    fn find(&self, wanted: u64) -> io::Result<bool> {
        let (mut low, mut high) = (0, self.count);
        let (mut least, mut most) = (0, u64::MAX);
        let mut guess = true;
        while low < high {
            let middle = if guess { interpolate(wanted, least, most, high - low) } else { (high - low) / 2 };
            let begin = low + middle.min(high - low - 1);
            let begin = begin.saturating_sub(BLOCK_ENTRIES / 2).max(low);
            let block = self.read_block(begin, (begin + BLOCK_ENTRIES).min(high))?;
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

    fn read_block(&self, begin: u64, end: u64) -> io::Result<Vec<u64>> {
        let length = usize::try_from(end - begin).map_err(io::Error::other)?;
        let mut bytes = vec![0; length * ENTRY_BYTES];
        self.file.read_exact_at(&mut bytes, HEADER_BYTES as u64 + begin * ENTRY_BYTES as u64)?;
        Ok(bytes.chunks_exact(ENTRY_BYTES).map(entry_of).collect())
    }

    /// Whether a sample from all over the file, each with its neighbour, is in order.
    fn ascends(&self) -> io::Result<bool> {
        let samples = SAMPLES.min(self.count);
        let mut before = 0;
        for sample in 0..samples {
            let at = u128::from(self.count) * u128::from(sample) / u128::from(samples);
            let begin = u64::try_from(at).map_err(io::Error::other)?;
            let pair = self.read_block(begin, (begin + 2).min(self.count))?;
            if pair[0] < before || !pair.is_sorted_by(|one, next| one < next) {
                return Ok(false);
            }
            before = pair[0];
        }
        Ok(true)
    }
}

/// The expected number of entries below `wanted` among `count` evenly distributed ones.
fn interpolate(wanted: u64, least: u64, most: u64, count: u64) -> u64 {
    let (part, whole) = (u128::from(wanted.saturating_sub(least)), u128::from(most - least).max(1));
    u64::try_from(u128::from(count) * part / whole).unwrap_or(count)
}

fn entry_of(hash: &[u8]) -> u64 {
    let mut bytes = [0; ENTRY_BYTES];
    bytes.copy_from_slice(&hash[..ENTRY_BYTES]);
    u64::from_be_bytes(bytes)
}

fn header(count: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..16].copy_from_slice(&MAGIC);
    header[16..20].copy_from_slice(&VERSION.to_le_bytes());
    header[20..24].copy_from_slice(&8_u32.to_le_bytes());
    header[24..].copy_from_slice(&count.to_le_bytes());
    header
}

/// Checks the header and returns the number of entries.
fn parse_header(bytes: &[u8; HEADER_BYTES]) -> Result<u64, &'static str> {
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

    fn file_of(entries: &[u64]) -> BreachedPasswords {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("breached");
        let count = u64::try_from(entries.len()).unwrap();
        let bytes = entries.iter().flat_map(|entry| entry.to_be_bytes());
        fs::write(&path, header(count).into_iter().chain(bytes).collect::<Vec<_>>()).unwrap();
        BreachedPasswords::open(&path).unwrap()
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
