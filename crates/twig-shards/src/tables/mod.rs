//! One file a table: its record, and how rows become records and come back.
//!
//! `prompts`, `image_tokens`, `measures`, `rejected` and `calls` exist in a job's folder only, `selection` in
//! memory only; `trajectories` and `judgements` in a job's folder and in a release; those
//! in `foreign` are other people's and exist in exports only; all others in a release only.

mod calls;
mod critique_dpo;
mod dpo;
mod foreign;
mod grpo;
mod head;
mod image_tokens;
mod janus;
mod judgements;
mod measures;
mod prompts;
mod rejected;
mod sft;
mod steps;
mod tokens;
mod trajectories;

pub use calls::CallRow;
pub use critique_dpo::CritiqueDpoRecord;
pub use dpo::DpoRecord;
pub use foreign::{BagelPicture, BagelSequence, IrgConversation};
pub use grpo::{CountRecord, GrpoRecord, SpatialRecord};
pub use image_tokens::ImageTokensRow;
pub use janus::JanusRecord;
pub use measures::{MeasureRow, SelectionRow};
pub use rejected::RejectedRow;
pub(crate) use sft::IMAGE_TAG;
pub use sft::{ConversationTurn, MessagePart, MessageRecord, SftRecord};
pub use steps::{StepRow, StepTexts};
pub use tokens::TokensRow;
pub use trajectories::{
    AttemptRecord, FinalImage, FinalTokens, ReleaseTrajectory, TrajectoryListing, TrajectoryRecord,
    TrajectorySummary,
};

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use twig_model::{AnswerKey, Judgement, Prompt, RejectReason, Rejection, Role, SftSample, Trajectory};

    use super::*;
    use crate::{PartWriter, Row, TableReader, fixtures};

    /// Writes rows and reads them again.
    fn round_trip<T: Row + Clone>(rows: &[T]) -> Vec<T> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.parquet");
        let mut part = PartWriter::create(&path).unwrap();
        for row in rows {
            part.push(row.clone()).unwrap();
        }
        let part = part.commit().unwrap();
        assert_eq!(part.summary.rows, rows.len() as u64);
        TableReader::read_all(&path).unwrap()
    }

    #[track_caller]
    fn assert_round_trip<T: Row + Clone + PartialEq + Debug>(rows: impl IntoIterator<Item = T>) {
        let rows: Vec<T> = rows.into_iter().collect();
        assert!(rows == round_trip(&rows), "the rows of `{}` come back changed", T::TABLE);
    }

    #[test]
    fn every_table_gives_its_rows_back() {
        let releases: Vec<ReleaseTrajectory> = (0..5).map(fixtures::release_trajectory).collect();
        assert_round_trip(releases.iter().flat_map(StepRow::all_of));
        assert_round_trip(releases.iter().flat_map(fixtures::judgements));
        assert_round_trip(releases.iter().map(fixtures::sft_sample));
        assert_round_trip(releases.iter().flat_map(fixtures::janus_samples));
        assert_round_trip(releases.iter().filter_map(fixtures::dpo_pair));
        assert_round_trip(releases.iter().filter_map(fixtures::critique_pair));
        assert_round_trip(releases.iter().map(fixtures::prompt_group));
        assert_round_trip((0..5).map(fixtures::prompt));
        assert_round_trip((0..5).map(fixtures::trajectory));
        let tokens = |release: &ReleaseTrajectory| release.tokens.clone().unwrap();
        assert_round_trip(releases.iter().flat_map(|release| TokensRow::all_of("id", &tokens(release))));
        let row = |release: &ReleaseTrajectory| {
            let id = release.trajectory.id();
            ImageTokensRow::new(id.to_string(), id.prompt, tokens(release), Some(2345))
        };
        assert_round_trip(releases.iter().map(row));
        assert_round_trip(releases);
        assert_round_trip::<Judgement>([]);
    }

    #[test]
    fn rejections_and_calls_come_back_with_their_gaps() {
        let rejection = Rejection::new(RejectReason::Refused, "the teacher said no\nand meant it");
        let rejected =
            RejectedRow::new("id".to_owned(), "p".to_owned(), "color".to_owned(), "judgements", rejection);
        assert!(rejected.retryable);
        assert_round_trip([rejected]);
        let call = CallRow {
            prompt_id: fixtures::prompt(1).id,
            trajectory_id: None,
            stage: "trajectories".to_owned(),
            role: Role::Critic,
            model: "m".to_owned(),
            fingerprint: Some("fp".to_owned()),
            region_index: Some(2),
            attempt: 0,
            input_tokens: Some(u64::from(u32::MAX)),
            output_tokens: None,
            cost_micro_usd: None,
            maybe_paid_calls: 1,
            changed_outside: Some(7),
            latency_ms: 12,
            answer_key: Some(AnswerKey("ab".to_owned())),
            from_store: true,
            raw_text: Some(String::new()),
        };
        assert_round_trip([call.clone(), CallRow { answer_key: None, raw_text: None, ..call }]);
    }

    #[test]
    fn a_part_of_trajectories_stores_the_finished_picture_once() {
        let trajectory = fixtures::trajectory(0);
        assert_eq!(trajectory.clone().into_record().final_image, None);
        let mut other = trajectory;
        other.final_image = fixtures::trajectory(1).final_image;
        assert_eq!(round_trip(&[other.clone()]), [other]);
    }

    #[test]
    fn a_summary_is_read_from_parts_and_from_shards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.parquet");
        let mut part = PartWriter::create(&path).unwrap();
        part.push(fixtures::trajectory(3)).unwrap();
        part.commit().unwrap();
        let summaries: Vec<TrajectorySummary> = TableReader::read_all(&path).unwrap();
        let [summary] = summaries.as_slice() else { panic!("one row was written") };
        assert_eq!((summary.attempts, summary.num_steps, summary.min_step_score.get()), (4, 3, 96));
        assert_eq!(summary.prompt_id(), Ok(fixtures::prompt(3).id));
        let release = fixtures::release_trajectory(3).into_record();
        let batch = TrajectoryRecord::to_batch(vec![release]);
        assert_eq!(TrajectorySummary::from_batch(&batch).unwrap(), summaries);
    }

    #[test]
    fn a_tag_in_a_prompt_is_no_picture() {
        let record = fixtures::sft_sample(&fixtures::release_trajectory(0)).into_record();
        assert_eq!(record.conversations[0].value, "<image>What comes next in a < image > of 0 blue | birds?");
    }

    #[test]
    fn rows_that_contradict_themselves_are_refused() {
        let good = fixtures::release_trajectory(0).into_record();
        let refused = |change: fn(&mut TrajectoryRecord)| {
            let mut record = good.clone();
            change(&mut record);
            Trajectory::from_record(record).unwrap_err().to_string()
        };
        assert_eq!(
            refused(|record| record.id = "../../etc/passwd-0".to_owned()),
            "column `id`: `../../etc/passwd-0` is not `{prompt id}-{sample index}`"
        );
        assert_eq!(
            refused(|record| record.steps[2].image_index = 9),
            "column `steps.image_index`: no such picture"
        );
        assert_eq!(
            refused(|record| record.steps[0].attempt = 1),
            "column `steps`: attempts at a region do not stand together"
        );
        assert!(refused(|record| record.steps[0].color_accuracy = 21).contains("21 is not within 0 to 20"));
        assert!(refused(|record| record.meta.clear()).starts_with("column `meta`: "));
        let mut sample = fixtures::sft_sample(&fixtures::release_trajectory(0)).into_record();
        sample.messages[1].role = "system".to_owned();
        assert_eq!(
            SftSample::from_record(sample).unwrap_err().to_string(),
            "column `messages.role`: `system`"
        );
    }

    fn describe<T: Row>() -> String {
        let schema = T::schema();
        let fields = schema.fields().iter().map(|field| format!("{}: {}\n", field.name(), field.data_type()));
        format!("# {}\n{}{}\n", T::TABLE, fields.collect::<String>(), schema.metadata()["huggingface"])
    }

    /// A difference here is a change of the format: raise `SCHEMA_VERSION`.
    #[test]
    fn schemas_are_those_of_this_version() {
        let schemas = [
            describe::<Prompt>(),
            describe::<ImageTokensRow>(),
            describe::<RejectedRow>(),
            describe::<CallRow>(),
            describe::<ReleaseTrajectory>(),
            describe::<StepRow>(),
            describe::<Judgement>(),
            describe::<TokensRow>(),
            describe::<SftSample>(),
            describe::<twig_model::JanusSample>(),
            describe::<twig_model::DpoPair>(),
            describe::<twig_model::CritiquePair>(),
            describe::<twig_model::PromptGroup>(),
        ];
        insta::assert_snapshot!(schemas.join("\n"));
    }
}
