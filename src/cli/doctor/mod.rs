//! `nextbest doctor`: is this machine, with this pack and these keys, fit to serve?
//!
//! Every check says what it found, and what to do where that is not good. Nothing is changed but a scratch folder,
//! which is removed. Deliberately absent: load. Whether the machine is fast enough is `nextbest load`'s to say.

mod clock;
mod disk;
mod journal;
mod keys;
mod pack;
mod system;

use std::path::PathBuf;

use clap::Args;

use super::Failure;

/// Look at this machine, a pack and its keys, and say what would go wrong in service.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  nextbest doctor --pack packs/stadium --keys keys --state state\n\n\
                        Leaves with 0 when everything is good or worth a look only, with 1 when something must be mended."
)]
pub(super) struct Arguments {
    /// The pack's folder.
    #[arg(long, value_name = "DIR")]
    pack: Option<PathBuf>,
    /// The key folder.
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// The folder for what must survive, or where it will be. Its disk is measured; what is in it is left alone.
    #[arg(long, value_name = "DIR", default_value = ".")]
    state: PathBuf,
    /// Write to a scratch journal until killed: what the doctor starts itself.
    #[arg(long, value_name = "DIR", hide = true)]
    write_until_killed: Option<PathBuf>,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Good,
    /// It works, and could be better.
    Look,
    /// It does not, or will not for long.
    Bad,
}

/// What a check found.
#[derive(Debug)]
struct Finding {
    subject: &'static str,
    verdict: Verdict,
    /// What was found.
    found: String,
    /// What to do; empty when it is good.
    advice: &'static str,
}

impl Finding {
    fn good(subject: &'static str, found: impl Into<String>) -> Self {
        Self {
            subject,
            verdict: Verdict::Good,
            found: found.into(),
            advice: "",
        }
    }

    fn look(subject: &'static str, found: impl Into<String>, advice: &'static str) -> Self {
        Self {
            subject,
            verdict: Verdict::Look,
            found: found.into(),
            advice,
        }
    }

    fn bad(subject: &'static str, found: impl Into<String>, advice: &'static str) -> Self {
        Self {
            verdict: Verdict::Bad,
            ..Self::look(subject, found, advice)
        }
    }

    fn print(&self) {
        let mark = match self.verdict {
            Verdict::Good => "good",
            Verdict::Look => "look",
            Verdict::Bad => "BAD ",
        };
        say!("{mark}  {:<14} {}", self.subject, self.found);
        if !self.advice.is_empty() {
            say!("      {:<14} {}", "", self.advice);
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if let Some(folder) = &arguments.write_until_killed {
        return journal::write_until_killed(folder);
    }
    let mut findings = vec![disk::check(&arguments.state), clock::check()];
    findings.extend(system::check());
    findings.push(match &arguments.keys {
        Some(keys) => keys::check(keys),
        None => Finding::look("keys", "not looked at", "say `--keys DIR`"),
    });
    findings.push(match &arguments.pack {
        Some(pack) => pack::check(pack),
        None => Finding::look("pack", "not looked at", "say `--pack DIR`"),
    });
    findings.push(journal::check(&arguments.state));
    findings.iter().for_each(Finding::print);
    let bad = findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Bad)
        .count();
    match bad {
        0 => Ok(()),
        1 => Err(Failure::wrong("one thing must be mended before this machine serves")),
        bad => Err(Failure::wrong(format!(
            "{bad} things must be mended before this machine serves"
        ))),
    }
}
