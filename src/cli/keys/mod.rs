//! `nextbest keys`: makes a key folder, and changes one while a gateway uses it.
//!
//! A gateway takes a change at SIGHUP or `POST /v1/admin/reload`; each command says so. Deliberately absent: talking to
//! the gateway, so that a key is revoked also when nothing answers.

mod make;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Failure;
use crate::serve::access::admin_tokens::AdminRole;
use crate::serve::access::changes;
use crate::serve::access::revoked::{Revocation, RevocationError};
use crate::serve::clock::unix_s;
use crate::serve::keys::KeyFolder;
use crate::serve::token::CLOCK_SKEW_S_MAX;

/// What to do after a change.
const TAKE: &str = "A running gateway takes it at SIGHUP or POST /v1/admin/reload.";

/// Make a key folder: an authority, the gateway's certificate, one for each hub, and tokens for apps. Or change one.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    arg_required_else_help = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:\n  nextbest keys --out keys\n  nextbest keys --out keys --pack packs/stadium --customers ada,ben\n  \
                        nextbest keys --out keys --venue museum --hubs door,hall --name gateway.museum.example\n  \
                        nextbest keys admin --keys keys --role viewer --name grafana\n  \
                        nextbest keys revoke --keys keys --hub hub-17\n  nextbest keys rotate --keys keys\n\n\
                        A customer's token lives 24 hours, a service's 30 days; `nextbest ask` signs its own."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    change: Option<Change>,
    #[command(flatten)]
    make: make::Arguments,
}

#[derive(Debug, Subcommand)]
enum Change {
    Admin(Admin),
    Revoke(Revoke),
    Rotate(Rotate),
}

/// Make, list or revoke the tokens of staff for the admin listener. A token is shown once; the folder keeps its digest.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nextbest keys admin --keys keys --role operator --name ops\n  \
                        nextbest keys admin --keys keys --list\n  nextbest keys admin --keys keys --revoke ops"
)]
struct Admin {
    /// The key folder.
    #[arg(long, value_name = "DIR", default_value = "keys")]
    keys: PathBuf,
    /// What the holder may do: viewer, marketer, approver, operator, agent or privacy-officer.
    #[arg(long, value_name = "ROLE", value_parser = role, requires = "name", required_unless_present_any = ["list", "revoke"])]
    role: Option<AdminRole>,
    /// Who gets it.
    #[arg(long, value_name = "NAME", requires = "role")]
    name: Option<String>,
    /// How long it lives.
    #[arg(long, value_name = "N", default_value_t = 90)]
    days: u64,
    /// List who has one.
    #[arg(long, conflicts_with_all = ["role", "revoke"])]
    list: bool,
    /// Take somebody's away.
    #[arg(long, value_name = "NAME", conflicts_with = "role")]
    revoke: Option<String>,
}

/// Refuse a hub, a certificate, a token, or everything that was signed for somebody until today.
///
/// The clock of who signs may be a minute ahead of ours, so a token that is signed within the next minute is refused as
/// well, unless `--until` says otherwise.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nextbest keys revoke --keys keys --hub hub-17\n  \
                        nextbest keys revoke --keys keys --certificate 3F:9A:0C\n  \
                        nextbest keys revoke --keys keys --token Jv3cN0mYt8r2Qw5sKx1ZzA\n  \
                        nextbest keys revoke --keys keys --customer ada")]
