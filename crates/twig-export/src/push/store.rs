//! A release in an object store.
//!
//! `SHA256SUMS` goes last and on the condition that nobody has written it meanwhile: it is the commit. An object
//! `_uploading` with the same text marks a place where an upload is under way; files of the right size that are
//! found beside the marker of the same release were sent by it.

use std::{collections::BTreeMap, fs};

use twig_shards::{Remote, RemoteError, RemoteObject};

use super::{PushError, Pushed, Upload};

const CHECKSUMS: &str = "SHA256SUMS";
const MARKER: &str = "_uploading";

pub(super) fn push(
    upload: &Upload,
    remote: &Remote,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Pushed, PushError> {
    let place = remote.url_of("");
    let path = upload.folder.join(CHECKSUMS);
    let checksums = fs::read_to_string(&path).map_err(|source| PushError::Io { path, source })?;
    let mut pushed = Pushed { place: place.clone(), sent: 0, bytes: 0, kept: 0 };
    let committed = remote.read_text(CHECKSUMS)?;
    match &committed {
        Some(found) if found.text == checksums => {
            return Ok(Pushed { kept: upload.files.len() as u64, ..pushed });
        }
        Some(_) if !upload.replace => return Err(PushError::Occupied { place }),
        Some(_) | None => {}
    }
    let is_resumed = begin(upload, remote, &checksums)?;
    let there = if is_resumed { remote.list()? } else { Vec::new() };
    let mut there: BTreeMap<String, u64> =
        there.into_iter().map(|object| (object.name, object.size)).collect();
    for name in upload.files.iter().filter(|name| *name != CHECKSUMS) {
        let path = upload.folder.join(name);
        let size = fs::metadata(&path).map_err(|source| PushError::Io { path: path.clone(), source })?.len();
        if there.remove(name) == Some(size) {
            pushed.kept += 1;
            continue;
        }
        tell(name);
        remote.upload(name, &path)?;
        pushed.sent += 1;
        pushed.bytes += size;
    }
    remote.write_text(CHECKSUMS, &checksums, committed.as_ref()).map_err(|error| match error {
        RemoteError::Conflict { .. } => PushError::Occupied { place },
        error => error.into(),
    })?;
    pushed.sent += 1;
    pushed.bytes += checksums.len() as u64;
    remove_others(upload, remote)?;
    remote.remove(MARKER)?;
    Ok(pushed)
}

/// Marks the place, and tells whether this very release was being uploaded there before.
fn begin(upload: &Upload, remote: &Remote, checksums: &str) -> Result<bool, PushError> {
    let busy = |error| match error {
        RemoteError::Conflict { .. } => PushError::Busy { place: remote.url_of("") },
        error => error.into(),
    };
    match remote.read_text(MARKER)? {
        Some(found) if found.text == checksums => Ok(true),
        Some(_) if !upload.replace => Err(PushError::Busy { place: remote.url_of("") }),
        found => {
            remote.write_text(MARKER, checksums, found.as_ref()).map_err(busy)?;
            Ok(false)
        }
    }
}

/// Shards of a release that was replaced would be taken for this one's.
fn remove_others(upload: &Upload, remote: &Remote) -> Result<(), PushError> {
    if upload.replace {
        for RemoteObject { name, .. } in remote.list()? {
            if name != MARKER && upload.files.binary_search(&name).is_err() {
                remote.remove(&name)?;
            }
        }
    }
    Ok(())
}
