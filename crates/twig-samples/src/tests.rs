use proptest::prelude::*;
use twig_model::{JanusSample, RejectReason, Schedule, Score, SftPart, SftSample, TaskKind};
use twig_tokens::{
    ByteTokenizer, SpecialToken, TextTokenizer,
    layout::{IGNORED_LABEL, NO_IMAGE_TOKEN, PrefixStyle},
};

use crate::{
    MixWeights, SampleError, SampleSettings, Samples, samples_of,
    test_trajectories::{SMALL, canvas, token_id, trajectory},
};

const REWARD: i64 = 91;

fn samples(schedule: &Schedule, points: &[Vec<u8>], settings: &SampleSettings) -> Samples {
    let (trajectory, tokens) = trajectory(schedule.clone(), points);
    samples_of(&trajectory, &tokens, Score::new(REWARD).unwrap(), settings, &ByteTokenizer::new()).unwrap()
}

/// A run of the same thing as `thing×count`.
fn runs<T: PartialEq + std::fmt::Display>(items: &[T]) -> String {
    let run =
        |run: &[T]| if run.len() == 1 { run[0].to_string() } else { format!("{}×{}", run[0], run.len()) };
    items.chunk_by(|a, b| a == b).map(run).collect::<Vec<_>>().join(" ")
}

/// Text with runs of a special token shortened.
fn text_of(ids: &[i32]) -> String {
    let tokenizer = ByteTokenizer::new();
    let is_run_token = |id: i32| {
        [SpecialToken::ImagePlaceholder, SpecialToken::Pad]
            .map(|token| tokenizer.special_ids(token)[0])
            .contains(&id)
    };
    let runs = ids.chunk_by(|a, b| a == b || !is_run_token(*a) && !is_run_token(*b));
    let shown = |run: &[i32]| match run {
        [id, _, ..] if is_run_token(*id) => format!("{}×{}", tokenizer.readable(&[*id]), run.len()),
        _ => tokenizer.readable(run),
    };
    runs.map(shown).collect()
}

fn learnt(labels: &[i32]) -> Vec<i32> {
    labels.iter().copied().filter(|&label| label != IGNORED_LABEL).collect()
}

fn readable_janus(sample: &JanusSample) -> String {
    let head = &sample.head;
    let vq_ids: Vec<i32> = sample.vq_ids.iter().copied().filter(|&id| id != NO_IMAGE_TOKEN).collect();
    let images: Vec<_> = sample.images.iter().map(|image| String::from_utf8_lossy(image.bytes())).collect();
    format!(
        "==== {}\nlayout {}, accepted {}, in default mix {}, prompt_len {}, images {images:?}\n\
         ---- text\n{}\n---- learnt text\n{}\n---- image ids\n{}\n---- learnt image ids\n{}\n",
        head.id,
        sample.layout.as_str(),
        head.accepted,
        head.in_default_mix,
        sample.prompt_len,
        text_of(&sample.input_ids),
        text_of(&learnt(&sample.labels)),
        runs(&vq_ids),
        runs(&learnt(&sample.vq_labels)),
    )
}

fn readable_sft(sample: &SftSample) -> String {
    let mut lines = vec![format!("==== {}", sample.head.id)];
    for (image, ids) in sample.images.iter().zip(&sample.image_tokens) {
        lines.push(format!("image {:?}: {}", String::from_utf8_lossy(image.bytes()), runs(ids)));
    }
    for message in &sample.messages {
        lines.push(format!("---- {}", message.role));
        lines.extend(message.parts.iter().map(|part| match part {
            SftPart::Image => "<image>".to_owned(),
            SftPart::Text(words) => words.clone(),
        }));
    }
    lines.join("\n") + "\n"
}

/// Three regions, the second redone once.
fn small_samples(prefix: PrefixStyle) -> Samples {
    let schedule = Schedule::bands(SMALL, 3).unwrap();
    let settings = SampleSettings { prefix, ..SampleSettings::default() };
    samples(&schedule, &[vec![20], vec![11, 19], vec![18]], &settings)
}

