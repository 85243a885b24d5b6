//! The critic and the judge: pixels in, scores and words out.
//!
//! Neither sees the scene that was painted, the painter's seeds or its mistakes: what they know of a picture
//! they have measured in it, and what it should show they have read in the thoughts and the prompt.

use twig_imaging::RgbImage;
use twig_model::{CriterionScores, Schedule};

use crate::{
    color::Color,
    inspection::{Inspection, Problem, inspect},
    lexicon::number_word,
    nouns::plural,
    percept::View,
    scene::{Shape, Texture},
    thinker::{SIDES, article, band},
};

/// What the critic says of a region.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Opinion {
    pub(crate) scores: CriterionScores,
    pub(crate) comment: String,
    pub(crate) revised_thought: String,
}

/// Scores region `k` of a canvas that has been painted so far.
pub(crate) fn critique(
    canvas: &RgbImage,
    prompt: &str,
    thoughts: &[String],
    schedule: &Schedule,
    k: usize,
) -> Opinion {
    let (_, painted) = band(&schedule.regions()[k], schedule);
    let inspection = inspect(&View::of(canvas, painted), prompt, thoughts, schedule, k);
    let thought = thoughts.get(k).map_or("", String::as_str);
    Opinion {
        scores: scores(&inspection),
        comment: comment(&inspection),
        revised_thought: revised(thought, &inspection.problems),
    }
}

/// Scores a finished picture, or one region of it.
pub(crate) fn judge(
    picture: &RgbImage,
    prompt: &str,
    thoughts: &[String],
    schedule: &Schedule,
    region: Option<usize>,
) -> (CriterionScores, String) {
    let view = View::of(picture, 1.0);
    let regions = region.map_or(0..schedule.num_regions(), |region| region..region + 1);
    let inspections: Vec<Inspection> =
        regions.map(|region| inspect(&view, prompt, thoughts, schedule, region)).collect();
    let worst = inspections
        .iter()
        .map(points)
        .fold([20; 5], |worst, points| std::array::from_fn(|at| worst[at].min(points[at])));
    let mut comments: Vec<String> =
        inspections.iter().filter(|inspection| !inspection.problems.is_empty()).map(comment).collect();
    if comments.is_empty() {
        comments.push("Everything that the prompt names is there, as it says.".to_owned());
    }
    (CriterionScores::new(worst).expect("points are kept within 0 to 20"), comments.join(" "))
}

fn scores(inspection: &Inspection) -> CriterionScores {
    CriterionScores::new(points(inspection)).expect("points are kept within 0 to 20")
}

/// Points in the order of the criteria: colour, completeness, detail, places, coherence.
fn points(inspection: &Inspection) -> [i64; 5] {
    // Small measured deviations cost a point or two and never acceptance.
    let small = |measure: f32, unit: f32, most: f32| (measure / unit).clamp(0.0, most).round() as i64;
    let mut lost = [
        small(inspection.worst_color, 4.0, 2.0),
        small(1.0 - inspection.worst_overlap, 0.07, 2.0),
        small(1.0 - inspection.worst_overlap, 0.1, 1.0),
        small(inspection.worst_place, 0.08, 2.0),
        0,
    ];
    for problem in &inspection.problems {
        let costs = match problem {
            Problem::Missing { .. } => [0, 14, 2, 3, 1],
            Problem::Extra { .. } => [0, 12, 0, 2, 5],
            Problem::WrongColor { distance, .. } => [11 + (distance / 6.0).min(7.0) as i64, 0, 1, 0, 1],
            Problem::WrongPlace { .. } => [0, 1, 0, 14, 2],
            Problem::Misshapen { .. } => [0, 12, 4, 1, 2],
            Problem::CutOff { .. } => [0, 13, 2, 0, 4],
            Problem::Faded => [6, 0, 12, 0, 3],
        };
        lost.iter_mut().zip(costs).for_each(|(lost, cost)| *lost += cost);
    }
    lost.map(|lost| (20 - lost).max(0))
}

