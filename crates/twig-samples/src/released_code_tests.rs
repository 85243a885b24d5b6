//! The samples of three trajectories against what TwiG's released inference code (`twig.py`, K = 3, 192 tokens a
//! region) feeds the model in the same situation.
//!
//! Read there, and written down as the expected lines below:
//!
//! - A generating pass is re-encoded at tokens 0, 192 and 384 from `User: `, all thoughts so far joined by one
//!   space, and `\n\nAssistant:<begin_of_image>`; behind it stand the ids of the regions before, and nothing
//!   between them.
//! - After a redo the improved description stands in the thought's place, for the redo itself and for
//!   everything later; the ids of the failed attempt are gone.
//! - The critic sees the whole canvas, with code 0 where nothing is painted yet; it is told the prompt, the
//!   thoughts before in their final form, and the thought of the region that it judges.
//! - Thinking about regions 2 and 3 sees the canvas after any redo, and the thoughts so far in their final form;
//!   thinking about region 1 sees no picture.
//! - A redo is not judged there. Here it is, so its reflect samples are left out of the comparison.

use insta::assert_snapshot;
use twig_model::{Geometry, JanusSample, Schedule, Score, SftPart, SftSample, TaskKind};
use twig_tokens::{
    ByteTokenizer,
    layout::{IGNORED_LABEL, NO_IMAGE_TOKEN},
};

use crate::{SampleSettings, samples_of, test_trajectories::trajectory};

/// One line for each pass that the released code makes, in its order.
fn released_passes(points: &[Vec<u8>]) -> String {
    let schedule = Schedule::bands(Geometry::JANUS, points.len()).unwrap();
    let (trajectory, tokens) = trajectory(schedule, points);
    let (reward, settings) = (Score::MAX, SampleSettings::default());
    let samples = samples_of(&trajectory, &tokens, reward, &settings, &ByteTokenizer::new()).unwrap();
    let mut lines = Vec::new();
    for janus in &samples.janus {
        let (k, attempt) = (janus.head.region_index + 1, janus.head.attempt);
        let chat = samples.sft.iter().find(|sft| sft.head == janus.head);
        let redo = if attempt == 0 { "" } else { " again" };
        match (janus.head.task, chat) {
            // A redo's thought is the critic's and is not asked for.
            (TaskKind::Think | TaskKind::Reflect, _) if attempt > 0 => {}
            (TaskKind::Think, Some(chat)) => lines.push((0, format!("think {k}: {}", seen(chat)))),
            (TaskKind::Reflect, Some(chat)) => lines.push((2, format!("reflect {k}: {}", seen(chat)))),
            _ => lines.push((1, format!("generate {k}{redo}: {}", generated(janus)))),
        }
    }
    // Samples come as think, reflect, generate; the passes are made as think, generate, reflect.
    let mut ordered: Vec<String> = Vec::new();
    for triple in lines.chunk_by(|(_, _), (order, _)| *order != 0) {
        let (mut first, redone): (Vec<_>, Vec<_>) =
            triple.iter().partition(|(_, line)| !line.contains(" again: "));
        first.sort_by_key(|(order, _)| *order);
        ordered.extend(first.into_iter().chain(redone).map(|(_, line)| line.clone()));
    }
    ordered.join("\n")
}

/// The picture that an understanding pass sees, its ids, and the thoughts that it is told, in order.
fn seen(chat: &SftSample) -> String {
    let mut told = Vec::new();
    for part in &chat.messages[0].parts {
        if let SftPart::Text(text) = part {
            assert!(text.contains("Prompt: a red duck on a green pond\n"), "{text}");
            let descriptions = text.lines().filter(|line| line.starts_with("Region "));
            told.extend(descriptions.filter_map(|line| line.split_once(": ")).map(|(_, thought)| thought));
        }
    }
    let picture = match (chat.images.as_slice(), chat.image_tokens.as_slice()) {
        ([], []) => "no picture".to_owned(),
        ([image], [ids]) => format!("{} = {}", String::from_utf8_lossy(image.bytes()), runs(ids)),
        other => panic!("{other:?}"),
    };
    format!("{picture} | {}", told.join(" "))
}

/// The text in front, the ids behind it, and where those that are learnt stand in the grid.
fn generated(janus: &JanusSample) -> String {
    let start = janus.prompt_len as usize;
    let text = ByteTokenizer::new().readable(&janus.input_ids[..start]);
    let ids = &janus.vq_ids[start..];
    let learnt = janus.vq_labels[start..].iter().position(|&label| label != IGNORED_LABEL).unwrap();
    assert!(janus.vq_ids[..start].iter().all(|&id| id == NO_IMAGE_TOKEN));
    assert_eq!(janus.vq_labels[start + learnt..], ids[learnt..]);
    let text = text.strip_prefix("<｜begin▁of▁sentence｜>").unwrap().replace('\n', "⏎");
    format!("{text}[{}] → [{}] at {learnt}..{}", runs(&ids[..learnt]), runs(&ids[learnt..]), ids.len())
}

