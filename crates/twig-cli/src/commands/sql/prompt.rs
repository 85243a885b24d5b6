//! Queries typed one after the other, with history and completion.

use std::path::PathBuf;

use rustyline::{
    CompletionType, Config, Context, Editor, Helper, Highlighter, Hinter, Validator,
    completion::{Completer, Pair},
    error::ReadlineError,
    history::FileHistory,
};
use twig_inspect::SqlSession;

use crate::render;

const HELP: &str = "\
A query ends at the end of its line; a `\\` there continues it.
  .tables          the tables
  .columns TABLE   the columns of one
  .quit            leave, as does Ctrl-D
Try: select category, count(*) n, avg(reward) mean from trajectories group by 1 order by mean";

/// Words of SQL that are offered besides names and functions.
const WORDS: [&str; 24] = [
    "select",
    "from",
    "where",
    "group by",
    "order by",
    "having",
    "limit",
    "join",
    "left join",
    "using",
    "on",
    "as",
    "and",
    "or",
    "not",
    "in",
    "between",
    "is null",
    "distinct",
    "case when",
    "then",
    "else",
    "end",
    "desc",
];

/// Reads and answers until the end of input.
pub(super) fn read_and_answer(session: &mut SqlSession, rows: usize) -> anyhow::Result<()> {
    let config = Config::builder().completion_type(CompletionType::List).auto_add_history(true).build();
    let mut editor: Editor<Words, FileHistory> = Editor::with_config(config)?;
    editor.set_helper(Some(Words::new(session)));
    let history = history_file();
    if let Some(path) = &history {
        // There is none the first time.
        let _ = editor.load_history(path);
    }
    let names: Vec<&str> = session.tables().keys().map(String::as_str).collect();
    render::note(&format!("Tables: {}. `.help` tells more.", names.join(", ")));
    loop {
        match editor.readline("sql> ") {
            Ok(line) if matches!(line.trim(), ".quit" | ".exit" | "exit" | "quit") => break,
            Ok(line) => answer(session, line.trim(), rows),
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(path) = &history {
        // A history that cannot be kept is no reason to fail.
        let _ = path.parent().map(std::fs::create_dir_all);
        let _ = editor.save_history(path);
    }
    Ok(())
}

fn answer(session: &mut SqlSession, line: &str, rows: usize) {
    let mut words = line.split_whitespace();
    match (words.next(), words.next()) {
        (None, _) => {}
        (Some(".help"), _) => render::line(HELP),
        (Some(".tables"), _) => {
            for name in session.tables().keys() {
                render::line(name);
            }
        }
        (Some(".columns" | ".schema" | "describe"), Some(table)) => match session.tables().get(table) {
            Some(columns) => {
                for column in columns {
                    render::line(&format!("{:24} {}", column.name, column.data_type));
                }
            }
            None => render::note(&format!("no table is called `{table}`")),
        },
        _ => match session.query(line) {
            Ok(answer) => {
                render::line(answer.table(rows, render::terminal_width()).trim_end());
                if answer.num_rows() > rows {
                    render::note(&format!("{rows} of {} rows", answer.num_rows()));
                }
            }
            Err(mistake) => render::note(&mistake.to_string()),
        },
    }
}

/// Where queries are remembered: `$XDG_STATE_HOME/twig/sql_history`, by default below `~/.local/state`.
fn history_file() -> Option<PathBuf> {
    let given = std::env::var_os("XDG_STATE_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let folder = given.or_else(|| Some(std::env::home_dir()?.join(".local/state")))?;
    Some(folder.join("twig/sql_history"))
}

/// Completes names of tables, columns and functions, and words of SQL.
#[derive(Helper, Highlighter, Hinter, Validator)]
struct Words {
    all: Vec<String>,
}

impl Words {
    fn new(session: &SqlSession) -> Self {
        let tables = session.tables();
        let names = tables.keys().chain(tables.values().flatten().map(|column| &column.name)).cloned();
        let functions = SqlSession::functions().iter().map(|name| format!("{name}("));
        let words = WORDS.iter().map(|word| (*word).to_owned());
        let commands = [".tables", ".columns", ".help", ".quit"].map(str::to_owned);
        let mut all: Vec<String> = names.chain(functions).chain(words).chain(commands).collect();
        all.sort_unstable();
        all.dedup();
        Self { all }
    }

    /// Where the word before the cursor begins, and what it may become.
    fn candidates(&self, line: &str, position: usize) -> (usize, Vec<&String>) {
        let is_of_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let before = &line[..position];
        let start = before.char_indices().rev().take_while(|(_, c)| is_of_word(*c)).last();
        let start = start.map_or(position, |(start, _)| start);
        // What follows the name of a table and a dot is a column.
        let typed = &before[start..];
        let (start, typed) = match typed.rfind('.') {
            Some(dot) if dot > 0 => (start + dot + 1, &typed[dot + 1..]),
            _ => (start, typed),
        };
        let typed = typed.to_lowercase();
        (start, self.all.iter().filter(|word| word.to_lowercase().starts_with(&typed)).collect())
    }
}

impl Completer for Words {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, candidates) = self.candidates(line, position);
        let pair = |word: &String| Pair { display: word.clone(), replacement: word.clone() };
        Ok((start, candidates.into_iter().map(pair).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_before_the_cursor_is_completed() {
        let words = Words { all: ["reward", "region", "steps", "select"].map(str::to_owned).into() };
        let candidates = |line: &str| {
            let (start, found) = words.candidates(line, line.len());
            (start, found.into_iter().map(String::as_str).collect::<Vec<_>>())
        };
        assert_eq!(candidates("select rew"), (7, vec!["reward"]));
        assert_eq!(candidates("SEL"), (0, vec!["select"]));
        assert_eq!(candidates("select steps.re"), (13, vec!["reward", "region"]));
        assert_eq!(candidates("avg(reg"), (4, vec!["region"]));
    }
}
