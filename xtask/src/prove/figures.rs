//! Numbers out of one JSON object, as `nextbest load --json` prints it.

use crate::cargo::TaskError;

/// The number that is called `name`.
pub(super) fn number(json: &str, name: &str) -> Result<f64, TaskError> {
    let missing = || {
        TaskError::new(format!(
            "a load's report is expected to have the number {name:?}: {json}"
        ))
    };
    let (_, after) = json.split_once(&format!("\"{name}\":")).ok_or_else(missing)?;
    let end = after.find([',', '}']).unwrap_or(after.len());
    after
        .get(..end)
        .and_then(|text| text.trim().parse().ok())
        .ok_or_else(missing)
}

/// A share as people read it.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_by_its_name() {
        let json = r#"{"errors":0,"ok":12,"p99_us":3.5}"#;
        assert_eq!(number(json, "ok").unwrap(), 12.0);
        assert_eq!(number(json, "p99_us").unwrap(), 3.5);
        assert!(number(json, "p98_us").is_err());
    }
}
