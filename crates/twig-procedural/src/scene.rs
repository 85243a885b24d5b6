//! What a prompt says, as data: groups of objects with their attributes, and how they stand to each other.

use crate::{
    artwork::{Library, ObjectId},
    color::Color,
    sprite::Nature,
};

/// A prompt that has been understood.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scene {
    /// The objects in the order in which they are named; at least one.
    pub(crate) groups: Vec<Group>,
    /// How groups stand to each other.
    pub(crate) relations: Vec<Relation>,
    /// Where it takes place, if the prompt says so.
    pub(crate) place: Option<Place>,
    /// Colours that it names for what is behind the objects: `a blue sky`.
    pub(crate) backdrop: BackdropColors,
}

/// Colours named for the backdrop.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct BackdropColors {
    /// Of sky or wall.
    pub(crate) upper: Option<Color>,
    /// Of ground, water or floor.
    pub(crate) lower: Option<Color>,
}

impl Scene {
    /// Whether one figure is drawn standing on another, the two touching: a single thing on a single thing, neither
    /// of them also above, below, before or behind a third.
    pub(crate) fn touches(&self, relation: &Relation) -> bool {
        let pair = [relation.subject, relation.object];
        let is_sideways =
            |kind| matches!(kind, RelationKind::LeftOf | RelationKind::RightOf | RelationKind::Beside);
        relation.kind == RelationKind::On
            && pair.iter().all(|group| self.groups[*group].count == 1)
            && self.relations.iter().all(|other| {
                other == relation
                    || is_sideways(other.kind)
                    || !pair.contains(&other.subject) && !pair.contains(&other.object)
            })
    }
}

/// One or more objects of a kind, as one phrase of the prompt names them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group {
    /// The noun of the prompt, singular: `puppy`, though the drawing is that of a dog.
    pub(crate) noun: String,
    /// How many, 1 to [`MAX_COUNT`].
    pub(crate) count: u32,
    /// What is drawn.
    pub(crate) look: Look,
}

/// The largest count of one group, and the most figures in a picture.
pub(crate) const MAX_COUNT: u32 = 20;

/// What one figure looks like; the key of rendered drawings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Look {
    /// The drawing.
    pub(crate) object: ObjectId,
    /// The colour it is painted in; its natural colours otherwise.
    pub(crate) color: Option<Color>,
    /// The material it is made of.
    pub(crate) texture: Option<Texture>,
    /// The shape it is given.
    pub(crate) shape: Option<Shape>,
    /// How large it is for its kind.
    pub(crate) size: Option<Size>,
    /// What covers its surface.
    pub(crate) pattern: Option<Pattern>,
    /// Whether it is drawn the other way round.
    pub(crate) mirrored: bool,
}

impl Look {
    /// The object as it is by nature.
    pub(crate) fn natural(object: ObjectId) -> Self {
        Self { object, color: None, texture: None, shape: None, size: None, pattern: None, mirrored: false }
    }

    /// All ways of drawing what these words name, the usual one first: other drawings of the object, and each of
    /// them the other way round where that makes a difference. A shape bears the usual drawing.
    pub(crate) fn guises(self) -> Vec<Self> {
        if self.shape.is_some() {
            return vec![self];
        }
        let library = Library::get();
        let has_color = self.color.is_some() || self.texture.is_some();
        library
            .drawings(self.object)
            // Where a colour is named, a drawing that is dyed is the same drawing once more.
            .filter(|object| !has_color || library.object(*object).dye.is_none())
            .flat_map(|object| {
                let as_drawn = Self { object, mirrored: false, ..self };
                let turns = Nature::of(object).is_lopsided && !library.object(object).has_writing;
                [Some(as_drawn), turns.then_some(Self { mirrored: true, ..as_drawn })]
            })
            .flatten()
            .collect()
    }
}

/// Materials that change how a surface is painted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Texture {
    Wooden,
    Metallic,
    Glass,
    Fabric,
    Leather,
    Plastic,
    Rubber,
    Fluffy,
}

impl Texture {
    /// Every material.
    pub(crate) const ALL: [Self; 8] = [
        Self::Wooden,
        Self::Metallic,
        Self::Glass,
        Self::Fabric,
        Self::Leather,
        Self::Plastic,
        Self::Rubber,
        Self::Fluffy,
    ];

