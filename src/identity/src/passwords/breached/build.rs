//! Makes a file of breached passwords from a public dump.
//!
//! Works in bounded memory, whatever the size of the dump: entries are sorted chunk by chunk, and a chunk that begins
//! where the last one ended goes on in the same run, so that a dump that is sorted already is written as it is read.
//! Several runs are merged. The file takes its place only when it is whole.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::{self, File},
    io::{self, BufRead, BufReader, BufWriter, Read, Seek as _, SeekFrom, Write},
    path::{Path, PathBuf},
};

use openssl::sha::sha1;

use super::{ENTRY, HEADER, entry_of, header};

/// Entries that are sorted at once: 128 MiB.
const CHUNK: usize = 16 << 20;
/// Longest line, in bytes.
const LONGEST: u64 = 64 * 1024;

/// What the lines of a dump are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// A SHA-1 hash in hexadecimal, and what follows a colon is left out.
    Sha1,
    /// A password itself.
    Plain,
}

/// What was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Built {
    /// Lines of the dump.
    pub lines: u64,
    /// Entries of the file.
    pub entries: u64,
}

/// Why no file was made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A line is not what it should be.
    #[error(
        "line {line} must begin with a SHA-1 hash of 40 hexadecimal digits (for a list of passwords, give --plain)"
    )]
    Line {
        /// Its number, from 1.
        line: u64,
    },
    /// A line is too long.
    #[error("line {line} must have at most 65536 bytes")]
    Long {
        /// Its number, from 1.
        line: u64,
    },
    /// The dump cannot be read.
    #[error("the dump cannot be read")]
    Read(#[source] io::Error),
    /// The file cannot be written.
    #[error("{path} cannot be written")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Makes `out` from a dump; calls `progress` with the number of lines read, again and again.
pub fn build(
    dump: impl BufRead,
    lines: Lines,
    out: &Path,
    progress: impl FnMut(u64),
) -> Result<Built, BuildError> {
    build_in_chunks(dump, lines, out, CHUNK, progress)
}

fn build_in_chunks(
    mut dump: impl BufRead,
    lines: Lines,
    out: &Path,
    chunk: usize,
    mut progress: impl FnMut(u64),
) -> Result<Built, BuildError> {
    let failed = |source| BuildError::Write { path: out.to_owned(), source };
    let mut runs = Runs::new(out);
    let mut entries = Vec::new();
    let (mut line, mut read) = (Vec::new(), 0);
    while next(&mut dump, &mut line, read + 1)? {
        read += 1;
        entries.extend(entry(&line, lines, read)?);
        if entries.len() >= chunk {
            runs.add(&mut entries).map_err(failed)?;
        }
        if read % 10_000_000 == 0 {
            progress(read);
        }
    }
    runs.add(&mut entries).map_err(failed)?;
    Ok(Built { lines: read, entries: runs.finish(out).map_err(failed)? })
}

/// Reads the next line without its end; false after the last.
fn next(dump: &mut impl BufRead, line: &mut Vec<u8>, number: u64) -> Result<bool, BuildError> {
    line.clear();
    if dump.by_ref().take(LONGEST + 1).read_until(b'\n', line).map_err(BuildError::Read)? == 0 {
        return Ok(false);
    }
    if line.len() as u64 > LONGEST {
        return Err(BuildError::Long { line: number });
    }
    while line.last().is_some_and(|last| b"\r\n".contains(last)) {
        line.pop();
    }
    Ok(true)
}

/// The entry of a line; none of an empty one.
fn entry(line: &[u8], lines: Lines, number: u64) -> Result<Option<u64>, BuildError> {
    if line.is_empty() {
        return Ok(None);
    }
    if lines == Lines::Plain {
        return Ok(Some(entry_of(&sha1(line))));
    }
    let malformed = BuildError::Line { line: number };
    let digits = line.split(|byte| *byte == b':').next().unwrap_or_default();
    let text = std::str::from_utf8(digits)
        .ok()
        .filter(|text| text.len() == 40 && text.bytes().all(|digit| digit.is_ascii_hexdigit()));
    let Some(text) = text else { return Err(malformed) };
    u64::from_str_radix(&text[..2 * ENTRY], 16).map(Some).map_err(|_| malformed)
}

/// Sorted files beside the one that is to be made; they go when this does.
struct Runs {
    stem: PathBuf,
    runs: Vec<Run>,
}

struct Run {
    path: PathBuf,
    file: BufWriter<File>,
    count: u64,
    last: Option<u64>,
}

impl Runs {
    fn new(out: &Path) -> Self {
        Self { stem: out.to_owned(), runs: Vec::new() }
    }

    fn create(&mut self) -> io::Result<&mut Run> {
        let mut name = self.stem.clone().into_os_string();
        name.push(format!(".{}.part", self.runs.len()));
        let path = PathBuf::from(name);
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&path)?;
        // Known before anything is written, so that it goes whatever happens.
        let at = self.runs.len();
        self.runs.push(Run { path, file: BufWriter::new(file), count: 0, last: None });
        let run = &mut self.runs[at];
        run.file.write_all(&[0; HEADER])?;
        Ok(run)
    }

    /// Sorts a chunk into the last run, or into another one.
    fn add(&mut self, entries: &mut Vec<u64>) -> io::Result<()> {
        entries.sort_unstable();
        let follows = |run: &Run| run.last <= entries.first().copied();
        let run = match self.runs.iter().position(|run| entries.is_empty() || follows(run)) {
            Some(at) => &mut self.runs[at],
            None => self.create()?,
        };
        for entry in entries.drain(..) {
            run.push(entry)?;
        }
        Ok(())
    }

    /// Makes one file of all; says how many entries it has.
    fn finish(mut self, out: &Path) -> io::Result<u64> {
        if self.runs.len() > 1 {
            self.merge()?;
        }
        let run = self.runs.last_mut().ok_or_else(|| io::Error::other("nothing was written"))?;
        run.file.seek(SeekFrom::Start(0))?;
        run.file.write_all(&header(run.count))?;
        run.file.flush()?;
        run.file.get_ref().sync_all()?;
        fs::rename(&run.path, out)?;
        Ok(run.count)
    }

    /// Merges all into one more.
    fn merge(&mut self) -> io::Result<()> {
        let mut sources = Vec::new();
        for run in &mut self.runs {
            run.file.flush()?;
            let mut source = BufReader::with_capacity(1 << 20, File::open(&run.path)?);
            source.seek(SeekFrom::Start(HEADER as u64))?;
            sources.push(source);
        }
        let mut heap = BinaryHeap::new();
        for (number, source) in sources.iter_mut().enumerate() {
            heap.extend(pull(source)?.map(|entry| Reverse((entry, number))));
        }
        let merged = self.create()?;
        while let Some(Reverse((entry, number))) = heap.pop() {
            merged.push(entry)?;
            heap.extend(pull(&mut sources[number])?.map(|entry| Reverse((entry, number))));
        }
        Ok(())
    }
}

