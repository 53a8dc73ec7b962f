//! Defines how a file of breached passwords is built from a public dump.
//!
//! The build has bounded memory, whatever the size of the dump. Entries are sorted chunk by chunk into runs.
//! A chunk that begins where a run ended extends that run, so that a sorted dump becomes one run that is
//! written as it is read. Several runs are merged. The output appears under its final name only when it is
//! complete.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::{self, File},
    io::{self, BufRead, BufReader, BufWriter, Read, Seek as _, SeekFrom, Write},
    path::{Path, PathBuf},
};

use openssl::sha::sha1;

use super::{ENTRY_BYTES, HEADER_BYTES, entry_of, header};

/// Entries that are sorted at once: 128 MiB.
const CHUNK: usize = 16 << 20;
/// Bytes of a line.
const LONGEST: u64 = 64 * 1024;

/// The format of a dump's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpFormat {
    /// A SHA-1 hash in hexadecimal; a colon and the text after it are ignored.
    Sha1,
    /// A password in plain text.
    Plain,
}

/// The result of a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildSummary {
    pub lines: u64,
    pub entries: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A line does not begin with a SHA-1 hash.
    #[error(
        "line {line} must begin with a SHA-1 hash of 40 hexadecimal digits (for a list of passwords, give --plain)"
    )]
    MalformedLine {
        /// Line number, from 1.
        line: u64,
    },
    #[error("line {line} must have at most 65536 bytes")]
    LineTooLong {
        /// Line number, from 1.
        line: u64,
    },
    #[error("the dump cannot be read")]
    Read(#[source] io::Error),
    #[error("{path} cannot be written")]
    Write { path: PathBuf, source: io::Error },
}

/// Builds `out` from a dump. Calls `progress` repeatedly with the number of lines read.
pub fn build(
    dump: impl BufRead,
    lines: DumpFormat,
    out: &Path,
    progress: impl FnMut(u64),
) -> Result<BuildSummary, BuildError> {
    build_in_chunks(dump, lines, out, CHUNK, progress)
}

fn build_in_chunks(
    mut dump: impl BufRead,
    lines: DumpFormat,
    out: &Path,
    chunk: usize,
    mut progress: impl FnMut(u64),
) -> Result<BuildSummary, BuildError> {
    let failed = |source| BuildError::Write { path: out.to_owned(), source };
    let mut runs = Runs::new(out);
    let mut entries = Vec::new();
    let (mut line, mut read) = (Vec::new(), 0);
    while next_line(&mut dump, &mut line, read + 1)? {
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
    Ok(BuildSummary { lines: read, entries: runs.finish(out).map_err(failed)? })
}

/// Reads the next line without its line ending; false at the end.
fn next_line(dump: &mut impl BufRead, line: &mut Vec<u8>, number: u64) -> Result<bool, BuildError> {
    line.clear();
    if dump.by_ref().take(LONGEST + 1).read_until(b'\n', line).map_err(BuildError::Read)? == 0 {
        return Ok(false);
    }
    if line.len() as u64 > LONGEST {
        return Err(BuildError::LineTooLong { line: number });
    }
    while line.last().is_some_and(|last| b"\r\n".contains(last)) {
        line.pop();
    }
    Ok(true)
}

/// The entry of a line; none for an empty one.
fn entry(line: &[u8], lines: DumpFormat, number: u64) -> Result<Option<u64>, BuildError> {
    if line.is_empty() {
        return Ok(None);
    }
    if lines == DumpFormat::Plain {
        return Ok(Some(entry_of(&sha1(line))));
    }
    let malformed = BuildError::MalformedLine { line: number };
    let digits = line.split(|byte| *byte == b':').next().unwrap_or_default();
    let text = std::str::from_utf8(digits)
        .ok()
        .filter(|text| text.len() == 40 && text.bytes().all(|digit| digit.is_ascii_hexdigit()));
    let Some(text) = text else { return Err(malformed) };
    u64::from_str_radix(&text[..2 * ENTRY_BYTES], 16).map(Some).map_err(|_| malformed)
}

/// Sorted temporary files beside the output; removed when this value is dropped.
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
        // Registered before anything is written, so that the file is removed on every error.
        let at = self.runs.len();
        self.runs.push(Run { path, file: BufWriter::new(file), count: 0, last: None });
        let run = &mut self.runs[at];
        run.file.write_all(&[0; HEADER_BYTES])?;
        Ok(run)
    }

    /// Sorts a chunk and appends it to a run that it follows, or to a new run.
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

    /// Merges the runs into the output and returns its number of entries.
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

    /// Merges all runs into a new one.
    fn merge(&mut self) -> io::Result<()> {
        let mut sources = Vec::new();
        for run in &mut self.runs {
            run.file.flush()?;
            let mut source = BufReader::with_capacity(1 << 20, File::open(&run.path)?);
            source.seek(SeekFrom::Start(HEADER_BYTES as u64))?;
            sources.push(source);
        }
        let mut heap = BinaryHeap::new();
        for (number, source) in sources.iter_mut().enumerate() {
            heap.extend(next_entry(source)?.map(|entry| Reverse((entry, number))));
        }
        let merged = self.create()?;
        while let Some(Reverse((entry, number))) = heap.pop() {
            merged.push(entry)?;
            heap.extend(next_entry(&mut sources[number])?.map(|entry| Reverse((entry, number))));
        }
        Ok(())
    }
}

