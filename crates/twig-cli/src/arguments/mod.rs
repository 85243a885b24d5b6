//! The command line. Doc comments are the help texts.

mod job;
mod look;
mod program;
mod release;

use clap::{Parser, Subcommand};

pub(crate) use self::{job::*, look::*, program::*, release::*};

/// Builds TwiG-50K-style datasets: pictures with the region-by-region thoughts, critiques and image tokens
/// that image generators are fine-tuned on.
#[derive(Debug, Parser)]
#[command(
    name = "twig",
    version,
    after_help = "Exit codes: 0 done · 1 unexpected · 2 wrong usage, pipeline file or release · 3 more \
                  was rejected than allowed · 4 budget reached · 75 interrupted, or worth trying again\n\n\
                  Start with: twig run pipelines/quickstart.yaml"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a build job, or go on with one
    ///
    /// Whatever was done before stays and is not done again; run the same command after an interruption.
    /// Ctrl-C once finishes what is under way, twice stops at once.
    #[command(after_help = "Example:\n  twig run pipelines/quickstart.yaml --limit 20")]
    Run(RunArguments),
    /// Say what a run would do, ask and occupy, without doing it
    #[command(
        after_help = "Example:\n  twig plan pipelines/quickstart.yaml --select --set 'select.where=reward >= 95'"
    )]
    Plan(PlanArguments),
    /// Show how far a job has come
    #[command(after_help = "Examples:\n  twig status out/quickstart\n  watch twig status out/quickstart")]
    Status(FolderArguments),
    /// Look after the answer store: what every teacher has said, and what was paid for it
    #[command(
        subcommand,
        after_help = "Examples:\n  twig answers stats out/quickstart\n  twig answers export out/quickstart answers.seg"
    )]
    Answers(AnswersCommand),
    /// Check a release: hashes, schemas, counts, tokens, pictures, accounting; of a job also parts and answers
    #[command(
        after_help = "Examples:\n  twig verify out/quickstart\n  twig verify out/quickstart --repair\n  twig verify \
                      out/quickstart --json | jq .problems"
    )]
    Verify(VerifyArguments),
    /// Try rejected rows again that can succeed when a teacher is asked once more, then go on with the job
    ///
    /// Answers that were of use are kept: only the questions that failed are asked, and paid for, again.
    #[command(
        after_help = "Example:\n  twig retry pipelines/openai.yaml --reason refused --reason invalid_answer"
    )]
    Retry(RetryArguments),
    /// Summarise a release, or compare two: rows, scores, attempts, rejections
    #[command(
        after_help = "Examples:\n  twig inspect out/quickstart\n  twig inspect out/before out/after\n  twig inspect s3://bucket/release\n  \
                      twig inspect out/quickstart --json | jq .warnings"
    )]
    Inspect(InspectArguments),
    /// Ask questions in SQL: of every table, of rejected rows, calls, events and marks
    ///
    /// Without a query it reads one after the other, with history (arrow keys) and completion (Tab).
    #[command(
        after_help = "Examples:\n  twig sql out/quickstart \"select category, avg(reward) from steps group by \
                      1\"\n  twig sql out/quickstart \"select reason, count(*) n from rejected group by reason\" \
                      --format csv\n  twig sql out/quickstart \"select * from steps where score < 60\" -o \
                      worst.parquet\n  twig sql out/quickstart"
    )]
    Sql(SqlArguments),
    /// Show a trajectory in the terminal: prompt, regions, thoughts, critiques, pictures
    #[command(
        after_help = "Examples:\n  twig show out/quickstart              one with a redo\n  twig show \
                      out/quickstart 3f9a2c41   the one whose id begins so\n  twig show 3f9a2c41 | less -R      \
                      looked for in this folder and in out/*"
    )]
    Show(ShowArguments),
    /// Draw trajectories as a contact sheet: canvas, thought and critique of every region
    #[command(
        after_help = "Examples:\n  twig sheet out/quickstart\n  twig sheet out/quickstart --rows 12 -o twelve.png"
    )]
    Sheet(SheetArguments),
    /// Write a release in another format
    ///
    /// The same command goes on with an export that was interrupted.
    #[command(
        after_help = "Examples:\n  twig export out/quickstart -o exported\n  twig export out/quickstart --format \
                      webdataset -o tars"
    )]
    Export(ExportArguments),
    /// Write a report to send to somebody: one HTML file that loads nothing from anywhere
    #[command(
        after_help = "Examples:\n  twig report out/quickstart\n  twig report out/quickstart -o quickstart.html"
    )]
    Report(ReportArguments),
    /// Look at trajectories in the browser, mark them, follow a run, compare two releases
    ///
    /// Serves pages on 127.0.0.1 under an address with a random token, and prints it. Marks go to `marks.jsonl`
    /// in the job's folder, or beside a release that stands alone. Ctrl-C ends it.
    #[command(
        after_help = "Examples:\n  twig view out/quickstart\n  twig view out/before out/after   side by side\n  \
                      ssh -L 8080:127.0.0.1:8080 HOST twig view OUT --port 8080"
    )]
    View(ViewArguments),
    /// Print a script that completes commands and options in a shell
    #[command(
        after_help = "Examples:\n  twig completions bash > ~/.local/share/bash-completion/completions/twig\n  \
                      twig completions zsh > ~/.zfunc/_twig\n  twig completions fish > \
                      ~/.config/fish/completions/twig.fish"
    )]
    Completions(CompletionsArguments),
    /// Write the manual pages, or print the one of `twig` itself
    #[command(after_help = "Examples:\n  twig man | man -l -\n  twig man -o ~/.local/share/man/man1")]
    Man(ManArguments),
    /// Upload a release to an object store or to the Hugging Face Hub
    ///
    /// Readers there see all of it or nothing. The same command goes on with an upload that was interrupted.
    /// Credentials come from the environment under the names of each provider's own tools: AWS_ACCESS_KEY_ID,
    /// AWS_ENDPOINT_URL, GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_ACCOUNT_NAME, HF_TOKEN, …
    #[command(
        after_help = "Examples:\n  twig push out/quickstart s3://bucket/quickstart\n  twig push out/quickstart hf://datasets/me/quickstart"
    )]
    Push(PushArguments),
    /// Put several releases together into a new one
    ///
    /// Of trajectories that several have (by id), the first release's is kept. Pictures are copied as they are.
    #[command(after_help = "Example:\n  twig merge out/monday out/tuesday -o out/both")]
    Merge(MergeArguments),
    /// Make a new release of the trajectories for which a condition holds
    ///
    /// The condition is SQL as in `select.where`, over id, prompt, category, mode, painter, sample_index, num_steps,
    /// attempts, min_step_score and reward.
    #[command(
        after_help = "Example:\n  twig filter out/quickstart --where \"reward >= 90 and attempts <= 4\" -o out/best"
    )]
    Filter(FilterArguments),
    /// Make a new release of a fair share of the prompts, for example as a preview
    #[command(after_help = "Example:\n  twig sample out/quickstart --share 0.01 -o out/preview")]
    Sample(SampleArguments),
    /// Print a JSON Schema: of the pipeline file, of events, of the manifest, of teachers' answers
    #[command(after_help = "Examples:\n  twig schema\n  twig schema pipeline > pipeline.schema.json")]
    Schema(SchemaArguments),
}

/// What to do with the answers of a job.
#[derive(Debug, Subcommand)]
pub(crate) enum AnswersCommand {
    /// Count answers, bytes, damage, and what was spent
    Stats(FolderArguments),
    /// Copy all sound answers of a job into a file
    Export(AnswerFileArguments),
    /// Take over the answers in a file; questions that they answer are not asked again
    Import(AnswerFileArguments),
    /// Rewrite the store without damage, torn ends and second answers to the same question
    Prune(FolderArguments),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_command_shows_by_example_what_to_type() {
        let command = Arguments::command();
        command.clone().debug_assert();
        for subcommand in command.get_subcommands() {
            let shown = subcommand.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(shown.starts_with("Example") && shown.contains("  twig "), "{}", subcommand.get_name());
        }
    }
}