#[test]
fn janus_samples_of_a_trajectory_with_a_redo() {
    let text: String = small_samples(PrefixStyle::Twig).janus.iter().map(readable_janus).collect();
    insta::assert_snapshot!(text);
}

#[test]
fn sft_samples_of_a_trajectory_with_a_redo() {
    let text: String = small_samples(PrefixStyle::Twig).sft.iter().map(readable_sft).collect();
    insta::assert_snapshot!(text);
}

#[test]
fn the_prefix_style_changes_the_generate_samples_alone() {
    let (twig, janus) = (small_samples(PrefixStyle::Twig), small_samples(PrefixStyle::Janus));
    assert_eq!(twig.sft, janus.sft);
    for (a, b) in twig.janus.iter().zip(&janus.janus) {
        assert_eq!(a == b, a.head.task != TaskKind::Generate);
    }
}

#[test]
fn regions_out_of_raster_order_have_no_generate_samples() {
    let mut reversed = serde_json::to_value(Schedule::bands(SMALL, 2).unwrap()).unwrap();
    let spans = [0, 1].map(|region: usize| reversed["regions"][region]["spans"].clone());
    for (region, span) in spans.into_iter().rev().enumerate() {
        reversed["regions"][region]["spans"] = span;
    }
    let schedule: Schedule = serde_json::from_value(reversed).unwrap();
    let samples = samples(&schedule, &[vec![9, 20], vec![20]], &SampleSettings::default());
    let reasons: Vec<_> = samples.rejected.iter().map(|row| (row.head.task, row.rejection.reason)).collect();
    assert_eq!(reasons, [(TaskKind::Generate, RejectReason::NotRaster); 3]);
    assert_eq!((samples.sft.len(), samples.janus.len()), (6, 6));
    // The lower half is painted first: the canvas before the second region has its ids at the end.
    let think_of_second = &samples.sft[4];
    assert_eq!(runs(&think_of_second.image_tokens[0]), "0×12 11×12");
}

#[test]
fn tokens_of_another_trajectory_are_refused() {
    let schedule = Schedule::bands(SMALL, 2).unwrap();
    let (trajectory, tokens) = trajectory(schedule, &[vec![20], vec![20]]);
    let refused = |tokens: &_| -> SampleError {
        let reward = Score::new(REWARD).unwrap();
        samples_of(&trajectory, tokens, reward, &SampleSettings::default(), &ByteTokenizer::new())
            .unwrap_err()
    };
    let mut other = tokens.clone();
    other.final_ids.pop();
    let id = "00000000000000ab-2";
    assert_eq!(
        refused(&other).to_string(),
        format!("trajectory {id}: final_ids has 23 entries, 24 are wanted")
    );
    let mut other = tokens.clone();
    other.attempt_ids.push(Vec::new());
    assert_eq!(
        refused(&other).to_string(),
        format!("trajectory {id}: attempt_ids has 3 entries, 2 are wanted")
    );
    let mut other = tokens;
    other.attempt_ids[1].push(5);
    assert_eq!(
        refused(&other).to_string(),
        format!("trajectory {id}: attempt_ids[1] has 13 entries, 12 are wanted")
    );
}

#[test]
fn samples_that_are_too_long_are_rejected_with_their_length() {
    let schedule = Schedule::bands(SMALL, 2).unwrap();
    let points = [vec![20], vec![20]];
    let all = samples(&schedule, &points, &SampleSettings::default());
    let mut lengths: Vec<usize> = all.janus.iter().map(|sample| sample.input_ids.len()).collect();
    lengths.sort_unstable();
    // The longest alone is left out, in both forms.
    let max_tokens = lengths[lengths.len() - 2] as u32;
    let fitting = samples(&schedule, &points, &SampleSettings { max_tokens, ..SampleSettings::default() });
    let [rejected] = fitting.rejected.as_slice() else { panic!("{:?}", fitting.rejected) };
    let longest = lengths[lengths.len() - 1];
    assert_eq!(rejected.rejection.reason, RejectReason::TooLong);
    assert_eq!(
        rejected.rejection.detail,
        format!("{longest} tokens where `release.max_tokens` allows {max_tokens}")
    );
    assert_eq!((fitting.janus.len(), fitting.sft.len()), (all.janus.len() - 1, all.sft.len() - 1));
    assert!(fitting.sft.iter().all(|sample| sample.head != rejected.head));
}

