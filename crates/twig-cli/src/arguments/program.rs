//! Arguments of commands about the program itself.

use std::path::PathBuf;

use clap::Args;

/// Which shell.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// Where manual pages go.
#[derive(Debug, Args)]
pub(crate) struct ManArguments {
    /// A folder for the pages of all commands
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
}

/// Which schema.
#[derive(Debug, Args)]
pub(crate) struct SchemaArguments {
    /// Name of a schema; lists them where it is left out
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
}
