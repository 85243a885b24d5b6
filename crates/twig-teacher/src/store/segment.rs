//! The file format of a segment: an eight-byte magic, then frames.
//!
//! A frame is: length of the record (u32, little endian) · first 16 bytes of its BLAKE3 hash · record.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use twig_model::AnswerKey;

use super::{StoreError, StoreStats, record};

pub(super) const MAGIC: &[u8; 8] = b"TWIGANS1";
const HASH_LEN: usize = 16;
pub(super) const FRAME_LEN: usize = 4 + HASH_LEN;
/// Longer than any answer that `twig_imaging::DecodeLimits` lets through; a larger length is damage.
const MAX_RECORD_LEN: usize = 128 << 20;
/// Bytes that are searched at a time for what follows a damaged record.
const WINDOW_LEN: usize = 1 << 20;

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

/// Walks a segment and tells `found` of every sound answer. A torn last record is ignored, and damage between sound
/// records is counted; neither is an error, both are asked again.
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
    let mut offset = magic.len() as u64;
    if total < offset {
        return Ok(StoreStats { torn_bytes: total, ..stats });
    }
    reader.read_exact(&mut magic).map_err(io_error)?;
    if magic != *MAGIC {
        // A sound record behind it says that it is one all the same.
        if !is_frame(file, offset, total).map_err(io_error)? {
            return Err(StoreError::NotASegment { path: path.to_owned() });
        }
        stats.damaged += 1;
    }
    let mut record = Vec::new();
    while offset < total {
        let len = read_frame(&mut reader, total - offset, &mut record).map_err(io_error)?;
        if let Some(hash) = len
            && hash == self::hash(&record)
            && found(&record, Place { offset: offset + FRAME_LEN as u64, len: record.len() as u32, hash })
        {
            stats.answers += 1;
            offset += (FRAME_LEN + record.len()) as u64;
            continue;
        }
        // Torn, or damaged: what follows is looked for, so that a flipped byte costs one record.
        let claimed = len.map(|_| offset + (FRAME_LEN + record.len()) as u64);
        match next_frame(file, offset, claimed, total).map_err(io_error)? {
            Some(next) => {
                stats.damaged += 1;
                reader.seek(SeekFrom::Start(next)).map_err(io_error)?;
                offset = next;
            }
            None => return Ok(StoreStats { torn_bytes: total - offset, ..stats }),
        }
    }
    Ok(stats)
}

/// Reads a frame and its record; gives the hash that the frame has for it, or `None` where so much cannot be there.
fn read_frame(reader: &mut impl Read, left: u64, record: &mut Vec<u8>) -> io::Result<Option<[u8; HASH_LEN]>> {
    let mut head = [0; FRAME_LEN];
    if left < FRAME_LEN as u64 {
        return Ok(None);
    }
    reader.read_exact(&mut head)?;
    let len = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    if len > MAX_RECORD_LEN || (FRAME_LEN + len) as u64 > left {
        return Ok(None);
    }
    record.resize(len, 0);
    reader.read_exact(record)?;
    let mut hash = [0; HASH_LEN];
    hash.copy_from_slice(&head[4..]);
    Ok(Some(hash))
}

/// Where the next sound frame begins after a damaged one: as a rule where that one claims to end, else anywhere.
fn next_frame(file: &File, damaged: u64, claimed: Option<u64>, total: u64) -> io::Result<Option<u64>> {
    use std::os::unix::fs::FileExt;
    if let Some(end) = claimed
        && (end == total || is_frame(file, end, total)?)
    {
        return Ok(Some(end));
    }
    let (mut start, mut window) = (damaged + 1, vec![0; WINDOW_LEN]);
    while start + FRAME_LEN as u64 <= total {
        let len = (total - start).min(WINDOW_LEN as u64) as usize;
        file.read_exact_at(&mut window[..len], start)?;
        for (at, head) in window[..len].windows(FRAME_LEN + 2).enumerate() {
            // Records begin with the digits of a key or as JSON: that rules out nearly every other place cheaply.
            let begins = &head[FRAME_LEN..];
            let is_record = begins.iter().all(u8::is_ascii_hexdigit) || begins == b"{\"";
            if is_record && is_frame(file, start + at as u64, total)? {
                return Ok(Some(start + at as u64));
            }
        }
        // The next window begins with what was too short for a frame at the end of this one.
        start += (len.max(FRAME_LEN + 2) - FRAME_LEN - 1) as u64;
    }
    Ok(None)
}

/// Whether a sound record stands at this place.
fn is_frame(file: &File, offset: u64, total: u64) -> io::Result<bool> {
    use std::os::unix::fs::FileExt;
    let mut head = [0; FRAME_LEN];
    if total.saturating_sub(offset) < FRAME_LEN as u64 {
        return Ok(false);
    }
    file.read_exact_at(&mut head, offset)?;
    let len = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
    if len as usize > MAX_RECORD_LEN || FRAME_LEN as u64 + u64::from(len) > total - offset {
        return Ok(false);
    }
    let mut expected = [0; HASH_LEN];
    expected.copy_from_slice(&head[4..]);
    Ok(read(file, Place { offset: offset + FRAME_LEN as u64, len, hash: expected })?.is_some())
}

fn hash(record: &[u8]) -> [u8; HASH_LEN] {
    let mut short = [0; HASH_LEN];
    short.copy_from_slice(&blake3::hash(record).as_bytes()[..HASH_LEN]);
    short
}