#[test]
fn a_prompt_is_dropped_on_request_and_nothing_else_changes() {
    let schedule = Schedule::bands(SMALL, 6).unwrap();
    let points = vec![vec![3, 20]; 6];
    let drawn = |prompt_drop, seed| {
        samples(&schedule, &points, &SampleSettings { prompt_drop, seed, ..SampleSettings::default() })
    };
    let (kept, all) = (drawn(0.0, 1), drawn(1.0, 1));
    for (kept, all) in kept.janus.iter().zip(&all.janus) {
        let is_generate = kept.head.task == TaskKind::Generate;
        assert_eq!((kept.prompt_dropped, all.prompt_dropped), (false, is_generate));
        assert_eq!(kept.input_ids == all.input_ids, !is_generate);
        assert_eq!((&kept.labels, &kept.vq_labels), (&all.labels, &all.vq_labels));
    }
    let half = |seed| drawn(0.5, seed).janus.iter().map(|sample| sample.prompt_dropped).collect::<Vec<_>>();
    assert!((1..12).contains(&half(1).iter().filter(|dropped| **dropped).count()));
    assert_eq!(half(1), half(1));
    assert_ne!(half(1), half(2));
}

#[test]
fn a_system_prompt_stands_before_chats_with_a_picture() {
    let settings = SampleSettings { system_prompt: "Look closely.".to_owned(), ..SampleSettings::default() };
    let samples = samples(&Schedule::bands(SMALL, 2).unwrap(), &[vec![20], vec![20]], &settings);
    for sample in &samples.janus {
        let is_told =
            text_of(&sample.input_ids).starts_with("<｜begin▁of▁sentence｜>Look closely.\n\n<|User|>");
        assert_eq!(is_told, !sample.images.is_empty());
    }
}

#[test]
fn the_mix_is_drawn_by_id_and_seed_among_accepted_samples() {
    let schedule = Schedule::bands(SMALL, 6).unwrap();
    let points = vec![vec![3, 20]; 6];
    let drawn = |seed| -> Vec<String> {
        let mix = MixWeights { think: 1.0, reflect: 1.0, generate: 0.5 };
        let samples = samples(&schedule, &points, &SampleSettings { mix, seed, ..SampleSettings::default() });
        let heads = samples.janus.into_iter().map(|sample| sample.head).filter(|head| head.in_default_mix);
        heads.inspect(|head| assert!(head.accepted)).map(|head| head.id).collect()
    };
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1), drawn(2));
    let count = |task: &str| drawn(1).iter().filter(|id| id.contains(task)).count();
    assert_eq!((count("think"), count("reflect")), (6, 6));
    assert!((1..6).contains(&count("generate")), "{}", count("generate"));
}

fn any_points() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(0u8..=20, 1..4), 1..7)
}

