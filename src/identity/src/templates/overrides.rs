//! Compares the operator's templates with the embedded ones of the same name.
//!
//! A template of an older version may lack a block or a macro that other templates use by now: the page then lacks a
//! part, and nobody sees why. The comparison reads names only; the templates are compiled elsewhere.

use std::{collections::BTreeSet, fs, path::Path};

use super::BuiltIn;

/// One warning for each operator's file that lacks blocks or macros of the embedded one.
pub fn warnings(directory: &Path) -> Vec<String> {
    let lacking = BuiltIn::iter().filter_map(|name| {
        let own = fs::read_to_string(directory.join(&*name)).ok()?;
        let embedded = BuiltIn::get(&name)?.data;
        let embedded = parts(std::str::from_utf8(&embedded).ok()?);
        let missing: Vec<_> = embedded.difference(&parts(&own)).cloned().collect();
        (!missing.is_empty()).then(|| warning(&directory.join(&*name), &missing, &name))
    });
    lacking.collect()
}

fn warning(file: &Path, missing: &[String], name: &str) -> String {
    format!(
        "the template {} lacks the {}, which the built-in one has: pages may lack a part. Compare it with `postern pages \
         export DIR {name}`",
        file.display(),
        missing.join(", the "),
    )
}

/// What other templates may refer to: `block NAME` and `macro NAME`.
fn parts(template: &str) -> BTreeSet<String> {
    let tags = template.split("{%").skip(1);
    let named = tags.filter_map(|tag| {
        let mut words = tag.trim_start_matches(['-', '+']).split_whitespace();
        let kind = words.next().filter(|kind| ["block", "macro"].contains(kind))?;
        let name = words.next()?.split(['(', '%', '-']).next()?;
        Some(format!("{kind} {name}"))
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn blocks_and_macros_are_found_by_name() {
        let found =
            parts("{% block main %}{%- macro row(a, b) -%}{% endmacro %}{% endblock %}{% block kind%}");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["block kind", "block main", "macro row"]);
    }
}
