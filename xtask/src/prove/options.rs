//! What is asked of `cargo xtask prove`: which proofs, and how long.

use crate::cargo::TaskError;

/// How long a soak lasts when nobody says, in minutes.
const SOAK_MINUTES: u32 = 10;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    /// Empty: all.
    proofs: Vec<String>,
    /// Each proof for a fraction of its time.
    pub(super) is_quick: bool,
    soak_minutes: u32,
}

impl Options {
    pub(super) fn read(options: &[&str], names: &[&str]) -> Result<Self, TaskError> {
        let mut read = Self {
            proofs: Vec::new(),
            is_quick: false,
            soak_minutes: SOAK_MINUTES,
        };
        let mut rest = options.iter();
        while let Some(option) = rest.next() {
            match *option {
                "--quick" => read.is_quick = true,
                "--soak-minutes" => read.soak_minutes = minutes(rest.next().copied())?,
                name if names.contains(&name) => read.proofs.push(name.to_owned()),
                other => {
                    let names = names.join(", ");
                    return Err(TaskError::new(format!(
                        "`{other}` is neither an option (--quick, --soak-minutes N) nor a proof: there are {names}"
                    )));
                }
            }
        }
        Ok(read)
    }

    /// Whether a proof is asked for.
    pub(super) fn runs(&self, name: &str) -> bool {
        self.proofs.is_empty() || self.proofs.iter().any(|proof| proof == name)
    }

    /// What is done in a whole proof, or the less of a quick one.
    pub(super) const fn whole_or(&self, whole: u32, quick: u32) -> u32 {
        if self.is_quick { quick } else { whole }
    }

    /// How long a soak lasts, in seconds.
    pub(super) const fn soak_s(&self) -> u32 {
        self.whole_or(self.soak_minutes * 60, 60)
    }
}

fn minutes(text: Option<&str>) -> Result<u32, TaskError> {
    let minutes = text.and_then(|text| text.parse().ok());
    minutes
        .filter(|minutes| (1..=24 * 60).contains(minutes))
        .ok_or_else(|| TaskError::new("--soak-minutes is expected to be followed by 1 to 1440"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 2] = ["overload", "soak"];

    #[test]
    fn all_run_unless_some_are_named() {
        let all = Options::read(&[], &NAMES).unwrap();
        assert!(all.runs("overload") && all.runs("soak") && !all.is_quick);
        let one = Options::read(&["soak", "--quick"], &NAMES).unwrap();
        assert!(!one.runs("overload") && one.runs("soak") && one.is_quick);
    }

    #[test]
    fn a_soak_lasts_as_long_as_is_said() {
        let options = Options::read(&["--soak-minutes", "60"], &NAMES).unwrap();
        assert_eq!(options.soak_s(), 3_600);
        for wrong in [&["--soak-minutes"][..], &["--soak-minutes", "0"], &["flood"]] {
            assert!(Options::read(wrong, &NAMES).is_err(), "{wrong:?}");
        }
    }
}
