//! Columns that several tables share, declared once.

/// Declares the record of a training sample: the columns of its head, then those of the table; and how the head
/// goes in and comes out.
macro_rules! sample_record {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[doc = $doc:literal])+ $field:ident : $type:ty, )+
        }
    ) => {
        $crate::record::record! {
            $(#[$meta])*
            pub struct $name {
                /// `{trajectory id}-{task}-{region index}-{attempt}`.
                id: String,
                /// Id of the trajectory.
                trajectory_id: String,
                /// The text that is drawn.
                prompt: String,
                /// What kind of prompt it is.
                category: String,
                /// `think`, `reflect` or (in `janus` alone) `generate`.
                task: twig_model::TaskKind,
                /// The region that is asked about or painted, from 0.
                region_index: u32,
                /// Which attempt at this region, from 0.
                attempt: u32,
                /// Whether that attempt was accepted.
                accepted: bool,
                /// Whether the seeded default mix (think : generate = 1 : 1, no reflect) draws this sample.
                in_default_mix: bool,
                /// Reward of the finished picture, 0 to 100.
                reward: twig_model::Score,
                $( $(#[doc = $doc])+ $field: $type, )+
            }
        }

        impl $name {
            /// The columns of a head and those of the table.
            #[allow(clippy::too_many_arguments, reason = "one for each column")]
            fn from_head(head: twig_model::SampleHead, $( $field: $type ),+) -> Self {
                let twig_model::SampleHead {
                    id, trajectory_id, prompt, category, task, region_index, attempt, accepted,
                    in_default_mix, reward,
                } = head;
                Self {
                    id, trajectory_id, prompt, category, task, region_index, attempt, accepted,
                    in_default_mix, reward, $( $field ),+
                }
            }

            /// The head.
            fn head(&self) -> twig_model::SampleHead {
                twig_model::SampleHead {
                    id: self.id.clone(),
                    trajectory_id: self.trajectory_id.clone(),
                    prompt: self.prompt.clone(),
                    category: self.category.clone(),
                    task: self.task,
                    region_index: self.region_index,
                    attempt: self.attempt,
                    accepted: self.accepted,
                    in_default_mix: self.in_default_mix,
                    reward: self.reward,
                }
            }
        }
    };
}

/// Declares the record of an attempt at a region: some columns, then those that every attempt has, then the rest.
macro_rules! attempt_record {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[doc = $doc:literal])+ $field:ident : $type:ty, )*
            ..attempt,
            $( $(#[doc = $later_doc:literal])+ $later:ident : $later_type:ty, )*
        }
    ) => {
        $crate::record::record! {
            $(#[$meta])*
            pub struct $name {
                $( $(#[doc = $doc])+ $field: $type, )*
                /// Position among the attempts of the trajectory.
                step: u32,
                /// `generate` for the first attempt at a region, `redo` for those that follow a reflection.
                kind: String,
                /// Name of the region.
                region: String,
                /// Position of the region in the schedule, from 0.
                region_index: u32,
                /// Which attempt at this region, from 0.
                attempt: u32,
                /// First token of the region in raster order; null where it is not one run.
                token_start: Option<u32>,
                /// One past the last token of the region; null where it is not one run.
                token_end: Option<u32>,
                /// Token indices of the region where it is not one run.
                cells: Option<Vec<u32>>,
                /// What the region was to show.
                thought: String,
                /// What the critic said of it.
                critique: String,
                /// The thought with the named defects fixed; repeats it where nothing is wrong.
                revised_thought: String,
                /// Sum of the five criteria, 0 to 100.
                score: twig_model::Score,
                /// Colours are those the text names, 0 to 20.
                color_accuracy: i32,
                /// Everything named is there, whole and as often as said, 0 to 20.
                object_completeness: i32,
                /// Textures and details are rendered, 0 to 20.
                detail_richness: i32,
                /// Things stand where the text puts them, 0 to 20.
                spatial_relationships: i32,
                /// The region fits the rest of the picture, 0 to 20.
                visual_coherence: i32,
                /// Whether the score reached the acceptance threshold.
                accepted: bool,
                /// Position of its canvas in the trajectory's `images`.
                image_index: u32,
                $( $(#[doc = $later_doc])+ $later: $later_type, )*
            }
        }
    };
}

pub(super) use attempt_record;
pub(super) use sample_record;
