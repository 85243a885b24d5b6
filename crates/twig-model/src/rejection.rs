use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a row did not become data. The list is closed: reports, tables and `twig retry` rely on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// Another prompt has the same normalised text.
    DuplicatePrompt,
    /// The prompt or a sample made from it is longer than the setting allows.
    TooLong,
    /// The teacher cannot work with this prompt; the detail names the words it did not understand.
    UnsupportedPrompt,
    /// The teacher declined, for example for policy reasons.
    Refused,
    /// The teacher's answers kept missing the form that was asked for.
    InvalidAnswer,
    /// The teacher's picture could not be decoded or exceeds the limits.
    BadPicture,
    /// The teacher failed on this request, and kept failing.
    TeacherFailed,
    /// It overlaps with an evaluation set; the detail names the set's row and what they share.
    Contaminated,
    /// Almost the same as another row, which stays; the detail names it.
    NearDuplicate,
    /// Its thoughts or critiques fail a quality gate; the detail names the gate.
    TextGate,
    /// A judge compares samples of a prompt, and no other sample of this one was made.
    NothingToCompare,
    /// The release's filter removed it; the detail names the clause.
    Filtered,
    /// Better rows filled the quota of its prompt or category.
    OverQuota,
    /// A generate sample of regions that are no raster spans in order: there is no sequence to go on with.
    NotRaster,
}

impl RejectReason {
    /// Every reason, in the order in which reports list them.
    pub const ALL: [Self; 14] = [
        Self::DuplicatePrompt,
        Self::TooLong,
        Self::UnsupportedPrompt,
        Self::Refused,
        Self::InvalidAnswer,
        Self::BadPicture,
        Self::TeacherFailed,
        Self::Contaminated,
        Self::NearDuplicate,
        Self::TextGate,
        Self::NothingToCompare,
        Self::Filtered,
        Self::OverQuota,
        Self::NotRaster,
    ];

    /// The name in tables and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DuplicatePrompt => "duplicate_prompt",
            Self::TooLong => "too_long",
            Self::UnsupportedPrompt => "unsupported_prompt",
            Self::Refused => "refused",
            Self::InvalidAnswer => "invalid_answer",
            Self::BadPicture => "bad_picture",
            Self::TeacherFailed => "teacher_failed",
            Self::Contaminated => "contaminated",
            Self::NearDuplicate => "near_duplicate",
            Self::TextGate => "text_gate",
            Self::NothingToCompare => "nothing_to_compare",
            Self::Filtered => "filtered",
            Self::OverQuota => "over_quota",
            Self::NotRaster => "not_raster",
        }
    }

    /// The reason of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }

    /// Whether asking once more can help.
    pub fn is_retryable(self) -> bool {
        match self {
            Self::Refused | Self::InvalidAnswer | Self::BadPicture | Self::TeacherFailed => true,
            Self::DuplicatePrompt
            | Self::TooLong
            | Self::UnsupportedPrompt
            | Self::Contaminated
            | Self::NearDuplicate
            | Self::TextGate
            | Self::NothingToCompare
            | Self::Filtered
            | Self::OverQuota
            | Self::NotRaster => false,
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The reason and the particulars for which a row was rejected. Data, not an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// Which of the closed list.
    pub reason: RejectReason,
    /// What exactly, in words for the reader of the table.
    pub detail: String,
}

impl Rejection {
    /// A rejection with its particulars.
    pub fn new(reason: RejectReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_found_by_the_name_it_is_stored_under() {
        for reason in RejectReason::ALL {
            assert_eq!(RejectReason::from_name(reason.as_str()), Some(reason));
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
    }
}