fn runs<T: PartialEq + std::fmt::Display>(ids: &[T]) -> String {
    ids.chunk_by(|a, b| a == b).map(|run| format!("{}×{}", run[0], run.len())).collect::<Vec<_>>().join(" ")
}

#[test]
fn three_regions_accepted_at_once() {
    assert_snapshot!(released_passes(&[vec![20], vec![20], vec![20]]), @"
    think 1: no picture | 
    generate 1: User: Thought 0.0.⏎⏎Assistant:<begin_of_image>[] → [10×192] at 0..192
    reflect 1: canvas 0.0 = 10×192 0×384 | Thought 0.0.
    think 2: canvas 0.0 = 10×192 0×384 | Thought 0.0.
    generate 2: User: Thought 0.0. Thought 1.0.⏎⏎Assistant:<begin_of_image>[10×192] → [20×192] at 192..384
    reflect 2: canvas 1.0 = 10×192 20×192 0×192 | Thought 0.0. Thought 1.0.
    think 3: canvas 1.0 = 10×192 20×192 0×192 | Thought 0.0. Thought 1.0.
    generate 3: User: Thought 0.0. Thought 1.0. Thought 2.0.⏎⏎Assistant:<begin_of_image>[10×192 20×192] → [30×192] at 384..576
    reflect 3: canvas 2.0 = 10×192 20×192 30×192 | Thought 0.0. Thought 1.0. Thought 2.0.
    ");
}

#[test]
fn three_regions_redone() {
    assert_snapshot!(released_passes(&[vec![5, 20], vec![5, 20], vec![5, 20]]), @"
    think 1: no picture | 
    generate 1: User: Thought 0.0.⏎⏎Assistant:<begin_of_image>[] → [10×192] at 0..192
    reflect 1: canvas 0.0 = 10×192 0×384 | Thought 0.0.
    generate 1 again: User: Thought 0.1.⏎⏎Assistant:<begin_of_image>[] → [11×192] at 0..192
    think 2: canvas 0.1 = 11×192 0×384 | Thought 0.1.
    generate 2: User: Thought 0.1. Thought 1.0.⏎⏎Assistant:<begin_of_image>[11×192] → [20×192] at 192..384
    reflect 2: canvas 1.0 = 11×192 20×192 0×192 | Thought 0.1. Thought 1.0.
    generate 2 again: User: Thought 0.1. Thought 1.1.⏎⏎Assistant:<begin_of_image>[11×192] → [21×192] at 192..384
    think 3: canvas 1.1 = 11×192 21×192 0×192 | Thought 0.1. Thought 1.1.
    generate 3: User: Thought 0.1. Thought 1.1. Thought 2.0.⏎⏎Assistant:<begin_of_image>[11×192 21×192] → [30×192] at 384..576
    reflect 3: canvas 2.0 = 11×192 21×192 30×192 | Thought 0.1. Thought 1.1. Thought 2.0.
    generate 3 again: User: Thought 0.1. Thought 1.1. Thought 2.1.⏎⏎Assistant:<begin_of_image>[11×192 21×192] → [31×192] at 384..576
    ");
}

#[test]
fn the_second_of_three_regions_redone() {
    assert_snapshot!(released_passes(&[vec![20], vec![5, 20], vec![20]]), @"
    think 1: no picture | 
    generate 1: User: Thought 0.0.⏎⏎Assistant:<begin_of_image>[] → [10×192] at 0..192
    reflect 1: canvas 0.0 = 10×192 0×384 | Thought 0.0.
    think 2: canvas 0.0 = 10×192 0×384 | Thought 0.0.
    generate 2: User: Thought 0.0. Thought 1.0.⏎⏎Assistant:<begin_of_image>[10×192] → [20×192] at 192..384
    reflect 2: canvas 1.0 = 10×192 20×192 0×192 | Thought 0.0. Thought 1.0.
    generate 2 again: User: Thought 0.0. Thought 1.1.⏎⏎Assistant:<begin_of_image>[10×192] → [21×192] at 192..384
    think 3: canvas 1.1 = 10×192 21×192 0×192 | Thought 0.0. Thought 1.1.
    generate 3: User: Thought 0.0. Thought 1.1. Thought 2.0.⏎⏎Assistant:<begin_of_image>[10×192 21×192] → [30×192] at 384..576
    reflect 3: canvas 2.0 = 10×192 21×192 30×192 | Thought 0.0. Thought 1.1. Thought 2.0.
    ");
}
