//! Reads noun phrases: determiner or number, adjectives, noun.

use crate::{
    artwork::{Library, ObjectId},
    lexicon::{self, Attribute},
    nouns::singulars,
    scene::{Group, Look},
};

/// A noun phrase as it stands in a text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NounPhrase {
    /// The group that it names.
    pub(crate) group: Group,
    /// Words that it takes.
    pub(crate) num_words: usize,
}

/// Reads the noun phrase that a text begins with: determiner or number, adjectives, noun.
pub(crate) fn noun_phrase(words: &[String]) -> Option<NounPhrase> {
    let mut at = 0;
    let mut count = None;
    let word = |at: usize| words.get(at).map(String::as_str);
    while let Some(next) = word(at) {
        if matches!(next, "a" | "an" | "the" | "his" | "her" | "its" | "their") {
            at += 1;
        } else if let Some(number) = lexicon::number(next).filter(|_| count.is_none()) {
            count = Some(number);
            at += 1;
            at += usize::from(word(at) == Some("of"));
        } else if let Some(number) =
            lexicon::collective(next).filter(|_| word(at + 1) == Some("of") && count.is_none())
        {
            count = Some(number);
            at += 2;
        } else {
            break;
        }
    }
    let mut look = Look::natural(0);
    loop {
        let attribute = words.get(at..).and_then(lexicon::leading_attribute);
        let Some((attribute, length)) = attribute.filter(|(_, length)| qualifies(&words[at..], *length))
        else {
            break;
        };
        // Of two colours, materials or shapes only one could be drawn; the other is not dropped in silence.
        let is_first = match attribute {
            Attribute::Color(color) => look.color.replace(color).is_none_or(|other| other == color),
            Attribute::Texture(texture) => look.texture.replace(texture).is_none_or(|other| other == texture),
            Attribute::Shape(shape) => look.shape.replace(shape).is_none_or(|other| other == shape),
            Attribute::Size(size) => look.size.replace(size).is_none_or(|other| other == size),
            Attribute::Pattern(pattern) => look.pattern.replace(pattern).is_none_or(|other| other == pattern),
            Attribute::Plain => true,
        };
        if !is_first {
            return None;
        }
        at += length;
        let joins = matches!(word(at), Some("and" | ","));
        at += usize::from(joins && words.get(at + 1..).and_then(lexicon::leading_attribute).is_some());
    }
    let (object, noun, plural, length) = noun(words.get(at..)?)?;
    look.object = object;
    let count = count.unwrap_or(if plural { PLURAL_COUNT } else { 1 });
    (count > 0).then(|| NounPhrase { group: Group { noun, count, look }, num_words: at + length })
}

/// Whether the adjective that a text begins with qualifies a noun: `an orange cat`, but not `an orange and …`,
/// nor `a diamond ring`, which has a drawing of its own.
fn qualifies(words: &[String], length: usize) -> bool {
    let compound = plain_noun(words).is_some_and(|(.., noun_length)| noun_length > 1);
    let rest = &words[length..];
    let followed = rest.first().is_some_and(|next| matches!(next.as_str(), "and" | ","))
        || lexicon::leading_attribute(rest).is_some();
    !compound
        && (plain_noun(rest).is_some()
            || followed
                && (lexicon::attribute(&words[0]) != Some(Attribute::Plain) || rest.len() > 1)
                && plain_noun(words).is_none())
}

/// How many are drawn where a plural is named without a number.
const PLURAL_COUNT: u32 = 2;

/// The longest noun that a text begins with: object, singular form, whether plural, words taken.
///
/// Of several nouns in a row the last is what is drawn, the others qualify it: `coffee table`.
fn noun(words: &[String]) -> Option<(ObjectId, String, bool, usize)> {
    let (mut object, mut name, mut plural, mut length) = plain_noun(words)?;
    while let Some((next, next_name, next_plural, next_length)) = plain_noun(&words[length..]) {
        (object, plural) = (next, next_plural);
        name = format!("{name} {next_name}");
        length += next_length;
    }
    Some((object, name, plural, length))
}

pub(super) fn plain_noun(words: &[String]) -> Option<(ObjectId, String, bool, usize)> {
    let library = Library::get();
    let longest = library.longest_noun().min(words.len());
    (1..=longest).rev().find_map(|length| {
        let (last, first) = words[..length].split_last()?;
        singulars(last).into_iter().find_map(|singular| {
            let name =
                first.iter().map(String::as_str).chain([singular.as_str()]).collect::<Vec<_>>().join(" ");
            let object = library.find(&name)?;
            Some((object, name, singular != *last, length))
        })
    })
}