proptest! {
    #[test]
    fn every_attempt_has_one_sample_of_each_group(points in any_points(), is_twig: bool) {
        let schedule = Schedule::bands(SMALL, points.len()).unwrap();
        let prefix = if is_twig { PrefixStyle::Twig } else { PrefixStyle::Janus };
        let samples = samples(&schedule, &points, &SampleSettings { prefix, ..SampleSettings::default() });
        let num_attempts: usize = points.iter().map(Vec::len).sum();
        prop_assert!(samples.rejected.is_empty());
        prop_assert_eq!(samples.sft.len(), 2 * num_attempts);
        prop_assert_eq!(samples.janus.len(), 3 * num_attempts);
        for task in TaskKind::ALL {
            let of_task = samples.janus.iter().filter(|sample| sample.head.task == task);
            prop_assert_eq!(of_task.count(), num_attempts);
        }
        let ids: std::collections::HashSet<&str> =
            samples.janus.iter().map(|sample| sample.head.id.as_str()).collect();
        prop_assert_eq!(ids.len(), samples.janus.len());
        for sample in &samples.sft {
            let twin = samples.janus.iter().find(|janus| janus.head == sample.head).unwrap();
            prop_assert_eq!(&twin.images, &sample.images);
        }
    }

    #[test]
    fn samples_see_the_attempts_that_stay_and_their_own(points in any_points()) {
        let schedule = Schedule::bands(SMALL, points.len()).unwrap();
        let samples = samples(&schedule, &points, &SampleSettings::default());
        let last = |region: usize| points[region].len() - 1;
        // Ids of the canvas with `num_done` regions as they stay in the picture, then `own`, then zeros.
        let canvas_ids = |num_done: usize, own: Option<u32>| -> Vec<u32> {
            let stays = (0..num_done).map(|region| token_id(region, last(region)));
            let by_region: Vec<u32> = stays.chain(own).chain(std::iter::repeat(0)).take(points.len()).collect();
            let regions = schedule.regions().iter();
            regions.flat_map(|region| vec![by_region[region.index]; region.num_tokens() as usize]).collect()
        };
        for sample in &samples.sft {
            let (k, attempt) = (sample.head.region_index as usize, sample.head.attempt as usize);
            match sample.head.task {
                TaskKind::Think if k == 0 => prop_assert!(sample.images.is_empty()),
                TaskKind::Think => {
                    prop_assert_eq!(&sample.images, &[canvas(k - 1, last(k - 1))]);
                    prop_assert_eq!(&sample.image_tokens, &[canvas_ids(k, None)]);
                }
                TaskKind::Reflect => {
                    prop_assert_eq!(&sample.images, &[canvas(k, attempt)]);
                    prop_assert_eq!(&sample.image_tokens, &[canvas_ids(k, Some(token_id(k, attempt)))]);
                }
                TaskKind::Generate => prop_assert!(false, "generate samples are no chats"),
            }
        }
        for sample in samples.janus.iter().filter(|sample| sample.head.task == TaskKind::Generate) {
            let (k, attempt) = (sample.head.region_index as usize, sample.head.attempt as usize);
            let start = sample.prompt_len as usize;
            let painted: Vec<i32> =
                canvas_ids(k, Some(token_id(k, attempt))).into_iter().filter(|&id| id != 0).map(|id| id as i32).collect();
            prop_assert_eq!(&sample.vq_ids[start..], &painted);
            let num_targets = schedule.regions()[k].num_tokens() as usize;
            prop_assert_eq!(learnt(&sample.vq_labels), &painted[painted.len() - num_targets..]);
            let thoughts: Vec<String> = (0..k)
                .map(|region| format!("Thought {region}.{}.", last(region)))
                .chain([format!("Thought {k}.{attempt}.")])
                .collect();
            let wanted = format!("User: {}\n\nAssistant:", thoughts.join(" "));
            prop_assert_eq!(text_of(&sample.input_ids[1..start - 1]), wanted);
        }
    }

    #[test]
    fn accepted_samples_come_in_equal_numbers(points in any_points()) {
        let schedule = Schedule::bands(SMALL, points.len()).unwrap();
        let samples = samples(&schedule, &points, &SampleSettings::default());
        let count = |task: TaskKind, wanted: fn(&JanusSample) -> bool| {
            samples.janus.iter().filter(|sample| sample.head.task == task && wanted(sample)).count()
        };
        let num_accepted = points.iter().flatten().filter(|&&points| points >= 18).count();
        for task in TaskKind::ALL {
            prop_assert_eq!(count(task, |sample| sample.head.accepted), num_accepted);
        }
        prop_assert_eq!(count(TaskKind::Think, |sample| sample.head.in_default_mix), num_accepted);
        prop_assert_eq!(count(TaskKind::Generate, |sample| sample.head.in_default_mix), num_accepted);
        prop_assert_eq!(count(TaskKind::Reflect, |sample| sample.head.in_default_mix), 0);
    }
}
