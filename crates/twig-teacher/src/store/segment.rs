//! The file format of a segment: an eight-byte magic, then frames.
//!
//! A frame is: length of the record (u32, little endian) · first 16 bytes of its BLAKE3 hash · record.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use twig_model::AnswerKey;

use super::{StoreError, StoreStats, record};

pub(super) const MAGIC: &[u8; 8] = b"TWIGANS1";
const HASH_LEN: usize = 16;
const FRAME_LEN: usize = 4 + HASH_LEN;
/// Longer than any answer that `twig_imaging::DecodeLimits` lets through; a larger length is damage.
const MAX_RECORD_LEN: usize = 128 << 20;

/// Where a record stands in a segment, without its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) len: u32,
    hash: [u8; HASH_LEN],
}

impl Place {
    /// Where the record ends.
    pub(super) fn end(&self) -> u64 {
        self.offset + u64::from(self.len)
    }
}

/// The head of the frame round a record, and the place of the record when its frame begins at `frame_offset`.
pub(super) fn framed(record: &[u8], frame_offset: u64) -> ([u8; FRAME_LEN], Place) {
    let place = place(record, frame_offset);
    let mut head = [0; FRAME_LEN];
    head[..4].copy_from_slice(&place.len.to_le_bytes());
    head[4..].copy_from_slice(&place.hash);
    (head, place)
}

/// A record with its frame.
pub(super) fn frame(record: &[u8]) -> Vec<u8> {
    [framed(record, 0).0.as_slice(), record].concat()
}

fn place(record: &[u8], frame_offset: u64) -> Place {
    Place { offset: frame_offset + FRAME_LEN as u64, len: record.len() as u32, hash: hash(record) }
}

/// Reads the record at `place` and checks its hash; `None` where the bytes have changed since.
pub(super) fn read(file: &File, place: Place) -> io::Result<Option<Vec<u8>>> {
    use std::os::unix::fs::FileExt;
    let mut record = vec![0; place.len as usize];
    file.read_exact_at(&mut record, place.offset)?;
    Ok((hash(&record) == place.hash).then_some(record))
}

/// Walks a segment and tells `found` of every sound answer. A torn last record is ignored, and a damaged
/// record between sound ones is counted; neither is an error, both are asked again.
pub(super) fn scan(
    path: &Path,
    file: &File,
    mut found: impl FnMut(AnswerKey, Place),
) -> Result<StoreStats, StoreError> {
    records(path, file, |bytes, place| match record::key_of(bytes) {
        Some(key) => {
            found(key, place);
            true
        }
        None => false,
    })
}

/// Walks a segment of records of any kind; `found` tells whether the bytes are such a record.
pub(super) fn records(
    path: &Path,
    file: &File,
    mut found: impl FnMut(&[u8], Place) -> bool,
) -> Result<StoreStats, StoreError> {
    let io_error = |source| StoreError::Io { path: path.to_owned(), source };
    let total = file.metadata().map_err(io_error)?.len();
    let mut stats = StoreStats::default();
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut magic = [0; MAGIC.len()];
    if total < magic.len() as u64 {
        return Ok(StoreStats { torn_bytes: total, ..stats });
    }
    reader.read_exact(&mut magic).map_err(io_error)?;
    if magic != *MAGIC {
        return Err(StoreError::NotASegment { path: path.to_owned() });
    }
    let mut offset = magic.len() as u64;
    let mut record = Vec::new();
    while offset < total {
        let left = total - offset;
        let mut head = [0; FRAME_LEN];
        if left < FRAME_LEN as u64 {
            return Ok(StoreStats { torn_bytes: left, ..stats });
        }
        reader.read_exact(&mut head).map_err(io_error)?;
        let len = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        if len > MAX_RECORD_LEN || (FRAME_LEN + len) as u64 > left {
            // Torn, or its length is damaged: either way nothing after it can be told apart.
            return Ok(StoreStats { torn_bytes: left, ..stats });
        }
        record.resize(len, 0);
        reader.read_exact(&mut record).map_err(io_error)?;
        let place = place(&record, offset);
        if place.hash == head[4..] && found(&record, place) {
            stats.answers += 1;
        } else {
            stats.damaged += 1;
        }
        offset += (FRAME_LEN + len) as u64;
    }
    Ok(stats)
}

fn hash(record: &[u8]) -> [u8; HASH_LEN] {
    let mut short = [0; HASH_LEN];
    short.copy_from_slice(&blake3::hash(record).as_bytes()[..HASH_LEN]);
    short
}
