use twig_model::{AnswerKey, JudgeCriterion, Judgement};

use crate::{PlainRow, record::record};

record! {
    impl Judgement {
        /// Id of the trajectory.
        trajectory_id as "id": String,
        /// The region that was judged, from 0; null for the whole picture.
        region_index: Option<u32>,
        /// Name of the judge.
        judge: String,
        /// The model that answered.
        model: String,
        /// Hash of the judge's prompt template; scores of different wordings do not compare.
        prompt_hash: String,
        /// What the number is about: `overall`, one of the five criteria, `question` or `comparison`.
        criterion: JudgeCriterion,
        /// The question that was asked, or the id of the trajectory compared with; null elsewhere.
        about: Option<String>,
        /// 0 to 100, but 0 to 20 for one of the five criteria.
        score: i32,
        /// Where the raw answer stands in the job's answer store.
        answer_key: AnswerKey,
    }
}

impl PlainRow for Judgement {
    const TABLE: &'static str = "judgements";
}
