//! A row group of a source, mapped into memory: its pictures go from the system's cache into the new file without
//! being read into memory of ours first, which costs as much as hashing them.

#![allow(unsafe_code, reason = "mapping a file; see `MappedGroup::open`")]

use std::{fs::File, io, path::Path};

use bytes::{Buf, Bytes, buf::Reader};
use memmap2::MmapOptions;
use parquet::{
    errors::{ParquetError, Result},
    file::{
        metadata::{ColumnChunkMetaData, RowGroupMetaData},
        reader::{ChunkReader, Length},
    },
};

/// The bytes of one row group, under the offsets that they have in their file. Pages read from it are slices of it, and
/// it stays mapped for as long as one of them is held.
pub(super) struct MappedGroup {
    /// Where in the file it begins.
    start: u64,
    bytes: Bytes,
    file_bytes: u64,
}

impl MappedGroup {
    /// Maps a row group of a file.
    ///
    /// # Errors
    /// If the file is shorter than its footer says, or cannot be mapped.
    pub(super) fn open(path: &Path, group: &RowGroupMetaData) -> io::Result<Self> {
        let file = File::open(path)?;
        let file_bytes = file.metadata()?.len();
        let ranges = group.columns().iter().map(ColumnChunkMetaData::byte_range);
        let (start, end) = ranges.fold((u64::MAX, 0), |(start, end), (first, length)| {
            (start.min(first), end.max(first.saturating_add(length)))
        });
        let length = end.checked_sub(start).filter(|_| end <= file_bytes);
        let length = length.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        // SAFETY: the bytes are only ever read, as bytes, by readers that check what they claim. Whoever changes a
        // release while another is made from it gets a bus error at worst, and the new release does not come about.
        let bytes = unsafe { MmapOptions::new().offset(start).len(length as usize).map(&file)? };
        Ok(Self { start, bytes: Bytes::from_owner(bytes), file_bytes })
    }

    fn from(&self, start: u64) -> Result<Bytes> {
        let at = start.checked_sub(self.start).filter(|at| *at <= self.bytes.len() as u64);
        let at =
            at.ok_or_else(|| ParquetError::EOF(format!("byte {start} lies outside of the row group")))?;
        Ok(self.bytes.slice(at as usize..))
    }
}

impl Length for MappedGroup {
    fn len(&self) -> u64 {
        self.file_bytes
    }
}

impl ChunkReader for MappedGroup {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(self.from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let rest = self.from(start)?;
        if length > rest.len() {
            let message = format!("{length} bytes from byte {start} on lie outside of the row group");
            return Err(ParquetError::EOF(message));
        }
        Ok(rest.slice(..length))
    }
}
