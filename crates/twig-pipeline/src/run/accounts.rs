//! Rows that went into stages and came out of them.

use std::collections::BTreeMap;

use twig_shards::StageAccount;

use crate::{error::RunError, job::Stage, part::PartRecord, release::Parts, tokens::Chosen};

/// What the release takes from a trajectory must have come out of the stages before.
pub(super) fn check_chain(parts: &Parts, chosen: Option<&Chosen>) -> Result<(), RunError> {
    let sum = |records: &[PartRecord], rows: fn(&PartRecord) -> u64| records.iter().map(rows).sum::<u64>();
    let made = sum(&parts.trajectories, |record| record.rows_out);
    let encoded = chosen.map_or(made, |chosen| chosen.values().map(|ids| ids.len() as u64).sum());
    let stages = [
        (Stage::Judgements, &parts.judgements, made),
        (Stage::Measures, &parts.measures, made),
        (Stage::Tokens, &parts.tokens, encoded),
    ];
    for (stage, records, wanted) in stages {
        let taken = sum(records, |record| record.rows_in);
        if taken != wanted {
            let name = stage.as_str();
            return Err(RunError::Accounting(format!(
                "{wanted} trajectories were made for {name}, and it took in {taken}"
            )));
        }
    }
    Ok(())
}

/// Rows in and out of a stage; every row that came in must have gone out or been rejected.
pub(crate) fn account(stage: Stage, records: &[PartRecord]) -> Result<StageAccount, RunError> {
    let mut account =
        StageAccount { stage: stage.as_str().to_owned(), rows_in: 0, rows_out: 0, rejected: BTreeMap::new() };
    for record in records {
        account.rows_in += record.rows_in;
        account.rows_out += record.rows_out;
        for (reason, count) in &record.rejected {
            *account.rejected.entry(*reason).or_insert(0) += count;
        }
    }
    if account.balances() {
        Ok(account)
    } else {
        Err(RunError::Accounting(format!("stage {} does not balance: {account:?}", account.stage)))
    }
}

#[cfg(test)]
mod tests {
    use twig_model::RejectReason;

    use super::*;
    use crate::{bill::Bills, part::FileRecord};

    fn record(rows_in: u64, rows_out: u64, rejected: u64) -> PartRecord {
        PartRecord {
            fingerprint: String::new(),
            rows_in,
            rows_out,
            rejected: BTreeMap::from([(RejectReason::Refused, rejected)]),
            questions: BTreeMap::new(),
            bills: Bills::default(),
            rows_file: FileRecord { bytes: 0, sha256: String::new() },
            rejected_file: None,
            calls_file: None,
        }
    }

    #[test]
    fn a_row_that_went_missing_fails_the_run() {
        assert_eq!(account(Stage::Judgements, &[record(5, 4, 1), record(3, 3, 0)]).unwrap().rows_out, 7);
        let lost = account(Stage::Judgements, &[record(5, 4, 1), record(3, 2, 0)]).unwrap_err();
        assert!(matches!(lost, RunError::Accounting(_)), "{lost}");
        assert_eq!(lost.exit_code(), 1);
    }

    #[test]
    fn a_row_that_a_stage_never_saw_fails_the_run() {
        let parts = |judged| Parts {
            trajectories: vec![record(5, 4, 1)],
            judgements: vec![record(judged, judged, 0)],
            measures: vec![record(4, 4, 0)],
            tokens: vec![record(4, 4, 0)],
        };
        check_chain(&parts(4), None).unwrap();
        let lost = check_chain(&parts(3), None).unwrap_err();
        assert!(
            lost.to_string().contains("4 trajectories were made for judgements, and it took in 3"),
            "{lost}"
        );
    }
}
