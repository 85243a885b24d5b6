//! Singular and plural.

const IRREGULAR: &[(&str, &str)] = &[
    ("man", "men"),
    ("woman", "women"),
    ("person", "people"),
    ("child", "children"),
    ("mouse", "mice"),
    ("goose", "geese"),
    ("foot", "feet"),
    ("tooth", "teeth"),
    ("knife", "knives"),
    ("leaf", "leaves"),
    ("loaf", "loaves"),
    ("shelf", "shelves"),
    ("bookshelf", "bookshelves"),
    ("scarf", "scarves"),
    ("calf", "calves"),
    ("wolf", "wolves"),
    ("die", "dice"),
    ("cactus", "cacti"),
];

/// Nouns that are the same in both numbers.
const UNCHANGED: &[&str] = &[
    "fish",
    "goldfish",
    "sheep",
    "deer",
    "shrimp",
    "glasses",
    "sunglasses",
    "eyeglasses",
    "pants",
    "jeans",
    "shorts",
    "trousers",
    "scissors",
    "chopsticks",
    "headphones",
    "gloves",
    "shoes",
    "boots",
    "socks",
    "sneakers",
    "sandals",
    "heels",
    "slippers",
    "loafers",
    "luggage",
    "cutlery",
    "silverware",
];

/// The forms that a word could be the plural of, itself first.
pub(crate) fn singulars(word: &str) -> Vec<String> {
    let mut forms = vec![word.to_owned()];
    if let Some((singular, _)) = IRREGULAR.iter().find(|(_, plural)| *plural == word) {
        forms.push((*singular).to_owned());
    }
    if let Some(stem) = word.strip_suffix("ies") {
        forms.push(format!("{stem}y"));
    }
    forms.extend(word.strip_suffix("es").map(str::to_owned));
    forms.extend(word.strip_suffix('s').map(str::to_owned));
    forms
}

/// The plural of a noun, which may be several words.
pub(crate) fn plural(noun: &str) -> String {
    let (first, last) =
        noun.rsplit_once(' ').map_or(("", noun), |(first, last)| (&noun[..=first.len()], last));
    if let Some((_, plural)) = IRREGULAR.iter().find(|(singular, _)| *singular == last) {
        return format!("{first}{plural}");
    }
    if UNCHANGED.contains(&last) {
        return noun.to_owned();
    }
    let ending = |endings: &[&str]| endings.iter().any(|ending| last.ends_with(ending));
    if ending(&["s", "x", "ch", "sh"]) || matches!(last, "tomato" | "potato" | "mango") {
        format!("{noun}es")
    } else if last.ends_with('y') && !ending(&["ay", "ey", "oy", "uy"]) {
        format!("{}ies", &noun[..noun.len() - 1])
    } else {
        format!("{noun}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_lead_back_to_their_singulars() {
        for noun in
            ["dog", "knife", "strawberry", "couch", "tomato", "key", "toy", "goldfish", "box", "woman"]
        {
            let plural = plural(noun);
            assert!(singulars(&plural).iter().any(|form| form == noun), "{plural} of {noun}");
        }
        assert_eq!(plural("school bus"), "school buses");
        assert_eq!(plural("cherry"), "cherries");
    }
}
