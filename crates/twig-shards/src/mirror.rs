//! The small columns of a release that lies in an object store, as a release in a folder of this machine.
//!
//! Pictures, token ids and whatever else is nested stay where they are: of a shard only the byte ranges of its flat
//! columns are asked for. What is left opens like any release, for readers that look at flat columns.

use std::{
    fs::{self, File},
    ops::Range,
    path::Path,
    sync::Arc,
};

use arrow::datatypes::DataType;
use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt, future::BoxFuture, stream};
use object_store::{ObjectStore, ObjectStoreExt, path::Path as StorePath};
use parquet::{
    arrow::{
        ArrowWriter, ParquetRecordBatchStreamBuilder, ProjectionMask, arrow_reader::ArrowReaderOptions,
        async_reader::AsyncFileReader,
    },
    errors::{ParquetError, Result as ParquetResult},
    file::metadata::{ParquetMetaData, ParquetMetaDataReader},
};

use crate::{Manifest, Remote, RemoteError, Shard, ShardError, remote::wait};

/// Shards that are read at once: enough to hide the store's delay. Each holds some thousand rows of flat columns.
const SHARDS_AT_ONCE: usize = 8;

/// Why a release in an object store cannot be mirrored.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The store does not give what is asked for.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// What it gives is no release, or cannot be written here.
    #[error(transparent)]
    Shards(#[from] ShardError),
}

/// Copies the manifest and the flat columns of every shard below `remote` into `folder`.
///
/// The manifest is copied as it is: sizes and hashes in it are those of the whole shards.
pub fn mirror_flat_columns(remote: &Remote, folder: &Path) -> Result<Manifest, MirrorError> {
    fs::create_dir_all(folder).map_err(ShardError::io("create the folder", folder))?;
    remote.download(Manifest::FILE_NAME, &folder.join(Manifest::FILE_NAME))?;
    let manifest = Manifest::load(folder)?;
    let shards = manifest.shards().map(|shard| mirror_shard(remote, shard, folder));
    wait(stream::iter(shards).buffer_unordered(SHARDS_AT_ONCE).try_collect::<()>())?;
    Ok(manifest)
}

async fn mirror_shard(remote: &Remote, shard: &Shard, folder: &Path) -> Result<(), ShardError> {
    let path = folder.join(&shard.path);
    let failed = |error| ShardError::parquet("read", &path)(error);
    let reader =
        ObjectReader { store: remote.store(), path: remote.path_of(&shard.path), bytes: shard.bytes };
    let builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(failed)?;
    let fields = builder.schema().fields().iter().enumerate();
    let flat = fields.filter(|(_, field)| is_small(field.data_type())).map(|(root, _)| root);
    let mask = ProjectionMask::roots(builder.parquet_schema(), flat);
    let mut batches = builder.with_projection(mask).build().map_err(failed)?;
    let parent = path.parent().unwrap_or(folder);
    fs::create_dir_all(parent).map_err(ShardError::io("create the folder", parent))?;
    let file = File::create(&path).map_err(ShardError::io("create", &path))?;
    let mut writer = ArrowWriter::try_new(file, batches.schema().clone(), None).map_err(failed)?;
    while let Some(batch) = batches.next().await {
        writer.write(&batch.map_err(failed)?).map_err(ShardError::parquet("write", &path))?;
    }
    writer.close().map_err(ShardError::parquet("write", &path))?;
    Ok(())
}

/// A Parquet file in a store, of which ranges of bytes are read.
struct ObjectReader {
    store: Arc<dyn ObjectStore>,
    path: StorePath,
    /// Its size, as the manifest says.
    bytes: u64,
}

impl AsyncFileReader for ObjectReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        self.store.get_range(&self.path, range).map_err(external).boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        async move { self.store.get_ranges(&self.path, &ranges).await.map_err(external) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        let bytes = self.bytes;
        let reader = ParquetMetaDataReader::new().with_arrow_reader_options(options);
        async move { reader.load_and_finish(self, bytes).await.map(Arc::new) }.boxed()
    }
}

fn external(error: object_store::Error) -> ParquetError {
    ParquetError::External(error.into())
}

fn is_small(kind: &DataType) -> bool {
    !kind.is_nested() && !matches!(kind, DataType::Binary | DataType::LargeBinary | DataType::BinaryView)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TableReader, TrajectoryListing, fixtures};

    #[test]
    fn flat_columns_are_mirrored_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (there, here) = (folder.path().join("there"), folder.path().join("here"));
        let manifest = fixtures::write_release(&there);
        let remote = Remote::open(&format!("file://{}", there.display())).unwrap();
        assert_eq!(mirror_flat_columns(&remote, &here).unwrap(), manifest);
        let shard = &manifest.config("trajectories").unwrap().splits[0].shards[0].path;
        let read = |folder: &Path| -> Vec<TrajectoryListing> {
            TableReader::open(&folder.join(shard)).unwrap().collect::<Result<_, _>>().unwrap()
        };
        assert_eq!(read(&here), read(&there));
        let size = |folder: &Path| fs::metadata(folder.join(shard)).unwrap().len();
        assert!(size(&here) * 2 < size(&there), "pictures came along");
    }

    #[test]
    fn a_place_without_a_release_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}/nothing", folder.path().display());
        let error =
            mirror_flat_columns(&Remote::open(&url).unwrap(), &folder.path().join("here")).unwrap_err();
        assert!(error.to_string().contains("nothing/manifest.json"), "{error}");
    }
}