fn comment(inspection: &Inspection) -> String {
    if inspection.problems.is_empty() {
        return "Everything that the thought names is in place, whole and in the right colours.".to_owned();
    }
    let mut sentences: Vec<String> = Vec::new();
    for sentence in inspection.problems.iter().map(described) {
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    sentences.join(" ")
}

fn described(problem: &Problem) -> String {
    match problem {
        Problem::Missing { figure, found } if figure.of > 1 && *found > 0 => format!(
            "Only {} of the {} {} can be seen.",
            number_word(*found),
            number_word(figure.of),
            plural(&figure.noun)
        ),
        Problem::Missing { figure, .. } => format!("The {} {} missing.", figure.noun, is(&figure.noun)),
        Problem::Extra { x, like: Some(figure) } => {
            format!("There is one {} too many {}.", figure.noun, side_words(*x))
        }
        Problem::Extra { x, like: None } => {
            format!("Something stands {} that the thought does not name.", side_words(*x))
        }
        Problem::WrongColor { figure, seen, .. } => match (figure.look.texture, figure.look.color) {
            (Some(texture), None) => {
                let do_not = if is_plural(&figure.noun) { "do not" } else { "does not" };
                format!("The {} {do_not} look {}.", figure.noun, made_of(texture))
            }
            (_, Some(color)) => {
                format!(
                    "The {} {} {} instead of {}.",
                    figure.noun,
                    is(&figure.noun),
                    Color::nearest(*seen).name,
                    color.name
                )
            }
            (None, None) => format!("The {} has an unnatural colour.", figure.noun),
        },
        Problem::WrongPlace { figure } if is_plural(&figure.noun) => {
            format!("The {} are not where they should be.", figure.noun)
        }
        Problem::WrongPlace { figure } => format!("The {} is not where it should be.", figure.noun),
        Problem::Misshapen { figure } => match figure.look.shape {
            Some(shape) => format!("The {} {} not {}.", figure.noun, is(&figure.noun), shaped(shape)),
            None if is_plural(&figure.noun) => format!("The {} do not have their form.", figure.noun),
            None => format!("The {} does not have its form.", figure.noun),
        },
        Problem::CutOff { figure } => format!("A side of the {} is cut off.", figure.noun),
        Problem::Faded => "The region is faded and lacks contrast.".to_owned(),
    }
}

/// Whether a noun is a plural by itself, like `gloves`.
fn is_plural(noun: &str) -> bool {
    noun.ends_with('s') && article(noun).is_empty()
}

fn is(noun: &str) -> &'static str {
    if is_plural(noun) { "are" } else { "is" }
}

/// How something of a material looks: `like leather`.
fn made_of(texture: Texture) -> &'static str {
    match texture {
        Texture::Wooden => "like wood",
        Texture::Metallic => "like metal",
        Texture::Glass => "like glass",
        Texture::Fabric => "like fabric",
        Texture::Leather => "like leather",
        Texture::Plastic => "like plastic",
        Texture::Rubber => "like rubber",
        Texture::Fluffy => "fluffy",
    }
}

/// The word for a shape behind a verb.
fn shaped(shape: Shape) -> &'static str {
    match shape {
        Shape::Diamond => "diamond-shaped",
        Shape::Teardrop => "teardrop-shaped",
        Shape::Crescent => "crescent-shaped",
        other => other.name(),
    }
}

/// The thought with one sentence on what to mend; the thought itself where nothing is wrong.
fn revised(thought: &str, problems: &[Problem]) -> String {
    if problems.is_empty() {
        return thought.to_owned();
    }
    let mut orders: Vec<String> = Vec::new();
    for order in problems.iter().map(remedy) {
        if !orders.contains(&order) {
            orders.push(order);
        }
    }
    orders.truncate(3);
    let orders = orders.join(", and ");
    let first = thought.split_inclusive(". ").next().unwrap_or(thought).trim_end();
    let mut letters = orders.chars();
    let begin: String = letters.next().map(|letter| letter.to_ascii_uppercase()).into_iter().collect();
    format!("{first} {begin}{}.", letters.as_str())
}

fn remedy(problem: &Problem) -> String {
    match problem {
        Problem::Missing { figure, .. } | Problem::Extra { like: Some(figure), .. } if figure.of > 1 => {
            format!("draw exactly {} {}", number_word(figure.of), plural(&figure.noun))
        }
        Problem::Missing { figure, .. } => format!("draw the {} as well", figure.noun),
        Problem::Extra { like: Some(figure), .. } => format!("draw just one {}", figure.noun),
        Problem::Extra { like: None, .. } => "leave out everything else".to_owned(),
        Problem::WrongColor { figure, .. } => match (figure.look.color, figure.look.texture) {
            (Some(color), _) => format!("paint the {} {}", figure.noun, color.name),
            (None, Some(texture)) => format!("give the {} a {} surface", figure.noun, texture.name()),
            (None, None) => format!("paint the {} in its natural colours", figure.noun),
        },
        Problem::WrongPlace { figure } => {
            let place = figure.side.map_or("its own place", side_words);
            format!("move the {} so that it stands {place}", figure.noun)
        }
        Problem::Misshapen { figure } => match figure.look.shape {
            Some(shape) => format!("give the {} a {} outline", figure.noun, shaped(shape)),
            None => format!("draw the {} clearly and whole", figure.noun),
        },
        Problem::CutOff { figure } => format!("complete the {} on all sides", figure.noun),
        Problem::Faded => "restore full colour and contrast".to_owned(),
    }
}

fn side_words(x: f32) -> &'static str {
    let distance = |(_, middle): &&(&'static str, f32)| (middle - x).abs();
    SIDES
        .iter()
        .min_by(|one, other| distance(one).total_cmp(&distance(other)))
        .map_or("in the centre", |(words, _)| words)
}
