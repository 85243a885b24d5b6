use twig_model::{CountMention, PromptMentions, SpatialMention};

use crate::{
    grammar,
    scene::{Group, RelationKind, Scene, Shape, Size, Texture},
};

/// What a prompt names, as rewards that count and locate objects need it; empty where it is not understood.
pub fn mentions(prompt: &str) -> PromptMentions {
    grammar::read(prompt).map(|scene| mentions_of(&scene)).unwrap_or_default()
}

fn mentions_of(scene: &Scene) -> PromptMentions {
    let nouns = scene.groups.iter().map(|group| group.noun.clone()).collect();
    let attr_nouns = scene.groups.iter().filter_map(with_attributes).collect();
    let spatial = scene.relations.iter().find_map(|relation| {
        let noun = |index: usize| scene.groups.get(index).map(|group| group.noun.clone());
        Some(SpatialMention {
            obj1: noun(relation.subject)?,
            obj2: noun(relation.object)?,
            locality: locality(relation.kind)?.to_owned(),
        })
    });
    let is_counted = scene.groups.iter().any(|group| group.count > 1);
    let counts = scene.groups.iter().filter(|_| is_counted);
    let counts = counts.map(|group| CountMention { obj_name: group.noun.clone(), num: group.count });
    PromptMentions { nouns, attr_nouns, spatial, counts: counts.collect() }
}

/// The noun behind its attributes; `None` where it has none.
fn with_attributes(group: &Group) -> Option<String> {
    let look = &group.look;
    let words = [
        look.size.map(Size::name),
        look.color.map(|color| color.name),
        look.texture.map(Texture::name),
        look.shape.map(Shape::name),
    ];
    let words: Vec<&str> = words.into_iter().flatten().collect();
    if words.is_empty() { None } else { Some(format!("{} {}", words.join(" "), group.noun)) }
}

/// T2I-CompBench's words for places in the plane; nothing for those in depth.
fn locality(kind: RelationKind) -> Option<&'static str> {
    match kind {
        RelationKind::LeftOf => Some("on the left of"),
        RelationKind::RightOf => Some("on the right of"),
        RelationKind::Above | RelationKind::On => Some("on the top of"),
        RelationKind::Below => Some("on the bottom of"),
        RelationKind::Beside => Some("next to"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_attributes_places_and_numbers_are_named() {
        let colors = mentions("a green bench and a red car");
        assert_eq!(colors.nouns, ["bench", "car"]);
        assert_eq!(colors.attr_nouns, ["green bench", "red car"]);
        assert_eq!((colors.spatial, colors.counts), (None, Vec::new()));
        let placed = mentions("a cat on the left of a dog").spatial.unwrap();
        assert_eq!(
            (placed.obj1.as_str(), placed.locality.as_str(), placed.obj2.as_str()),
            ("cat", "on the left of", "dog")
        );
        assert_eq!(mentions("a cat behind a dog").spatial, None);
        let counted = mentions("three cups and a dog").counts;
        let counted: Vec<_> = counted.iter().map(|count| (count.obj_name.as_str(), count.num)).collect();
        assert_eq!(counted, [("cup", 3), ("dog", 1)]);
        assert_eq!(mentions("the quintessence of zymurgy"), PromptMentions::default());
    }
}
