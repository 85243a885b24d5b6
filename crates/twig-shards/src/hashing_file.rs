//! A file that is hashed, and taken by the disk, while its writer goes on.

use std::{
    fs::File,
    io::{self, Write},
    mem,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, JoinHandle},
};

use sha2::{Digest, Sha256};

/// Bytes that are collected before they are written and hashed.
const PIECE_BYTES: usize = 1 << 20;
/// Pieces that wait to be hashed; with [`PIECE_BYTES`] the bound of a file's memory.
const PIECES: usize = 3;
/// Bytes after which the disk is made to take what is there. Otherwise it would idle until the file is complete, and
/// whoever waits for its end would wait for all of it.
const SYNC_BYTES: u64 = 64 << 20;

/// A new file, its size and its hash.
pub(crate) struct HashingFile {
    file: File,
    piece: Vec<u8>,
    hashing: Hashing,
    bytes: u64,
    unsynced: u64,
    syncing: Option<JoinHandle<io::Result<()>>>,
}

impl HashingFile {
    pub(crate) fn new(file: File) -> Self {
        let (piece, hashing) = (Vec::new(), Hashing::Here(Sha256::new()));
        Self { file, piece, hashing, bytes: 0, unsynced: 0, syncing: None }
    }

    /// Makes everything durable; gives the size and the SHA-256.
    pub(crate) fn finish(mut self) -> io::Result<(u64, [u8; 32])> {
        self.end_piece()?;
        self.synced()?;
        self.file.sync_all()?;
        Ok((self.bytes, self.hashing.finish()?))
    }

    fn end_piece(&mut self) -> io::Result<()> {
        self.file.write_all(&self.piece)?;
        self.bytes += self.piece.len() as u64;
        self.unsynced += self.piece.len() as u64;
        self.hashing.take(&mut self.piece)?;
        if self.unsynced >= SYNC_BYTES && self.syncing.as_ref().is_none_or(JoinHandle::is_finished) {
            self.synced()?;
            let file = self.file.try_clone()?;
            self.syncing = Some(thread::Builder::new().spawn(move || file.sync_data())?);
            self.unsynced = 0;
        }
        Ok(())
    }

    /// Waits for the disk. The system tells of a failed write once, so this must not be passed over.
    fn synced(&mut self) -> io::Result<()> {
        self.syncing.take().map_or(Ok(()), |syncing| syncing.join().unwrap_or_else(|_| Err(gone())))
    }
}

impl Write for HashingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE_BYTES - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        if self.piece.len() == PIECE_BYTES {
            self.end_piece()?;
        }
        Ok(taken)
    }

    /// Nothing: what is written counts at its end only.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where a file is hashed: small ones where they are written, large ones on a thread of their own.
enum Hashing {
    Here(Sha256),
    Aside(Aside),
}

struct Aside {
    pieces: SyncSender<Vec<u8>>,
    hashed: Receiver<Vec<u8>>,
    thread: JoinHandle<Sha256>,
}

impl Hashing {
    /// Hashes a piece and leaves an empty one in its place.
    fn take(&mut self, piece: &mut Vec<u8>) -> io::Result<()> {
        if let Self::Here(hasher) = self {
            if piece.len() < PIECE_BYTES {
                hasher.update(&piece);
                piece.clear();
                return Ok(());
            }
            *self = Self::Aside(Aside::start(mem::take(hasher))?);
        }
        if let Self::Aside(aside) = self {
            let empty = aside.hashed.try_recv().unwrap_or_default();
            aside.pieces.send(mem::replace(piece, empty)).map_err(|_| gone())?;
        }
        Ok(())
    }

    fn finish(self) -> io::Result<[u8; 32]> {
        let hasher = match self {
            Self::Here(hasher) => hasher,
            Self::Aside(Aside { pieces, hashed: _, thread }) => {
                drop(pieces);
                thread.join().map_err(|_| gone())?
            }
        };
        Ok(hasher.finalize().into())
    }
}

impl Aside {
    fn start(mut hasher: Sha256) -> io::Result<Self> {
        let (pieces, waiting) = sync_channel::<Vec<u8>>(PIECES);
        let (empty, hashed) = sync_channel(PIECES + 1);
        let thread = thread::Builder::new().spawn(move || {
            for mut piece in waiting {
                hasher.update(&piece);
                piece.clear();
                // Where there are enough of them this one goes.
                let _ = empty.try_send(piece);
            }
            hasher
        })?;
        Ok(Self { pieces, hashed, thread })
    }
}

fn gone() -> io::Error {
    io::Error::other("a thread that writes a file has ended")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_every_size_are_hashed_whole() {
        for bytes in [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 70 * PIECE_BYTES + 12_345] {
            let text: Vec<u8> = (0..bytes).map(|byte| ((byte * byte) >> 7) as u8).collect();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("file");
            let mut file = HashingFile::new(File::create_new(&path).unwrap());
            // In portions that end anywhere in a piece.
            text.chunks(300_007).for_each(|portion| file.write_all(portion).unwrap());
            let expected: [u8; 32] = Sha256::digest(&text).into();
            assert_eq!(file.finish().unwrap(), (bytes as u64, expected));
            assert!(std::fs::read(&path).unwrap() == text, "{bytes} bytes");
        }
    }
}