impl Run {
    /// Writes an entry unless it equals the one before.
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
            // The run that became the output does not exist under this name any more.
            let _ = fs::remove_file(&run.path);
        }
    }
}

/// The next entry of a run; none at the end.
fn next_entry(source: &mut impl Read) -> io::Result<Option<u64>> {
    let mut entry = [0; ENTRY_BYTES];
    match source.read_exact(&mut entry) {
        Ok(()) => Ok(Some(u64::from_be_bytes(entry))),
        Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(cause) => Err(cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passwords::breached::BreachedPasswords;

    fn built(words: &[String], chunk: usize) -> (BuildSummary, BreachedPasswords, usize) {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("breached");
        let dump = words.join("\n");
        let built = build_in_chunks(dump.as_bytes(), DumpFormat::Plain, &out, chunk, |_| ()).unwrap();
        (built, BreachedPasswords::open(&out).unwrap(), fs::read_dir(folder.path()).unwrap().count())
    }

    #[test]
    fn a_dump_larger_than_memory_becomes_the_same_file() {
        let words: Vec<_> = (0..5000).map(|number| format!("word {}", number % 4000)).collect();
        for chunk in [1, 7, 1000, CHUNK] {
            let (built, breached, files) = built(&words, chunk.max(100));
            assert_eq!(built, BuildSummary { lines: 5000, entries: 4000 });
            assert_eq!((breached.count(), files), (4000, 1), "no part is left");
            assert!((0..4000).all(|number| breached.contains(&format!("word {number}")).unwrap()));
            assert!((0..4000).all(|number| !breached.contains(&format!("ward {number}")).unwrap()));
        }
    }

    #[test]
    fn a_sorted_dump_is_one_run() {
        let mut hashes: Vec<_> = (0..3000_u32).map(|number| sha1(&number.to_be_bytes())).collect();
        hashes.sort_unstable();
        let dump: String =
            hashes.iter().map(|hash| format!("{}:3\r\n", crate::crypto::encode_hex(hash))).collect();
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("breached");
        let mut runs = Runs::new(&out);
        for chunk in dump.lines().collect::<Vec<_>>().chunks(100) {
            let entries =
                chunk.iter().map(|line| entry(line.as_bytes(), DumpFormat::Sha1, 1).unwrap().unwrap());
            runs.add(&mut entries.collect()).unwrap();
        }
        assert_eq!(runs.runs.len(), 1);
        assert_eq!(runs.finish(&out).unwrap(), 3000);
        assert!(BreachedPasswords::open(&out).unwrap().find(entry_of(&hashes[77])).unwrap());
    }
}
