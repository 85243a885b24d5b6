//! Files in object stores: `s3://`, `gs://`, `az://` and `file://`.
//!
//! Credentials, endpoints and regions come from the environment, under the names that each provider's own tools
//! use (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_ACCOUNT_NAME`, …).
//! What a server asks to be tried again (503, a reset connection) is tried again, up to ten times in three
//! minutes a request.
//!
//! Everything here is synchronous and may be called from asynchronous code too.

use std::{
    fmt,
    fs::{self, File},
    io::{Read, Write},
    path::Path,
    sync::Arc,
    thread,
};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::{
    Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion, WriteMultipart,
    parse_url_opts, path::Path as StorePath,
};

use crate::{ShardError, atomic::AtomicFile};

/// Schemes of addresses that are taken for object stores.
const SCHEMES: [&str; 8] =
    ["s3://", "s3a://", "gs://", "az://", "azure://", "abfs://", "abfss://", "file://"];
/// Variables of the environment that stores are set up by begin with one of these.
const VARIABLES: [&str; 3] = ["aws_", "google_", "azure_"];
/// Bytes of a part of a large upload; S3 wants at least 5 MiB, and at most 10,000 parts.
const PART_BYTES: usize = 8 << 20;
/// Parts under way at once: with [`PART_BYTES`] the bound of an upload's memory.
const PARTS_UNDER_WAY: usize = 4;

/// A place in an object store.
#[derive(Clone)]
pub struct Remote {
    store: Arc<dyn ObjectStore>,
    prefix: StorePath,
    url: String,
}

/// Why something in an object store could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The address, or what the environment says about its store, cannot be used.
    #[error("`{url}` is no address of an object store that can be used")]
    Address {
        /// The address.
        url: String,
        /// What is wrong.
        #[source]
        source: Box<Error>,
    },
    /// The store refused, or could not be reached in spite of tries.
    #[error("cannot {action} {url}")]
    Store {
        /// What was being done, for example `write`.
        action: &'static str,
        /// The object.
        url: String,
        /// What the store said.
        #[source]
        source: Box<Error>,
    },
    /// The file on this side cannot be read or written.
    #[error(transparent)]
    File(#[from] ShardError),
    /// Somebody else has written the object meanwhile.
    #[error("{url} was written by somebody else meanwhile")]
    Conflict {
        /// The object.
        url: String,
    },
}

impl RemoteError {
    /// Whether the same may work later: the store could not be reached, was busy, or somebody else was quicker.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Address { .. } | Self::File(_) => false,
            Self::Conflict { .. } => true,
            Self::Store { source, .. } => !matches!(
                **source,
                Error::NotFound { .. }
                    | Error::InvalidPath { .. }
                    | Error::PermissionDenied { .. }
                    | Error::Unauthenticated { .. }
                    | Error::NotImplemented { .. }
                    | Error::NotSupported { .. }
                    | Error::UnknownConfigurationKey { .. }
            ),
        }
    }
}

/// An object as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteObject {
    /// Its name below the place, with `/`.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Changes whenever the object is written.
    pub version: String,
}

/// A small object with the version by which a later write tells whether it is still the same.
#[derive(Debug, Clone)]
pub struct RemoteText {
    /// What it holds.
    pub text: String,
    version: UpdateVersion,
}

impl RemoteText {
    /// The version as a listing shows it.
    pub fn version(&self) -> String {
        tag(self.version.e_tag.as_deref())
    }
}

impl Remote {
    /// Whether a text is the address of an object store.
    pub fn is_url(text: &str) -> bool {
        SCHEMES.iter().any(|scheme| text.starts_with(scheme))
    }

    /// The place with that address; nothing is asked of the store yet.
    pub fn open(url: &str) -> Result<Self, RemoteError> {
        let address = |source| RemoteError::Address { url: url.to_owned(), source: Box::new(source) };
        let parsed = url::Url::parse(url)
            .map_err(|error| address(Error::Generic { store: "address", source: error.into() }))?;
        // Its TLS has no provider of its own; another one may be installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (store, prefix) = parse_url_opts(&parsed, environment()).map_err(address)?;
        Ok(Self { store: store.into(), prefix, url: url.trim_end_matches('/').to_owned() })
    }

    /// The address of an object below.
    pub fn url_of(&self, name: &str) -> String {
        if name.is_empty() { self.url.clone() } else { format!("{}/{name}", self.url) }
    }

    /// All objects below, sorted by name.
    pub fn list(&self) -> Result<Vec<RemoteObject>, RemoteError> {
        let listed = wait(async { self.store.list(Some(&self.prefix)).try_collect::<Vec<_>>().await });
        let mut objects: Vec<RemoteObject> = listed
            .map_err(|source| self.failed("list", "", source))?
            .into_iter()
            .filter_map(|object| {
                let parts = object.location.prefix_match(&self.prefix)?;
                let name = parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/");
                Some(RemoteObject { name, size: object.size, version: tag(object.e_tag.as_deref()) })
            })
            .collect();
        objects.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(objects)
    }

