use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    thread,
    time::SystemTime,
};

use twig_shards::{StepTexts, TableReader};
use twig_tokens::{ImageTokenizer, PatchTokenizer};

use super::filter::{Filter, holds_all};
use crate::{Catalogue, Dataset, InspectError, marks::Marks};

/// Trajectories that are read before the viewer opens; the rest is read while the first page is looked at.
const FIRST: usize = 600;
/// Thumbnails kept, about 10 kB each.
const MAX_THUMBNAILS: usize = 4_000;

/// One dataset that is looked at.
pub(super) struct Side {
    folder: PathBuf,
    loaded: RwLock<Loaded>,
    /// Held while the dataset is read again, so that what was read earlier never takes the place of something newer.
    loading: Mutex<()>,
    marks: Mutex<Marks>,
    selection: Mutex<Option<Selection>>,
    thumbnails: Mutex<Thumbnails>,
    tokenizer: Option<PatchTokenizer>,
}

/// What is known of the dataset at a moment.
#[derive(Clone)]
pub(super) struct Loaded {
    pub(super) dataset: Arc<Dataset>,
    pub(super) catalogue: Arc<Catalogue>,
    /// Whether the catalogue holds all trajectories.
    pub(super) complete: bool,
    /// Counts how often it was loaded.
    version: u64,
    stamp: Stamp,
}

/// By what a change of the dataset is seen: the files of its trajectories, and when the newest was changed.
type Stamp = (usize, Option<SystemTime>);

/// What a filter showed of the catalogue of that version.
type Selection = (Filter, u64, Arc<Vec<usize>>);

#[derive(Default)]
struct Thumbnails {
    by_name: HashMap<String, Arc<Vec<u8>>>,
    order: VecDeque<String>,
}

impl Side {
    /// Opens a dataset: the first trajectories at once, all of them in a thread of their own.
    pub(super) fn open(dataset: Dataset) -> Result<Arc<Self>, InspectError> {
        let marks = Marks::load(&dataset.marks_file())?;
        let catalogue = Catalogue::load_first(&dataset, FIRST)?;
        let complete = catalogue.entries().len() < FIRST;
        let stamp = stamp(&dataset);
        // Ids of other tokenizers cannot be decoded without their weights.
        let embedded = PatchTokenizer::embedded().ok();
        let is_embedded = |tokenizer: &PatchTokenizer| {
            let of_release = dataset.release().and_then(|(_, manifest)| manifest.tokenizers.first());
            of_release.is_some_and(|found| found.fingerprint == tokenizer.fingerprint())
        };
        let tokenizer = embedded.filter(is_embedded);
        let side = Arc::new(Self {
            folder: dataset.folder().to_owned(),
            loaded: RwLock::new(Loaded {
                dataset: Arc::new(dataset),
                catalogue: Arc::new(catalogue),
                complete,
                version: 0,
                stamp,
            }),
            loading: Mutex::new(()),
            marks: Mutex::new(marks),
            selection: Mutex::new(None),
            thumbnails: Mutex::default(),
            tokenizer,
        });
        if !complete {
            let side = side.clone();
            thread::spawn(move || side.load_all());
        }
        Ok(side)
    }

    /// What is known now.
    pub(super) fn loaded(&self) -> Loaded {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The marks; held for short times only.
    pub(super) fn marks(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tokenizer that decodes the dataset's ids, if it is at hand.
    pub(super) fn tokenizer(&self) -> Option<&PatchTokenizer> {
        self.tokenizer.as_ref()
    }

    /// Looks whether a run has changed the dataset, and reads it again if so.
    pub(super) fn refresh(&self) -> Result<(), InspectError> {
        self.load(|known, found| known.stamp != *found)
    }

    fn load_all(&self) {
        // What cannot be read now is met again, and told, when it is asked for.
        let _ = self.load(|known, found| !known.complete || known.stamp != *found);
    }

    /// Reads the dataset again where that is wanted.
    fn load(&self, is_wanted: impl Fn(&Loaded, &Stamp) -> bool) -> Result<(), InspectError> {
        let _one_at_a_time = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let dataset = Dataset::open(&self.folder)?;
        let stamp = stamp(&dataset);
        if !is_wanted(&self.loaded(), &stamp) {
            return Ok(());
        }
        let catalogue = Arc::new(Catalogue::load(&dataset)?);
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        let version = loaded.version + 1;
        *loaded = Loaded { dataset: Arc::new(dataset), catalogue, complete: true, version, stamp };
        Ok(())
    }

    /// Forgets the selection, since marks may decide about it.
    pub(super) fn forget_selection(&self) {
        *self.selection.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The trajectories that a filter shows; the last answer is kept for the next page of it.
    pub(super) fn select(&self, loaded: &Loaded, filter: &Filter) -> Result<Arc<Vec<usize>>, InspectError> {
        let mut kept = self.selection.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, version, positions)) = &*kept
            && (of, *version) == (filter, loaded.version)
        {
            return Ok(positions.clone());
        }
        let words = filter.words();
        let said = (!filter.said.is_empty() && !words.is_empty())
            .then(|| said(&loaded.dataset, &words))
            .transpose()?;
        let positions = Arc::new(filter.select(&loaded.catalogue, &self.marks(), said.as_ref()));
        *kept = Some((filter.clone(), loaded.version, positions.clone()));
        Ok(positions)
    }

    /// A thumbnail that was made before, or makes it.
    pub(super) fn thumbnail(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<Vec<u8>, InspectError>,
    ) -> Result<Arc<Vec<u8>>, InspectError> {
        let kept = || self.thumbnails.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = kept().by_name.get(name) {
            return Ok(bytes.clone());
        }
        let bytes = Arc::new(make()?);
        let mut kept = kept();
        if kept.by_name.insert(name.to_owned(), bytes.clone()).is_none() {
            kept.order.push_back(name.to_owned());
        }
        while kept.order.len() > MAX_THUMBNAILS
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.by_name.remove(&oldest);
        }
        Ok(bytes)
    }
}

fn stamp(dataset: &Dataset) -> Stamp {
    let files = dataset.files("trajectories");
    let changed = |path: &PathBuf| std::fs::metadata(path).and_then(|data| data.modified()).ok();
    (files.len(), files.iter().filter_map(|file| changed(&file.path)).max())
}

/// Ids of the trajectories in whose thoughts or critiques all words occur. Reads the texts from disk, shard by
/// shard.
fn said(dataset: &Dataset, words: &[String]) -> Result<HashSet<String>, InspectError> {
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    let mut found = HashSet::new();
    for file in dataset.files("steps") {
        for row in TableReader::<StepTexts>::open(&file.path)? {
            let StepTexts { id, thought, critique } = row?;
            // The attempts of a trajectory stand together.
            if !texts.contains_key(&id) {
                settle(&mut texts, words, &mut found);
            }
            let text = texts.entry(id).or_default();
            text.push_str(&thought);
            text.push('\n');
            text.push_str(&critique);
            text.push('\n');
        }
    }
    settle(&mut texts, words, &mut found);
    Ok(found)
}

fn settle(texts: &mut BTreeMap<String, String>, words: &[String], found: &mut HashSet<String>) {
    while let Some((id, text)) = texts.pop_first() {
        if holds_all(&text, words) {
            found.insert(id);
        }
    }
}
