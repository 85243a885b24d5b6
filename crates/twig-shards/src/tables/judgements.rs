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
        /// What the number is about: `overall`, or one of the five criteria.
        criterion: JudgeCriterion,
        /// 0 to 100 for `overall`, 0 to 20 for a criterion.
        score: i32,
        /// Where the raw answer stands in the job's answer store.
        answer_key: AnswerKey,
    }
}

impl PlainRow for Judgement {
    const TABLE: &'static str = "judgements";
}
