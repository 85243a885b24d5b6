//! The library that stands between the program and its disk, and what it wrote down.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use crate::project::REPOSITORY;

/// The library, compiled once for its text; `None` where this system has no way to put it under a program.
pub(crate) fn shim() -> Option<&'static Path> {
    static SHIM: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
        if !cfg!(all(target_os = "linux", target_env = "gnu")) {
            eprintln!("skipped: the failing disk needs Linux with glibc");
            return None;
        }
        let source = Path::new(REPOSITORY).join("tests/disk/shim.rs");
        let text = fs::read(&source).unwrap();
        let hash = text.iter().fold(7_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(*byte)));
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("disk-{hash:016x}.so"));
        if !library.exists() {
            // Tests that run side by side may all compile it; each puts its own in place as a whole. What the compiler
            // writes in between has its name from this one up to the first dot.
            let own = format!("disk-{hash:016x}-{}.tmp", std::process::id());
            let unfinished = library.with_file_name(own);
            let mut rustc = Command::new("rustc");
            rustc.args(["--edition", "2024", "-O", "--crate-type", "cdylib", "-o"]).arg(&unfinished);
            let compiled = rustc.arg(&source).current_dir(REPOSITORY).output().unwrap();
            assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
            fs::rename(&unfinished, &library).unwrap();
        }
        Some(library)
    });
    SHIM.as_deref()
}

/// When the process is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Before,
    /// In the middle of a write.
    Torn,
    After,
}

/// Puts the library under the command. Operations below `root` are written to `log`.
pub(crate) fn watched(command: &mut Command, shim: &Path, root: &Path, log: &Path, with_data: bool) {
    command.env("LD_PRELOAD", shim).env("DISK_ROOT", root).env("DISK_LOG", log);
    if with_data {
        command.env("DISK_LOG_DATA", "1");
    }
}

/// Ends the command at the operation of this number, from 1.
pub(crate) fn killed_at(command: &mut Command, number: usize, how: How) {
    let how = match how {
        How::Before => "before",
        How::Torn => "torn",
        How::After => "after",
    };
    command.env("DISK_KILL", format!("{number}:{how}"));
}

/// An operation as it was written down; the library's text says what the kinds are.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) kind: char,
    pub(crate) path: String,
    pub(crate) to: String,
    pub(crate) data: Vec<u8>,
    pub(crate) offset: u64,
}

impl Operation {
    /// What is done to which kind of file, without numbers and hashes.
    pub(crate) fn what(&self) -> String {
        let (kind, path) = match self.kind {
            'K' => (self.to.as_str(), self.path.as_str()),
            'R' => ("R", self.to.as_str()),
            _ => ("", self.path.as_str()),
        };
        let kind = if kind.is_empty() { self.kind.to_string() } else { kind.to_owned() };
        let verb = match kind.as_str() {
            "C" => "create",
            "W" => "write",
            "T" => "truncate",
            "S" => "flush",
            "R" => "rename to",
            "U" => "remove",
            "M" => "make folder",
            "D" => "remove folder",
            _ => "other",
        };
        format!("{verb} {}", kind_of(path))
    }
}

/// Whether a name is that of a segment of the answer store.
pub(crate) fn is_segment(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|ending| ending == "seg")
}

/// A path without what differs from run to run and from partition to partition.
pub(crate) fn kind_of(path: &str) -> String {
    let name = |part: &str| {
        if is_segment(part) {
            return "*.seg".to_owned();
        }
        let unfinished = part.starts_with(".tmp-") && part != ".tmp-release";
        let part = if unfinished { part.rsplitn(3, '-').last().unwrap_or(part) } else { part };
        let mut kind = String::new();
        for character in part.chars() {
            match character {
                '0'..='9' if kind.ends_with('N') => {}
                '0'..='9' => kind.push('N'),
                other => kind.push(other),
            }
        }
        kind
    };
    path.split('/').map(name).collect::<Vec<_>>().join("/")
}

/// Reads what the library has written; a record that a kill has torn is left out.
pub(crate) fn operations(log: &Path) -> Vec<Operation> {
    let bytes = fs::read(log).unwrap();
    let (mut rest, mut found) = (bytes.as_slice(), Vec::new());
    while let Some(operation) = next(&mut rest) {
        found.push(operation);
    }
    found
}

fn next(rest: &mut &[u8]) -> Option<Operation> {
    let kind = char::from(*rest.first()?);
    let mut at = 1;
    let mut part = || {
        let len = u32::from_le_bytes(rest.get(at..at + 4)?.try_into().ok()?) as usize;
        let part = rest.get(at + 4..at + 4 + len)?.to_vec();
        at += 4 + len;
        Some(part)
    };
    let (path, to, data) = (part()?, part()?, part()?);
    let offset = u64::from_le_bytes(rest.get(at..at + 8)?.try_into().ok()?);
    *rest = &rest[at + 8..];
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Some(Operation { kind, path: text(path), to: text(to), data, offset })
}
