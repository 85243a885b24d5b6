//! `${VARIABLE}` and `${VARIABLE:-default}` in texts of the pipeline file.

use std::env;

/// The text with every variable replaced, or which one is not set.
pub(crate) fn replaced(text: &str) -> Result<String, String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (inner, behind) =
            after.split_once('}').ok_or_else(|| format!("`{text}`: a `}}` is missing after `${{`"))?;
        let (name, default) = match inner.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        result.push_str(before);
        match (env::var(name), default) {
            (Ok(value), _) if !value.is_empty() => result.push_str(&value),
            (_, Some(default)) => result.push_str(default),
            (_, None) => {
                return Err(format!("the environment variable {name} is not set; set it and try again"));
            }
        }
        rest = behind;
    }
    result.push_str(rest);
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_is_not_set_has_its_default_or_is_named() {
        assert_eq!(replaced("a/b").unwrap(), "a/b");
        assert_eq!(replaced("${TWIG_NO_SUCH:-x/y}/*.txt").unwrap(), "x/y/*.txt");
        assert!(replaced("${CARGO_MANIFEST_DIR}/a").unwrap().ends_with("twig-pipeline/a"));
        assert_eq!(
            replaced("${TWIG_NO_SUCH}").unwrap_err(),
            "the environment variable TWIG_NO_SUCH is not set; set it and try again"
        );
        assert!(replaced("${TWIG").unwrap_err().contains("missing"));
    }
}