struct Revoke {
    /// The key folder.
    #[arg(long, value_name = "DIR", default_value = "keys")]
    keys: PathBuf,
    #[command(flatten)]
    whom: Whom,
    /// Of a customer or subject: tokens issued at this second of 1970-01-01 UTC or before [default: in a minute].
    #[arg(long, value_name = "UNIX_SECONDS", conflicts_with_all = ["hub", "certificate", "token"])]
    until: Option<u64>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Whom {
    /// A hub, whatever its certificate.
    #[arg(long, value_name = "ID")]
    hub: Option<String>,
    /// One certificate, by its serial number in hexadecimal digits.
    #[arg(long, value_name = "SERIAL")]
    certificate: Option<String>,
    /// One token, by its `jti`.
    #[arg(long, value_name = "ID")]
    token: Option<String>,
    /// All tokens of a customer.
    #[arg(long, value_name = "ID")]
    customer: Option<String>,
    /// All tokens of a customer or service.
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
}

/// Sign tokens with another key. Tokens of the key before are taken until `--finish`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nextbest keys rotate --keys keys\n  nextbest keys rotate --keys keys --finish")]
struct Rotate {
    /// The key folder.
    #[arg(long, value_name = "DIR", default_value = "keys")]
    keys: PathBuf,
    /// Refuse the tokens of the key before.
    #[arg(long)]
    finish: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.change {
        None => make::run(&arguments.make),
        Some(Change::Admin(arguments)) => admin(arguments),
        Some(Change::Revoke(arguments)) => revoke(arguments),
        Some(Change::Rotate(arguments)) => rotate(arguments),
    }
}

fn admin(arguments: &Admin) -> Result<(), Failure> {
    let keys = KeyFolder::open(&arguments.keys).map_err(Failure::wrong)?;
    if let (Some(role), Some(name)) = (arguments.role, &arguments.name) {
        let token = changes::make_admin_token(&keys, name, role, arguments.days, unix_s()).map_err(Failure::wrong)?;
        say!("{token}");
        eprintln!(
            "{name}, {}, for {} days. It is not shown again. {TAKE}",
            role.name(),
            arguments.days
        );
        return Ok(());
    }
    if let Some(name) = &arguments.revoke {
        changes::revoke_admin_token(&keys, name).map_err(Failure::wrong)?;
        say!("{name} has no admin token. {TAKE}");
        return Ok(());
    }
    let now_unix_s = unix_s();
    for token in keys.admin_tokens().map_err(Failure::wrong)?.iter() {
        let days_left = token.until_unix_s.saturating_sub(now_unix_s).div_ceil(86_400);
        say!("{} {} {days_left} days left", token.name, token.role.name());
    }
    Ok(())
}

fn revoke(arguments: &Revoke) -> Result<(), Failure> {
    let keys = KeyFolder::open(&arguments.keys).map_err(Failure::wrong)?;
    let revocation = arguments.revocation().map_err(Failure::wrong)?;
    changes::revoke(&keys, &revocation).map_err(Failure::wrong)?;
    say!("Refused: {revocation}. {TAKE}");
    Ok(())
}

impl Revoke {
    fn revocation(&self) -> Result<Revocation, RevocationError> {
        let until_unix_s = self.until.unwrap_or_else(|| unix_s().saturating_add(CLOCK_SKEW_S_MAX));
        match &self.whom {
            Whom { hub: Some(id), .. } => Revocation::hub(id),
            Whom {
                certificate: Some(serial),
                ..
            } => Revocation::certificate(serial),
            Whom { token: Some(id), .. } => Revocation::token(id),
            Whom { customer: Some(id), .. } => Revocation::customer(id, until_unix_s),
            Whom { subject, .. } => Revocation::subject(subject.as_deref().unwrap_or_default(), until_unix_s),
        }
    }
}

fn rotate(arguments: &Rotate) -> Result<(), Failure> {
    let keys = KeyFolder::open(&arguments.keys).map_err(Failure::wrong)?;
    if arguments.finish {
        changes::finish_rotation(&keys).map_err(Failure::wrong)?;
        say!("Tokens of the former key are refused. {TAKE}");
    } else {
        changes::rotate(&keys, unix_s()).map_err(Failure::wrong)?;
        say!(
            "Tokens are signed with another key, tokens/service.jwt too; those of the former one are taken until \
             `nextbest keys rotate --finish`. {TAKE}"
        );
    }
    Ok(())
}

fn role(name: &str) -> Result<AdminRole, String> {
    AdminRole::named(name).ok_or_else(|| {
        let names = AdminRole::ALL.map(AdminRole::name);
        format!("expected one of {}", names.join(", "))
    })
}