    /// The word for it in thoughts.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Wooden => "wooden",
            Self::Metallic => "metallic",
            Self::Glass => "glass",
            Self::Fabric => "fabric",
            Self::Leather => "leather",
            Self::Plastic => "plastic",
            Self::Rubber => "rubber",
            Self::Fluffy => "fluffy",
        }
    }

    /// The colour of the material where the prompt names none.
    pub(crate) fn rgb(self) -> [u8; 3] {
        match self {
            Self::Wooden => [176, 118, 66],
            Self::Metallic => [150, 160, 172],
            Self::Glass => [150, 214, 224],
            Self::Fabric => [196, 96, 124],
            Self::Leather => [126, 68, 36],
            Self::Plastic => [250, 192, 30],
            Self::Rubber => [56, 57, 64],
            Self::Fluffy => [238, 228, 208],
        }
    }
}

/// What covers a surface, whatever it is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Pattern {
    Striped,
    Spotted,
    Checkered,
    Colorful,
    Rough,
    Spiky,
}

impl Pattern {
    /// The word for it in thoughts.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Striped => "striped",
            Self::Spotted => "spotted",
            Self::Checkered => "checkered",
            Self::Colorful => "colorful",
            Self::Rough => "rough",
            Self::Spiky => "spiky",
        }
    }
}

/// Outlines that an object can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Shape {
    Round,
    Square,
    Rectangular,
    Triangular,
    Oval,
    Oblong,
    Pentagonal,
    Hexagonal,
    Diamond,
    Teardrop,
    Crescent,
    Star,
    Spherical,
    Cubic,
    Cylindrical,
    Conical,
    Pyramidal,
}

impl Shape {
    /// Every outline.
    pub(crate) const ALL: [Self; 17] = [
        Self::Round,
        Self::Square,
        Self::Rectangular,
        Self::Triangular,
        Self::Oval,
        Self::Oblong,
        Self::Pentagonal,
        Self::Hexagonal,
        Self::Diamond,
        Self::Teardrop,
        Self::Crescent,
        Self::Star,
        Self::Spherical,
        Self::Cubic,
        Self::Cylindrical,
        Self::Conical,
        Self::Pyramidal,
    ];

    /// The word for it in thoughts.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Round => "round",
            Self::Square => "square",
            Self::Rectangular => "rectangular",
            Self::Triangular => "triangular",
            Self::Oval => "oval",
            Self::Oblong => "oblong",
            Self::Pentagonal => "pentagonal",
            Self::Hexagonal => "hexagonal",
            Self::Diamond => "diamond",
            Self::Teardrop => "teardrop",
            Self::Crescent => "crescent",
            Self::Star => "star-shaped",
            Self::Spherical => "spherical",
            Self::Cubic => "cubic",
            Self::Cylindrical => "cylindrical",
            Self::Conical => "conical",
            Self::Pyramidal => "pyramidal",
        }
    }
}

/// Sizes that prompts name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Size {
    Big,
    Small,
    Tall,
    Short,
    Long,
}

impl Size {
    /// The word for it in thoughts.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Big => "big",
            Self::Small => "small",
            Self::Tall => "tall",
            Self::Short => "short",
            Self::Long => "long",
        }
    }

    /// Factors on width and height.
    pub(crate) fn factors(self) -> (f32, f32) {
        match self {
            Self::Big => (1.25, 1.25),
            Self::Small => (0.62, 0.62),
            Self::Tall => (0.95, 1.3),
            Self::Short => (0.85, 0.62),
            Self::Long => (1.3, 0.9),
        }
    }
}

/// `subject` stands so to `object`; both are indices into [`Scene::groups`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Relation {
    pub(crate) subject: usize,
    pub(crate) kind: RelationKind,
    pub(crate) object: usize,
}

/// The ways of standing to each other that are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum RelationKind {
    LeftOf,
    RightOf,
    Above,
    /// Above, and standing or lying there.
    On,
    Below,
    Beside,
    InFrontOf,
    Behind,
}

impl RelationKind {
    /// Whether one of the two touches or hides the other.
    pub(crate) fn is_close(self) -> bool {
        matches!(self, Self::On | Self::InFrontOf | Self::Behind)
    }
}

/// Where a scene takes place; decides what is painted behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    Meadow,
    Beach,
    Water,
    Snow,
    Street,
    Room,
    /// A room with a floor of wood.
    PlankFloor,
    Kitchen,
    Sky,
}
