//! What can be wrong with a picture.

use crate::settings::Faults;

/// The kinds of mistakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MistakeKind {
    /// A figure has another colour than the prompt names.
    WrongColor,
    /// An object of the prompt is not there.
    MissingObject,
    /// An object is there that the prompt does not name.
    ExtraObject,
    /// One too many or too few of a counted object.
    WrongCount,
    /// Two objects have changed places.
    WrongSide,
    /// Another shape than the prompt names.
    WrongShape,
    /// Another material than the prompt names.
    WrongTexture,
    /// A part of an object is missing.
    CutOff,
    /// A region is faded.
    WashedOut,
}

impl MistakeKind {
    /// The share of the picture's pixels that a mistake must change in a region to show there.
    pub const SHOWS: f32 = 0.004;

    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::WrongColor,
        Self::MissingObject,
        Self::ExtraObject,
        Self::WrongCount,
        Self::WrongSide,
        Self::WrongShape,
        Self::WrongTexture,
        Self::CutOff,
        Self::WashedOut,
    ];

    /// The name in settings and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WrongColor => "wrong_color",
            Self::MissingObject => "missing_object",
            Self::ExtraObject => "extra_object",
            Self::WrongCount => "wrong_count",
            Self::WrongSide => "wrong_side",
            Self::WrongShape => "wrong_shape",
            Self::WrongTexture => "wrong_texture",
            Self::CutOff => "cut_off",
            Self::WashedOut => "washed_out",
        }
    }

    pub(super) fn rate(self, faults: &Faults) -> f64 {
        match self {
            Self::WrongColor => faults.wrong_color,
            Self::MissingObject => faults.missing_object,
            Self::ExtraObject => faults.extra_object,
            Self::WrongCount => faults.wrong_count,
            Self::WrongSide => faults.wrong_side,
            Self::WrongShape => faults.wrong_shape,
            Self::WrongTexture => faults.wrong_texture,
            Self::CutOff => faults.cut_off,
            Self::WashedOut => faults.washed_out,
        }
    }
}

/// A mistake in a painted picture: the ground truth that the critic never reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What kind.
    pub kind: MistakeKind,
    /// The regions in which it changes at least 0.4 % of the picture's pixels.
    pub regions: Vec<usize>,
    /// The regions in which it changes a pixel, but fewer than that.
    pub touched: Vec<usize>,
    /// What was done, for people.
    pub words: String,
}