    /// Copies an object into a file, piece by piece; it is there whole or not at all.
    pub fn download(&self, name: &str, path: &Path) -> Result<(), RemoteError> {
        let mut file = AtomicFile::create(path)?;
        wait(async {
            let failed = |source| self.failed("read", name, source);
            let found = self.store.get(&self.path_of(name)).await.map_err(failed)?;
            let mut pieces = found.into_stream();
            while let Some(piece) = pieces.next().await {
                file.write_all(&piece.map_err(failed)?).map_err(local("write", path))?;
            }
            Ok::<_, RemoteError>(())
        })?;
        file.commit()?;
        Ok(())
    }

    /// Copies a file into an object, large ones in parts; readers see all of it or nothing.
    ///
    /// # Memory
    /// 32 MiB.
    pub fn upload(&self, name: &str, path: &Path) -> Result<(), RemoteError> {
        let size = fs::metadata(path).map_err(local("read", path))?.len();
        let mut file = File::open(path).map_err(local("open", path))?;
        wait(async {
            let failed = |source| self.failed("write", name, source);
            let target = self.path_of(name);
            if size <= PART_BYTES as u64 {
                let mut bytes = Vec::with_capacity(size as usize);
                file.read_to_end(&mut bytes).map_err(local("read", path))?;
                self.store.put(&target, PutPayload::from(bytes)).await.map_err(failed)?;
                return Ok(());
            }
            let mut parts = FileParts { path, file, sent: Vec::new() };
            let upload = self.store.put_multipart(&target).await.map_err(failed)?;
            let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
            let sent = loop {
                if let Err(error) = upload.wait_for_capacity(PARTS_UNDER_WAY).await {
                    break Err(failed(error));
                }
                match parts.next() {
                    Ok(bytes) if bytes.is_empty() => break Ok(()),
                    Ok(bytes) => upload.put(bytes),
                    Err(error) => break Err(error),
                }
            };
            match sent {
                Ok(()) => upload.finish().await.map(drop).map_err(failed),
                Err(error) => {
                    // Parts of an upload that is given up cost money until they are removed.
                    let _ = upload.abort().await;
                    Err(error)
                }
            }
        })
    }

    /// A small object, if it is there.
    pub fn read_text(&self, name: &str) -> Result<Option<RemoteText>, RemoteError> {
        let failed = |source| self.failed("read", name, source);
        wait(async {
            let found = match self.store.get(&self.path_of(name)).await {
                Ok(found) => found,
                Err(Error::NotFound { .. }) => return Ok(None),
                Err(error) => return Err(failed(error)),
            };
            let version =
                UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
            let bytes = found.bytes().await.map_err(failed)?;
            Ok(Some(RemoteText { text: String::from_utf8_lossy(&bytes).into_owned(), version }))
        })
    }

    /// Writes a small object on the condition that it is still what `before` says: the version that was read, or
    /// nothing at all. Of several writers at once one succeeds. Gives the new version, as a listing shows it.
    pub fn write_text(
        &self,
        name: &str,
        text: &str,
        before: Option<&RemoteText>,
    ) -> Result<String, RemoteError> {
        let target = self.path_of(name);
        let write = |mode: PutMode| {
            let payload = PutPayload::from(text.as_bytes().to_vec());
            self.store.put_opts(&target, payload, PutOptions::from(mode))
        };
        let mode = match before {
            Some(before) => PutMode::Update(before.version.clone()),
            None => PutMode::Create,
        };
        let written = wait(async {
            match write(mode).await {
                // Folders of this machine know no conditional replacement; there the rename is atomic.
                Err(Error::NotImplemented { .. }) => write(PutMode::Overwrite).await,
                written => written,
            }
        });
        match written {
            Ok(written) => Ok(tag(written.e_tag.as_deref())),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
                Err(RemoteError::Conflict { url: self.url_of(name) })
            }
            Err(source) => Err(self.failed("write", name, source)),
        }
    }

    /// Removes an object; one that is not there is no error.
    pub fn remove(&self, name: &str) -> Result<(), RemoteError> {
        match wait(self.store.delete(&self.path_of(name))) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(self.failed("remove", name, source)),
        }
    }

    /// The store itself, for readers of byte ranges.
    pub(crate) fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store)
    }

    pub(crate) fn path_of(&self, name: &str) -> StorePath {
        let parts = self.prefix.parts().map(|part| part.as_ref().to_owned());
        parts.chain(name.split('/').map(str::to_owned)).collect()
    }

    fn failed(&self, action: &'static str, name: &str, source: Error) -> RemoteError {
        RemoteError::Store { action, url: self.url_of(name), source: Box::new(source) }
    }
}

/// The address alone: stores hold credentials.
impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({})", self.url)
    }
}

