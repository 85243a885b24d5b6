//! Rows that went into stages and came out of them.

use crate::{error::RunError, job::Stage, part::PartRows, release::Parts, tokens::Chosen};

/// What the release takes from a trajectory must have come out of the stages before.
pub(super) fn check_chain(parts: &Parts, chosen: Option<&Chosen>) -> Result<(), RunError> {
    let sum = |parts: &[PartRows], rows: fn(&PartRows) -> u64| parts.iter().map(rows).sum::<u64>();
    let made = sum(&parts.trajectories, |part| part.rows_out);
    let encoded = chosen.map_or(made, |chosen| chosen.values().map(|ids| ids.len() as u64).sum());
    let stages = [
        (Stage::Judgements, &parts.judgements, made),
        (Stage::Measures, &parts.measures, made),
        (Stage::Tokens, &parts.tokens, encoded),
    ];
    for (stage, parts, wanted) in stages {
        let taken = sum(parts, |part| part.rows_in);
        if taken != wanted {
            let name = stage.as_str();
            return Err(RunError::Accounting(format!(
                "{wanted} trajectories were made for {name}, and it took in {taken}"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::part::FileRecord;

    fn part(rows_in: u64, rows_out: u64) -> PartRows {
        PartRows { rows_in, rows_out, file: FileRecord { bytes: 0, sha256: String::new() } }
    }

    #[test]
    fn a_row_that_a_stage_never_saw_fails_the_run() {
        let parts = |judged| Parts {
            trajectories: vec![part(5, 4)],
            judgements: vec![part(judged, judged)],
            measures: vec![part(4, 4)],
            tokens: vec![part(4, 4)],
        };
        check_chain(&parts(4), None).unwrap();
        let lost = check_chain(&parts(3), None).unwrap_err();
        assert!(
            lost.to_string().contains("4 trajectories were made for judgements, and it took in 3"),
            "{lost}"
        );
    }
}
