//! Makes a PNG safe: decodes the whole picture, then keeps the chunks that draw it.

use std::io::Cursor;

use png::{DecodeOptions, Decoder, Limits};

use super::PictureError;

pub(super) const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// In pixels, of each side. Larger ones cost browsers memory for a picture that is shown small.
const MAX_SIDE: u32 = 1024;

/// Memory of the decoder: one picture of the largest size with 16 bits a channel, and as much again.
const MAX_MEMORY: usize = 16 * 1024 * 1024;

/// What draws the picture, in its colours. All else (texts, places, times) is left out.
const DRAWING_CHUNKS: [&[u8; 4]; 8] =
    [b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"IDAT", b"IEND"];

/// Length, type and checksum of a chunk, in bytes.
const CHUNK_FRAME: usize = 12;

pub(super) fn made_safe(file: &[u8]) -> Result<Vec<u8>, PictureError> {
    decode(file)?;
    let broken = || PictureError::BrokenPng("a chunk is cut off".to_owned());
    let mut kept = SIGNATURE.to_vec();
    let mut rest = &file[SIGNATURE.len()..];
    loop {
        let (length, kind) = (rest.first_chunk::<4>(), rest.get(4..8));
        let (Some(length), Some(kind)) = (length, kind) else { return Err(broken()) };
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| broken())?;
        let (chunk, after) =
            length.checked_add(CHUNK_FRAME).and_then(|end| rest.split_at_checked(end)).ok_or_else(broken)?;
        if DRAWING_CHUNKS.iter().any(|known| *known == kind) {
            kept.extend_from_slice(chunk);
        }
        // What comes behind the end is no part of the picture.
        if kind == b"IEND" {
            return Ok(kept);
        }
        rest = after;
    }
}

/// Reads every pixel, with all checksums.
fn decode(file: &[u8]) -> Result<(), PictureError> {
    let broken = |cause: png::DecodingError| PictureError::BrokenPng(cause.to_string());
    let mut options = DecodeOptions::default();
    options.set_ignore_checksums(false);
    let mut decoder = Decoder::new_with_options(Cursor::new(file), options);
    decoder.set_limits(Limits { bytes: MAX_MEMORY });
    let mut reader = decoder.read_info().map_err(broken)?;
    let (width, height) = reader.info().size();
    if width > MAX_SIDE || height > MAX_SIDE {
        return Err(PictureError::TooManyPixels(width, height));
    }
    let size = reader.output_buffer_size();
    let size = size.ok_or_else(|| PictureError::BrokenPng("it is too large".to_owned()))?;
    reader.next_frame(&mut vec![0; size]).map_err(broken)?;
    reader.finish().map_err(broken)
}