/// What the environment says about stores. An endpoint without TLS, as test servers have, is allowed by naming it.
fn environment() -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| {
            Some((name.into_string().ok()?.to_lowercase(), value.into_string().ok()?))
        })
        .filter(|(name, _)| VARIABLES.iter().any(|prefix| name.starts_with(prefix)))
        .collect();
    let is_plain =
        |(name, value): &(String, String)| name.contains("endpoint") && value.starts_with("http://");
    if found.iter().any(is_plain) {
        found.push(("allow_http".to_owned(), "true".to_owned()));
    }
    found
}

/// A file in parts, whose memory is used again once they are sent: an allocator gives back what is freed on other
/// threads too late.
struct FileParts<'a> {
    path: &'a Path,
    file: File,
    sent: Vec<Bytes>,
}

impl FileParts<'_> {
    /// The next part; empty at the end.
    fn next(&mut self) -> Result<Bytes, RemoteError> {
        let free = self.sent.iter().position(Bytes::is_unique).map(|index| self.sent.swap_remove(index));
        let mut part = free.map_or_else(|| Vec::with_capacity(PART_BYTES), Vec::from);
        part.clear();
        let mut rest = Read::by_ref(&mut self.file).take(PART_BYTES as u64);
        rest.read_to_end(&mut part).map_err(local("read", self.path))?;
        let part = Bytes::from(part);
        self.sent.push(part.clone());
        Ok(part)
    }
}

fn local(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> RemoteError + use<> {
    let path = path.to_owned();
    move |source| ShardError::Io { action, path, source }.into()
}

/// A version without the quotation marks that some answers have and others have not.
fn tag(tag: Option<&str>) -> String {
    tag.unwrap_or_default().trim_matches('"').to_owned()
}

/// Waits for something asynchronous on a thread of its own, where no other runtime is in the way.
pub(crate) fn wait<T: Send>(future: impl Future<Output = T> + Send) -> T {
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime needs nothing but a file descriptor").block_on(future)
        });
        waiting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_this_machine_is_a_store_too() {
        let folder = tempfile::tempdir().unwrap();
        let remote = Remote::open(&format!("file://{}/in", folder.path().display())).unwrap();
        assert_eq!(remote.list().unwrap(), []);
        let large = folder.path().join("large");
        fs::write(&large, vec![7; PART_BYTES * 2 + 3]).unwrap();
        remote.upload("a/large", &large).unwrap();
        remote.write_text("small", "one", None).unwrap();
        let listed = remote.list().unwrap();
        let sizes: Vec<_> = listed.iter().map(|object| (object.name.as_str(), object.size)).collect();
        assert_eq!(sizes, [("a/large", PART_BYTES as u64 * 2 + 3), ("small", 3)]);
        assert_eq!(remote.read_text("small").unwrap().unwrap().version(), listed[1].version);
        let back = folder.path().join("back");
        remote.download("a/large", &back).unwrap();
        assert!(fs::read(&back).unwrap() == fs::read(&large).unwrap());
        assert!(matches!(remote.write_text("small", "two", None), Err(RemoteError::Conflict { .. })));
        let before = remote.read_text("small").unwrap().unwrap();
        remote.write_text("small", "two", Some(&before)).unwrap();
        assert_eq!(remote.read_text("small").unwrap().unwrap().text, "two");
        remote.remove("small").unwrap();
        remote.remove("small").unwrap();
        assert!(remote.read_text("small").unwrap().is_none());
        assert!(matches!(remote.download("small", &back), Err(RemoteError::Store { action: "read", .. })));
    }

    #[test]
    fn the_memory_of_a_part_is_used_again_once_it_is_sent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        let content: Vec<u8> = (0..PART_BYTES * 5 / 2).map(|at| (at / 1000) as u8).collect();
        fs::write(&path, &content).unwrap();
        let mut parts = FileParts { path: &path, file: File::open(&path).unwrap(), sent: Vec::new() };
        let first = parts.next().unwrap();
        let second = parts.next().unwrap();
        assert!([first.as_ref(), second.as_ref()].concat() == content[..2 * PART_BYTES]);
        let place = first.as_ptr();
        drop(first);
        let third = parts.next().unwrap();
        assert!(*third == content[2 * PART_BYTES..] && third.as_ptr() == place);
        assert!(*second == content[PART_BYTES..2 * PART_BYTES]);
        assert!(parts.next().unwrap().is_empty());
    }

    #[test]
    fn addresses_are_told_from_paths() {
        assert!(Remote::is_url("s3://bucket/a") && Remote::is_url("gs://b") && Remote::is_url("az://c/d"));
        assert!(!Remote::is_url("prompts/*.txt") && !Remote::is_url("s3/a") && !Remote::is_url("hf://a"));
        assert!(matches!(Remote::open("s3://"), Err(RemoteError::Address { .. })));
    }
}