impl Run {
    /// Writes an entry, once.
    fn push(&mut self, entry: u64) -> io::Result<()> {
        if self.last != Some(entry) {
            self.file.write_all(&entry.to_be_bytes())?;
            self.count += 1;
            self.last = Some(entry);
        }
        Ok(())
    }
}

impl Drop for Runs {
    fn drop(&mut self) {
        for run in &self.runs {
            // The one that took its place is not there any more.
            let _ = fs::remove_file(&run.path);
        }
    }
}

/// The next entry of a run.
fn pull(source: &mut impl Read) -> io::Result<Option<u64>> {
    let mut entry = [0; ENTRY];
    match source.read_exact(&mut entry) {
        Ok(()) => Ok(Some(u64::from_be_bytes(entry))),
        Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(cause) => Err(cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passwords::breached::Breached;

    fn built(words: &[String], chunk: usize) -> (Built, Breached, usize) {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("breached");
        let dump = words.join("\n");
        let built = build_in_chunks(dump.as_bytes(), Lines::Plain, &out, chunk, |_| ()).unwrap();
        (built, Breached::open(&out).unwrap(), fs::read_dir(folder.path()).unwrap().count())
    }

    #[test]
    fn a_dump_larger_than_memory_becomes_the_same_file() {
        let words: Vec<_> = (0..5000).map(|number| format!("word {}", number % 4000)).collect();
        for chunk in [1, 7, 1000, CHUNK] {
            let (built, breached, files) = built(&words, chunk.max(100));
            assert_eq!(built, Built { lines: 5000, entries: 4000 });
            assert_eq!((breached.count(), files), (4000, 1), "no part is left");
            assert!((0..4000).all(|number| breached.contains(&format!("word {number}")).unwrap()));
            assert!((0..4000).all(|number| !breached.contains(&format!("ward {number}")).unwrap()));
        }
    }

    #[test]
    fn a_sorted_dump_is_one_run() {
        let mut hashes: Vec<_> = (0..3000_u32).map(|number| sha1(&number.to_be_bytes())).collect();
        hashes.sort_unstable();
        let dump: String = hashes.iter().map(|hash| format!("{}:3\r\n", crate::crypto::hex(hash))).collect();
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("breached");
        let mut runs = Runs::new(&out);
        for chunk in dump.lines().collect::<Vec<_>>().chunks(100) {
            let entries = chunk.iter().map(|line| entry(line.as_bytes(), Lines::Sha1, 1).unwrap().unwrap());
            runs.add(&mut entries.collect()).unwrap();
        }
        assert_eq!(runs.runs.len(), 1);
        assert_eq!(runs.finish(&out).unwrap(), 3000);
        assert!(Breached::open(&out).unwrap().find(entry_of(&hashes[77])).unwrap());
    }
}
