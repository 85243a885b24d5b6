//! Pictures as files of their own.

use std::{
    fs,
    path::{Path, PathBuf},
};

use twig_model::Picture;

use crate::{ExportError, folder::create_folder};

/// The folder of pictures. They lie in 256 folders by the first two digits of their id, since many programs
/// are slow with a hundred thousand files in one.
pub(crate) struct Pictures {
    folder: PathBuf,
    pub(crate) count: u64,
}

impl Pictures {
    /// Pictures below the folder `images` of an export.
    pub(crate) fn new(export: &Path) -> Self {
        Self { folder: export.to_owned(), count: 0 }
    }

    /// Writes a picture as it is stored and gives its path inside the export.
    ///
    /// Ids are hexadecimal digits, `-` and a number, which the reader of trajectories has checked: the path
    /// stays inside.
    pub(crate) fn write(&mut self, id: &str, suffix: &str, picture: &Picture) -> Result<String, ExportError> {
        let bytes = png(id, picture)?;
        let below = format!("images/{}", &id[..2]);
        let name = format!("{below}/{id}{suffix}.png");
        let path = self.folder.join(&name);
        // Most folders are there: try before making one.
        if fs::write(&path, bytes).is_err() {
            create_folder(&self.folder.join(&below))?;
            fs::write(&path, bytes).map_err(ExportError::io("write", &path))?;
        }
        self.count += 1;
        Ok(name)
    }
}

/// The bytes of a picture, which must be PNG: its name will say so.
pub(crate) fn png<'a>(id: &str, picture: &'a Picture) -> Result<&'a [u8], ExportError> {
    if picture.bytes().starts_with(b"\x89PNG\r\n\x1a\n") {
        Ok(picture.bytes())
    } else {
        Err(ExportError::NotPng { id: id.to_owned() })
    }
}
