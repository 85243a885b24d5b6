//! Fits the codebook of the embedded image tokenizer to pictures of the embedded teacher.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};
use rayon::prelude::*;
use twig_imaging::{DecodeLimits, RgbImage, decode};
use twig_model::{Answer, Geometry, ImageForm, PaintTask, Rendered, Request, Schedule, Task};
use twig_procedural::{ProceduralSettings, ProceduralTeacher};
use twig_tokens::{FitSettings, ImageTokenizer, PatchTokenizer, fit_patch_codebook};

/// Where the codebook goes; `twig-tokens` embeds it.
const CODEBOOK: &str = "crates/twig-tokens/assets/patch-codebook.bin";

/// Pictures a prompt, each with a layout of its own.
const PICTURES_PER_PROMPT: u64 = 8;

/// Every eighth prompt is kept out of the fit, to measure on.
const HELD_OUT: usize = 8;

/// Paints the prompts of `samples/prompts`, fits a codebook, says what it loses on prompts that it was not
/// fitted to, and writes it. Run again, it writes the same bytes.
pub(crate) fn run() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let prompts = read_prompts(&root.join("samples/prompts"))?;
    let is_held_out = |position: usize| position.is_multiple_of(HELD_OUT);
    let seen = paint_all(&prompts, |position| !is_held_out(position))?;
    let unseen = paint_all(&prompts, is_held_out)?;
    println!("{} prompts: {} pictures to fit to, {} to measure on", prompts.len(), seen.len(), unseen.len());

    let codebook = fit_patch_codebook(seen.into_iter(), &FitSettings::default())?;
    let bytes = codebook.to_bytes();
    let tokenizer = PatchTokenizer::new(codebook)?;
    println!("{} codes, {} bytes; {}", tokenizer.codebook_size(), bytes.len(), loss(&tokenizer, &unseen)?);
    let path = root.join(CODEBOOK);
    fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn loss(tokenizer: &PatchTokenizer, pictures: &[RgbImage]) -> Result<String> {
    let mut psnr =
        pictures.iter().map(|picture| tokenizer.round_trip_psnr(picture)).collect::<Result<Vec<_>, _>>()?;
    psnr.sort_unstable_by(f64::total_cmp);
    let (Some(worst), Some(median)) = (psnr.first(), psnr.get(psnr.len() / 2)) else {
        bail!("the teacher painted none of the prompts that were kept to measure on");
    };
    let mean = psnr.iter().sum::<f64>() / psnr.len() as f64;
    Ok(format!("PSNR on unseen prompts: mean {mean:.2} dB, median {median:.2}, worst {worst:.2}"))
}

/// The pictures of those prompts whose position is wanted, in order; none of those that the teacher declines.
fn paint_all(prompts: &[String], wanted: impl Fn(usize) -> bool) -> Result<Vec<RgbImage>> {
    let prompts = prompts.iter().enumerate().filter(|(position, _)| wanted(*position));
    let jobs: Vec<_> =
        prompts.flat_map(|(_, prompt)| (0..PICTURES_PER_PROMPT).map(move |seed| (prompt, seed))).collect();
    let pictures: Vec<Option<RgbImage>> =
        jobs.par_iter().map(|(prompt, seed)| paint(prompt, *seed)).collect::<Result<_>>()?;
    Ok(pictures.into_iter().flatten().collect())
}

/// The lines of all prompt files, in the order of file names.
fn read_prompts(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    let mut prompts = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        prompts.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
    }
    if prompts.is_empty() {
        bail!("no prompts in {}", folder.display());
    }
    Ok(prompts)
}

/// The teacher's picture of a prompt, or `None` where it declines.
fn paint(prompt: &str, seed: u64) -> Result<Option<RgbImage>> {
    let task = PaintTask {
        prompt: prompt.to_owned(),
        schedule: Schedule::bands(Geometry::JANUS, 3)?,
        region_index: None,
        thoughts: Vec::new(),
        base: None,
        attempt: 0,
    };
    // The embedded teacher reads the task; the rendered form is for models.
    let form = ImageForm { prompt: prompt.to_owned(), image_size: 384, base: None, editable: Vec::new() };
    let request = Request {
        task: Task::Paint(task),
        rendered: Rendered::Image(form),
        seed,
        trajectory_seed: seed,
        ask: 0,
    };
    match ProceduralTeacher::new(ProceduralSettings::default()).answer(&request) {
        Answer::Picture(picture) => Ok(Some(decode(picture.bytes(), &DecodeLimits::default())?)),
        Answer::Declined(_) => Ok(None),
        Answer::Text(text) => bail!("the teacher answered a paint request with text: {text}"),
    }
}
